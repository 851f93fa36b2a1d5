/*
 * ctl_text - checks of strings in control messages; pure
 *
 * Runs in:  master, web, listener, auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  reads nothing beyond `size`
 * Fails by: false
 */
#include "common/ipc/ctl_text.h"

#include <string.h>

bool
ctl_text_is_ended(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
ctl_text_is_text(const char *text, size_t size)
{
	if (!ctl_text_is_ended(text, size))
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}
