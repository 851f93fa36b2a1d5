/*
 * key_check_range - addresses and ports that operators of a virtual server may give it; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  an item allows what it names and no more: all addresses of this host at once, as *:25 or [::]:25
 *           has them, only by "*"
 * Fails by: false; -1 and what would be right
 */
#include <stdio.h>
#include <string.h>

#include "common/base/net.h"
#include "common/config/key.h"

struct range { bool all; struct net_entry net; unsigned from, to; };

/* "25", "25-2599", "*"; 0 or -1. */
static int
parse_ports(struct range *r, const char *text)
{
	int used = 0, n;

	r->from = 1;
	r->to = 65535;
	if (strcmp(text, "*") == 0)
		return 0;
	if (strlen(text) > 11 || strspn(text, "0123456789-") != strlen(text) || *text == '-')
		return -1;
	n = sscanf(text, "%5u%n-%5u%n", &r->from, &used, &r->to, &used);
	if (n == 1)
		r->to = r->from;
	return n < 1 || text[used] != '\0' || r->from < 1 || r->from > r->to || r->to > 65535 ? -1 : 0;
}

/* "192.0.2.1", "192.0.2.0/24", "[2001:db8::1]", "[2001:db8::/64]", "*"; 0 or -1. */
static int
parse_address(struct range *r, const char *text, size_t len)
{
	char address[NET_TEXT_SIZE * 2];
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	const char *why;

	r->all = len == 1 && *text == '*';
	if (r->all)
		return 0;
	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(address))
		return -1;
	memcpy(address, text, len);
	address[len] = '\0';
	/* as in listen, an address with colons stands in brackets, so that it is clear what is the port */
	if (brackets != (strchr(address, ':') != NULL) || net_entry_parse(&r->net, address, &why) == -1)
		return -1;
	if (r->net.family != AF_UNSPEC)
		return 0;
	net_entry_done(&r->net);
	return -1;
}

static int
parse_range(struct range *r, const char *text)
{
	const char *colon = strrchr(text, ':');

	*r = (struct range){ 0 };
	return colon == NULL || parse_ports(r, colon + 1) == -1 ? -1 :
	    parse_address(r, text, (size_t)(colon - text));
}

int
key_check_range(const char *text, const char **why)
{
	struct range r;

	*why = "an address or network with ports: 192.0.2.10:25, 192.0.2.0/28:25-2599, [2001:db8::1]:*, or "
	    "*:2525 for every address";
	return parse_range(&r, text);
}

/* 0.0.0.0 and ::, also as ::ffff:0.0.0.0. */
static bool
is_every_address(const struct sockaddr *sa)
{
	static const uint8_t none[16];
	uint8_t bytes[16];
	int family;
	size_t len = net_bytes(sa, &family, bytes);

	return memcmp(bytes, none, len) == 0;
}

bool
key_check_range_has(const char *text, const struct sockaddr *sa)
{
	struct range r;

	if (parse_range(&r, text) == -1 || net_port(sa) < r.from || net_port(sa) > r.to)
		return false;
	return r.all || (!is_every_address(sa) && net_entry_has(&r.net, sa));
}
