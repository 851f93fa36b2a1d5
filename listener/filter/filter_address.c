/*
 * filter_address - addresses as filters name them, for changes of the envelope; pure
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  one record has one address in angle brackets, and nothing that could end it; listener and pickup
 *           will parse it, and it was parsed as they do
 * Fails by: false
 */
#include <stdio.h>
#include <string.h>

#include "common/mail/address.h"
#include "common/mail/envelope_change.h"
#include "listener/filter/filter.h"

enum { PARAMETERS_MAX = 2000 };

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return true;
	return false;
}

/* What is in angle brackets, alone, is an address. */
static bool
is_address(const char *record, const struct filter_message_rules *rules)
{
	struct address a;
	size_t used;

	return envelope_change_parse(&a, record, rules->domain, &used) == 0 && record[1 + used] == '\0' &&
	    (rules->utf8 || *record == '-' || !address_is_utf8(&a));
}

bool
filter_address_put(struct buf *out, char what, const char *address, const char *parameters,
    const struct filter_message_rules *rules)
{
	char record[ADDRESS_MAX + 4];
	size_t len;

	address += strspn(address, " \t");
	len = strlen(address);
	while (len > 0 && address[len - 1] == ' ')
		len--;
	if (len >= 2 && address[0] == '<' && address[len - 1] == '>') {
		address++;
		len -= 2;
	}
	if (len > ADDRESS_MAX || strlen(parameters) > PARAMETERS_MAX || has_control(address) ||
	    has_control(parameters) || memchr(address, '<', len) != NULL ||
	    memchr(address, '>', len) != NULL)
		return false;
	snprintf(record, sizeof(record), "%c<%.*s>", what, (int)len, address);
	if (!is_address(record, rules))
		return false;
	parameters += strspn(parameters, " ");
	buf_printf(out, "%s%s%s", record, *parameters != '\0' ? " " : "", parameters);
	buf_add(out, "", 1);
	return buf_ok(out);
}
