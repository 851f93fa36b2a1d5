/*
 * route_host - the text of a smart host: a name or an address, perhaps with a port; pure
 *
 * Runs in:  master, posternctl, deliver, pickup
 * Owns:     nothing
 * Promise:  what is taken can be looked up or connected to
 * Fails by: -1
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/rules/route.h"

static bool
parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end != '\0' || value == 0 || value > 65535)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool
is_address(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "192.0.2.1", "2001:db8::1", and as RFC 5321 4.1.3 writes the latter: "IPv6:2001:db8::1". */
static bool
parse_host_literal(struct destination_host *h, const char *text, size_t len)
{
	if (len > 5 && strncasecmp(text, "IPv6:", 5) == 0)
		text += 5, len -= 5;
	h->name = mem_strndup(text, len);
	h->literal = true;
	return is_address(h->name);
}

static bool
parse_host(struct destination_host *h, const char *text)
{
	const char *rest;

	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (end == NULL || !parse_host_literal(h, text + 1, (size_t)(end - text - 1)))
			return false;
		rest = end + 1;
	} else {
		size_t len = strcspn(text, ":");

		h->name = mem_strndup(text, len);
		h->literal = is_address(h->name);
		if (!h->literal && !net_is_hostname(h->name))
			return false;
		rest = text + len;
	}
	return *rest == '\0' || (*rest == ':' && parse_port(rest + 1, &h->port));
}

int
route_host_parse(struct destination_host *h, const char *text, uint16_t port)
{
	*h = (struct destination_host){ .port = port };
	if (parse_host(h, text))
		return 0;
	free(h->name);
	h->name = NULL;
	return -1;
}
