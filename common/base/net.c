/*
 * net - addresses, networks and host:port, as text and as bytes; pure
 *
 * Runs in:  every process
 * Owns:     nothing but the domain of an entry (net_entry_done)
 * Promise:  nothing is looked up: a name is not resolved, a scope ("fe80::1%eth0") is refused. An
 *           IPv4-mapped IPv6 address is treated as its IPv4 address, everywhere
 * Fails by: -1 and a static reason
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

size_t
net_bytes(const struct sockaddr *sa, int *family, uint8_t bytes[16])
{
	*family = sa->sa_family;
	if (sa->sa_family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return 4;
	}
	if (sa->sa_family != AF_INET6)
		return 0;
	memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return 16;
	*family = AF_INET;
	memmove(bytes, bytes + 12, 4);
	return 4;
}

/* A decimal number of at most `digits` digits and nothing else; -1 otherwise. */
static long
parse_small(const char *text, size_t digits)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > digits || text[n] != '\0')
		return -1;
	return strtol(text, NULL, 10);
}

static void
mask_from_prefix(uint8_t mask[16], unsigned prefix)
{
	memset(mask, 0, 16);
	for (unsigned i = 0; i < prefix; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

/* A dotted IPv4 mask whose ones come first. */
static int
mask_from_dotted(uint8_t mask[16], const char *text)
{
	struct in_addr in;
	uint32_t bits;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -1;
	bits = ntohl(in.s_addr);
	if ((~bits & (~bits + 1)) != 0)
		return -1;
	memset(mask, 0, 16);
	memcpy(mask, &in, 4);
	return 0;
}

static int
entry_parse_mask(struct net_entry *e, const char *text, const char **why)
{
	unsigned bits = e->family == AF_INET ? 32 : 128;
	long prefix;

	if (text == NULL) {
		mask_from_prefix(e->mask, bits);
		return 0;
	}
	prefix = parse_small(text, 3);
	if (prefix >= 0 && prefix <= (long)bits) {
		mask_from_prefix(e->mask, (unsigned)prefix);
		return 0;
	}
	if (e->family == AF_INET && mask_from_dotted(e->mask, text) == 0)
		return 0;
	*why = e->family == AF_INET ?
	    "the part after / must be 0 to 32, or a mask like 255.255.255.0 whose ones come first" :
	    "the part after / must be 0 to 128";
	return -1;
}

/* "::ffff:192.0.2.0/120" is 192.0.2.0/24 written otherwise. */
static void
entry_unmap(struct net_entry *e)
{
	if (e->family != AF_INET6 || e->mask[11] != 0xff ||
	    memcmp(e->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return;
	e->family = AF_INET;
	memmove(e->bytes, e->bytes + 12, 4);
	memmove(e->mask, e->mask + 12, 4);
	memset(e->bytes + 4, 0, 12);
	memset(e->mask + 4, 0, 12);
}

static int
entry_parse_domain(struct net_entry *e, const char *text, const char **why)
{
	if (!net_is_hostname(text) ||
	    strpbrk(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL) {
		*why = "must be an address, a network like 192.0.2.0/24 or 2001:db8::/32, or a domain name";
		return -1;
	}
	e->family = AF_UNSPEC;
	e->domain = mem_strdup(text);
	for (char *p = e->domain; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

int
net_entry_parse(struct net_entry *e, const char *text, const char **why)
{
	char address[NET_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);

	memset(e, 0, sizeof(*e));
	if (len >= sizeof(address))
		return entry_parse_domain(e, text, why);
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, e->bytes) == 1)
		e->family = AF_INET;
	else if (inet_pton(AF_INET6, address, e->bytes) == 1)
		e->family = AF_INET6;
	else
		return entry_parse_domain(e, text, why);
	if (entry_parse_mask(e, slash != NULL ? slash + 1 : NULL, why) == -1)
		return -1;
	entry_unmap(e);
	for (size_t i = 0; i < sizeof(e->bytes); i++)
		e->bytes[i] &= e->mask[i];
	return 0;
}

void
net_entry_done(struct net_entry *e)
{
	free(e->domain);
	e->domain = NULL;
}

bool
net_entry_has(const struct net_entry *e, const struct sockaddr *sa)
{
	uint8_t bytes[16];
	int family;
	size_t len = net_bytes(sa, &family, bytes);

	if (len == 0 || family != e->family)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((bytes[i] & e->mask[i]) != e->bytes[i])
			return false;
	return true;
}

bool
net_entry_has_name(const struct net_entry *e, const char *name)
{
	size_t want, have;

	if (e->family != AF_UNSPEC)
		return false;
	want = strlen(e->domain);
	have = strlen(name);
	if (have < want || strcasecmp(name + have - want, e->domain) != 0)
		return false;
	return have == want || name[have - want - 1] == '.';
}

unsigned
net_entry_prefix(const struct net_entry *e)
{
	unsigned ones = 0;

	for (size_t i = 0; i < sizeof(e->mask); i++)
		ones += (unsigned)__builtin_popcount(e->mask[i]);
	return ones;
}

void
net_entry_format(char *dst, size_t size, const struct net_entry *e)
{
	char address[INET6_ADDRSTRLEN];
	unsigned prefix = net_entry_prefix(e);

	if (e->family == AF_UNSPEC)
		snprintf(dst, size, "%s", e->domain);
	else if (inet_ntop(e->family, e->bytes, address, sizeof(address)) == NULL)
		snprintf(dst, size, "unknown");
	else if (prefix == (e->family == AF_INET ? 32 : 128))
		snprintf(dst, size, "%s", address);
	else
		snprintf(dst, size, "%s/%u", address, prefix);
}

static int
address_fill(struct net_address *a, const char *host, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&a->sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&a->sa;

	memset(a, 0, sizeof(*a));
	if (strcmp(host, "*") == 0)
		host = "0.0.0.0";
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		a->len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		a->len = sizeof(*in6);
		return 0;
	}
	return -1;
}

/*
 * Cuts "[host]:port", "host:port", "[host]", "host" in two; *port NULL when there is none. An IPv6 address
 * alone stays whole.
 */
static int
address_split(char *text, char **host, char **port)
{
	char *end;

	*host = text;
	*port = NULL;
	if (*text == '[') {
		*host = text + 1;
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':') || strchr(*host, ':') == NULL ||
		    strchr(*host, ':') > end)
			return -1;
		*end++ = '\0';
	} else {
		end = strchr(text, ':');
		if (end == NULL || strchr(end + 1, ':') != NULL)
			return 0;
	}
	if (*end == ':') {
		*end = '\0';
		*port = end + 1;
	}
	return 0;
}

int
net_address_parse(struct net_address *a, const char *text, uint16_t port, const char **why)
{
	char copy[NET_TEXT_SIZE], *host, *digits;
	size_t len = strlen(text);

	*why = "must be address:port, like 192.0.2.1:25, [2001:db8::1]:25 or *:25";
	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, text, len + 1);
	if (address_split(copy, &host, &digits) == -1)
		return -1;
	if (digits != NULL) {
		long n = parse_small(digits, 5);

		if (n < 1 || n > 65535) {
			*why = "the port must be a number from 1 to 65535";
			return -1;
		}
		port = (uint16_t)n;
	}
	return address_fill(a, host, port);
}

bool
net_port_is_unclear(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *port = strrchr(text, ':');
	uint8_t bytes[16];
	size_t len;

	if (port == NULL || *text == '[' || inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	len = (size_t)(port - text);
	if (len >= sizeof(address) || port[1] == '\0' || strspn(port + 1, "0123456789") != strlen(port + 1))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	return inet_pton(AF_INET6, address, bytes) == 1;
}

void
net_format_ip(char *dst, const struct sockaddr *sa)
{
	uint8_t bytes[16];
	int family;

	if (net_bytes(sa, &family, bytes) == 0 || inet_ntop(family, bytes, dst, NET_TEXT_SIZE) == NULL)
		snprintf(dst, NET_TEXT_SIZE, "unknown");
}

void
net_format(char *dst, const struct sockaddr *sa)
{
	char ip[NET_TEXT_SIZE];

	net_format_ip(ip, sa);
	if (strchr(ip, ':') != NULL)
		snprintf(dst, NET_TEXT_SIZE, "[%.46s]:%u", ip, net_port(sa));
	else
		snprintf(dst, NET_TEXT_SIZE, "%.46s:%u", ip, net_port(sa));
}

uint16_t
net_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return 0;
}

bool
net_is_loopback(const struct sockaddr *sa)
{
	static const uint8_t one[16] = { [15] = 1 };
	uint8_t bytes[16];
	int family;
	size_t len = net_bytes(sa, &family, bytes);

	return (len == 4 && bytes[0] == 127) || (len == 16 && memcmp(bytes, one, 16) == 0);
}

bool
net_is_any(const struct sockaddr *sa)
{
	static const uint8_t zero[16];
	uint8_t bytes[16];
	int family;
	size_t len = net_bytes(sa, &family, bytes);

	return len > 0 && memcmp(bytes, zero, len) == 0;
}

bool
net_equal(const struct sockaddr *a, const struct sockaddr *b)
{
	uint8_t left[16], right[16];
	int left_family, right_family;
	size_t len = net_bytes(a, &left_family, left);

	return len > 0 && len == net_bytes(b, &right_family, right) && left_family == right_family &&
	    memcmp(left, right, len) == 0 && net_port(a) == net_port(b);
}

int
net_literal_parse(struct net_address *a, const char *text, uint16_t port)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strlen(text), skip = strncasecmp(text, "[IPv6:", 6) == 0 ? 6 : 1;
	struct sockaddr_in *four = (struct sockaddr_in *)&a->sa;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a->sa;

	memset(a, 0, sizeof(*a));
	if (text[0] != '[' || len < skip + 2 || text[len - 1] != ']' || len - skip - 1 >= sizeof(address))
		return -1;
	memcpy(address, text + skip, len - skip - 1);
	address[len - skip - 1] = '\0';
	if (skip == 1 && inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		a->len = sizeof(*four);
		return 0;
	}
	if (skip == 1 || inet_pton(AF_INET6, address, &six->sin6_addr) != 1)
		return -1;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	a->len = sizeof(*six);
	return 0;
}

bool
net_is_nowhere(const struct sockaddr *sa)
{
	static const uint8_t zero[16];
	const uint8_t *bytes;

	if (sa->sa_family == AF_INET) {
		bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		return bytes[0] == 0 || bytes[0] >= 224;
	}
	if (sa->sa_family != AF_INET6)
		return true;
	bytes = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
	if (bytes[0] == 0xff || memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return true;
	/* "::", and "::192.0.2.1" (RFC 4291 2.5.5.1), but not "::1" */
	return memcmp(bytes, zero, 12) == 0 && memcmp(bytes + 12, "\0\0\0\1", 4) != 0;
}

bool
net_is_hostname(const char *text)
{
	size_t label = 0, total = 0;

	for (const char *p = text; *p != '\0'; p++, total++) {
		unsigned char c = (unsigned char)*p;

		if (total >= 253)
			return false;
		if (c == '.') {
			if (label == 0 || p[-1] == '-' || p[1] == '\0')
				return false;
			label = 0;
			continue;
		}
		if (c > 127 || (!isalnum(c) && c != '-' && c != '_') || (label == 0 && c == '-') ||
		    ++label > 63)
			return false;
	}
	return label > 0 && text[total - 1] != '-';
}
