/*
 * filter_address - addresses as filters name them, for changes of the envelope; pure
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  one record has one address in angle brackets, and nothing that could end it; listener and pickup
 *           parse it again
 * Fails by: false
 */
#include <string.h>

#include "listener/filter/filter.h"

enum { ADDRESS_MAX = 1000, PARAMETERS_MAX = 2000 };

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return true;
	return false;
}

bool
filter_address_put(struct buf *out, char what, const char *address, const char *parameters)
{
	size_t len;

	address += strspn(address, " \t");
	len = strlen(address);
	while (len > 0 && address[len - 1] == ' ')
		len--;
	if (len >= 2 && address[0] == '<' && address[len - 1] == '>') {
		address++;
		len -= 2;
	}
	/* Only the sender may be empty. */
	if (len > ADDRESS_MAX || strlen(parameters) > PARAMETERS_MAX || has_control(address) ||
	    has_control(parameters) || memchr(address, '<', len) != NULL ||
	    memchr(address, '>', len) != NULL || (len == 0 && what != '='))
		return false;
	parameters += strspn(parameters, " ");
	buf_printf(out, "%c<%.*s>%s%s", what, (int)len, address, *parameters != '\0' ? " " : "", parameters);
	buf_add(out, "", 1);
	return buf_ok(out);
}
