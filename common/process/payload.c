/*
 * payload - strings in what a control message carries
 *
 * Runs in:  every process (pure)
 * Owns:     nothing
 * Promise:  reads nothing beyond `size`
 * Fails by: false
 */
#include "common/process/payload.h"

#include <string.h>

bool
payload_is_ended(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
payload_is_text(const char *text, size_t size)
{
	if (!payload_is_ended(text, size))
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}
