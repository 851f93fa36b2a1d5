/*
 * idn - domain names in their ASCII form (IDNA 2008, A-labels), by libidn2; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  two spellings of one name give the same form: case and composition do not matter
 * Fails by: false
 */
#include "common/mail/idn.h"

#include <ctype.h>
#include <idn2.h>
#include <stdint.h>
#include <string.h>

#include "common/base/net.h"

bool
idn_is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

bool
idn_to_ascii(char out[IDN_SIZE], const char *domain)
{
	uint8_t *found = NULL;
	bool good = false;

	if (idn_is_ascii(domain)) {
		size_t len = strlen(domain);

		if (len >= IDN_SIZE)
			return false;
		for (size_t i = 0; i <= len; i++)
			out[i] = (char)tolower((unsigned char)domain[i]);
		return true;
	}
	if (idn2_lookup_u8((const uint8_t *)domain, &found,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		size_t len = strlen((char *)found);

		good = len < IDN_SIZE && net_is_hostname((char *)found);
		if (good)
			memcpy(out, found, len + 1);
	}
	idn2_free(found);
	return good;
}

bool
idn_has_ascii_form(const char *address)
{
	const char *at = strrchr(address, '@');
	char domain[IDN_SIZE];

	for (const char *p = address; *p != '\0' && p != at; p++)
		if ((*p & 0x80) != 0)
			return false;
	return at == NULL || idn_to_ascii(domain, at + 1);
}
