/*
 * config_strings - lists of words compared; pure
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  lists are the same when they have the same words in the same order
 * Fails by: not at all
 */
#include "common/config/config_strings.h"

#include <string.h>

bool
config_strings_same(const struct config_strings *a, const struct config_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	return true;
}
