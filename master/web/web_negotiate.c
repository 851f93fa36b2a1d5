/*
 * web_negotiate - a token of Kerberos in a header of HTTP (RFC 4559), both ways; pure
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  only the one scheme, and only a whole token in base64
 * Fails by: false
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "master/web/web.h"

static const char scheme[] = "Negotiate ";

bool
web_negotiate_take(struct msg_web_ticket *t, const char *value)
{
	size_t len = sizeof(scheme) - 1;
	ssize_t n;

	if (strncasecmp(value, scheme, len) != 0)
		return false;
	value += len;
	value += strspn(value, " ");
	n = base64_decode(t->token.data, sizeof(t->token.data), value, strlen(value));
	if (n <= 0)
		return false;
	t->token.len = (uint16_t)n;
	return true;
}

void
web_negotiate_format(char dst[WEB_NEGOTIATE_SIZE], const uint8_t *token, size_t len)
{
	snprintf(dst, WEB_NEGOTIATE_SIZE, "%s", scheme);
	base64_encode(dst + sizeof(scheme) - 1, token, len < WEB_ANSWER_MAX ? len : WEB_ANSWER_MAX);
}
