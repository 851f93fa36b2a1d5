/*
 * proxy - the header of the PROXY protocol, versions 1 and 2: bytes in, the client's address and the address
 * that it connected to out; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  no byte behind the header is taken, in whatever pieces it comes; PROXY_STORED_MAX bytes are
 *           stored at most, TLVs are skipped
 * Fails by: PROXY_BAD, with a reason. Sections are those of proxy-protocol.txt (haproxy.org)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/accept/accept.h"

#define LINE_MAX_V1 107		/* section 2.1, with CRLF */
#define HEAD_V2 16		/* section 2.2: signature, version and command, family, length */
#define SIGNATURE_SIZE 12

static const char signature[SIGNATURE_SIZE] = "\r\n\r\n\0\r\nQUIT\n";
static const char word[] = "PROXY ";

static void
set_bad(struct proxy *p, const char *why)
{
	p->state = PROXY_BAD;
	p->why = why;
}

/* --- version 1: one line of words --- */

/* The next word; false: there is none. Exactly one blank separates words. */
static bool
next_word(char **rest, char **one)
{
	char *end;

	*one = *rest;
	if (*rest == NULL || **rest == '\0')
		return false;
	end = strchr(*rest, ' ');
	if (end != NULL)
		*end++ = '\0';
	*rest = end;
	return **one != '\0';
}

/* Digits without a leading zero, at most 65535. */
static bool
take_port(const char *text, in_port_t *port)
{
	unsigned n = 0;

	if (text[0] == '0' && text[1] != '\0')
		return false;
	for (const char *at = text; *at != '\0'; at++) {
		if (*at < '0' || *at > '9' || at - text >= 5)
			return false;
		n = n * 10 + (unsigned)(*at - '0');
	}
	*port = htons((uint16_t)n);
	return n <= 65535;
}

static bool
take_pair(union proxy_address *a, int family, const char *ip, const char *port)
{
	*a = (union proxy_address){ .sa.sa_family = (sa_family_t)family };
	if (family == AF_INET)
		return inet_pton(AF_INET, ip, &a->in.sin_addr) == 1 && take_port(port, &a->in.sin_port);
	return inet_pton(AF_INET6, ip, &a->in6.sin6_addr) == 1 && take_port(port, &a->in6.sin6_port);
}

/* `line` comes without its CRLF. */
static void
parse_line(struct proxy *p, char *line)
{
	char *rest = line + sizeof(word) - 1, *family, *ip[2], *port[2];
	bool whole;
	int af;

	if (!next_word(&rest, &family)) {
		set_bad(p, "no address family");
		return;
	}
	if (strcmp(family, "UNKNOWN") == 0) {
		p->state = PROXY_ITSELF; /* what follows is to be ignored */
		return;
	}
	af = strcmp(family, "TCP4") == 0 ? AF_INET : strcmp(family, "TCP6") == 0 ? AF_INET6 : AF_UNSPEC;
	if (af == AF_UNSPEC) {
		set_bad(p, "unknown address family");
		return;
	}
	whole = next_word(&rest, &ip[0]) && next_word(&rest, &ip[1]) && next_word(&rest, &port[0]) &&
	    next_word(&rest, &port[1]);
	if (!whole || rest != NULL || !take_pair(&p->from, af, ip[0], port[0]) ||
	    !take_pair(&p->to, af, ip[1], port[1])) {
		set_bad(p, "malformed addresses");
		return;
	}
	p->state = PROXY_CLIENT;
}

static size_t
take_line(struct proxy *p, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\0') {
			set_bad(p, "NUL in it");
			return i;
		}
		p->head[p->len++] = data[i];
		if (data[i] == '\n') {
			if (p->head[p->len - 2] != '\r') {
				set_bad(p, "line without CRLF");
				return i + 1;
			}
			p->head[p->len - 2] = '\0';
			parse_line(p, p->head);
			return i + 1;
		}
		if (p->len == LINE_MAX_V1) {
			set_bad(p, "line too long");
			return i + 1;
		}
	}
	return len;
}

/* --- version 2: binary --- */

static size_t
addresses_of(unsigned family)
{
	return family == 1 ? 12 : family == 2 ? 36 : family == 3 ? 216 : 0;
}

/* Version, command, family, transport and length; false: bad. */
static bool
judge_head(struct proxy *p)
{
	const uint8_t *h = (const uint8_t *)p->head;
	unsigned family = h[13] >> 4, transport = h[13] & 15;

	p->left = (size_t)h[14] << 8 | h[15];
	if (h[12] >> 4 != 2)
		set_bad(p, "unknown version");
	else if ((h[12] & 15) > 1)
		set_bad(p, "unknown command");
	else if (p->left > PROXY_LENGTH_MAX)
		set_bad(p, "too long");
	else if ((h[12] & 15) == 0)
		return true; /* LOCAL: the family is to be ignored */
	else if (family > 3 || transport > 2)
		set_bad(p, "unknown address family");
	else if (p->left < addresses_of(family))
		set_bad(p, "too short for its addresses");
	return p->state != PROXY_BAD;
}

static void
fill_address(union proxy_address *a, unsigned family, const uint8_t *ip, const uint8_t *port)
{
	*a = (union proxy_address){ 0 };
	if (family == 1) {
		a->in.sin_family = AF_INET;
		memcpy(&a->in.sin_addr, ip, 4);
		memcpy(&a->in.sin_port, port, 2);
	} else {
		a->in6.sin6_family = AF_INET6;
		memcpy(&a->in6.sin6_addr, ip, 16);
		memcpy(&a->in6.sin6_port, port, 2);
	}
}

/* The header is whole. With LOCAL, and without an IP family, the peer is the client (section 2.2). */
static void
take_addresses(struct proxy *p)
{
	const uint8_t *h = (const uint8_t *)p->head, *at = h + HEAD_V2;
	unsigned family = h[13] >> 4, transport = h[13] & 15;
	size_t size;

	if ((h[12] & 15) == 0 || family == 0 || family == 3 || transport == 0) {
		p->state = PROXY_ITSELF;
		return;
	}
	if (transport != 1) {
		set_bad(p, "no stream");
		return;
	}
	size = family == 1 ? 4 : 16;
	fill_address(&p->from, family, at, at + 2 * size);
	fill_address(&p->to, family, at + size, at + 2 * size + 2);
	p->state = PROXY_CLIENT;
}

/* Addresses are stored; what follows (TLVs, the paths of AF_UNIX) is only counted. */
static size_t
take_binary(struct proxy *p, const char *data, size_t len)
{
	size_t used = 0;
	size_t run, stored;

	while (used < len && p->len < HEAD_V2) {
		p->head[p->len++] = data[used++];
		if (p->len == HEAD_V2 && !judge_head(p))
			return used;
	}
	if (p->len < HEAD_V2)
		return used;
	run = len - used < p->left ? len - used : p->left;
	stored = run < PROXY_STORED_MAX - p->len ? run : PROXY_STORED_MAX - p->len;
	memcpy(p->head + p->len, data + used, stored);
	p->len += stored;
	p->left -= run;
	if (p->left == 0)
		take_addresses(p);
	return used + run;
}

/* --- both versions --- */

void
proxy_init(struct proxy *p)
{
	*p = (struct proxy){ .state = PROXY_MORE };
}

size_t
proxy_take(struct proxy *p, const char *data, size_t len)
{
	size_t used = 0;

	while (p->state == PROXY_MORE && used < len) {
		char byte;
		bool line, binary;

		if (p->kind == PROXY_LINE)
			return used + take_line(p, data + used, len - used);
		if (p->kind == PROXY_BINARY)
			return used + take_binary(p, data + used, len - used);
		/* The first bytes tell the version. */
		byte = data[used];
		line = p->len < sizeof(word) - 1 && byte == word[p->len] &&
		    (p->len == 0 || p->head[0] == 'P');
		binary = byte == signature[p->len] && (p->len == 0 || p->head[0] == '\r');
		if (!line && !binary) {
			set_bad(p, "no PROXY header");
			break;
		}
		p->head[p->len++] = byte;
		used++;
		if (line && p->len == sizeof(word) - 1)
			p->kind = PROXY_LINE;
		else if (binary && p->len == SIGNATURE_SIZE)
			p->kind = PROXY_BINARY;
	}
	return used;
}
