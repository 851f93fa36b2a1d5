/*
 * host_pattern - the text of a pattern of remote hosts, as it is kept; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  what is parsed parses to itself; two texts of one pattern are the same afterwards
 * Fails by: NULL
 */
#include "common/config/host_pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/mail/idn.h"

static char *
parse_name(const char *text)
{
	const char *star = strncmp(text, "*.", 2) == 0 ? "*." : "";
	char ascii[IDN_SIZE];

	if (!idn_to_ascii(ascii, text + strlen(star)) || !net_is_hostname(ascii))
		return NULL;
	for (char *p = ascii; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	/* digits alone are no name */
	return strpbrk(ascii, "abcdefghijklmnopqrstuvwxyz") != NULL ? mem_printf("%s%s", star, ascii) : NULL;
}

char *
host_pattern_parse(const char *text)
{
	char network[NET_TEXT_SIZE * 2];
	struct net_entry e;
	const char *why;
	bool is_net;

	if (strcmp(text, "*") == 0)
		return mem_strdup(text);
	if (net_entry_parse(&e, text, &why) == -1)
		return parse_name(text);
	is_net = e.family != AF_UNSPEC;
	if (is_net)
		net_entry_format(network, sizeof(network), &e);
	net_entry_done(&e);
	return is_net ? mem_strdup(network) : parse_name(text);
}

static bool
parse_port(const char *text, uint16_t *port)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (text[0] == '\0' || strlen(text) > 5 || text[strspn(text, "0123456789")] != '\0' || value == 0 ||
	    value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

bool
host_pattern_split(const char *text, char *pattern, size_t size, uint16_t *port)
{
	const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ':');
	const char *begin = *text == '[' ? text + 1 : text, *behind = end;

	*port = 0;
	if (*text == '[' && end == NULL)
		return false;
	if (*text == '[')
		behind++;
	else if (end == NULL || strchr(end + 1, ':') != NULL)	/* no port, or an IPv6 address as it is */
		behind = end = text + strlen(text);
	if (*behind != '\0' && (*behind != ':' || !parse_port(behind + 1, port)))
		return false;
	return (size_t)snprintf(pattern, size, "%.*s", (int)(end - begin), begin) < size;
}

bool
host_pattern_covers(const char *item, const char *text)
{
	char one[HOST_PATTERN_SIZE], other[HOST_PATTERN_SIZE];
	uint16_t one_port, other_port;
	char *a = NULL, *b = NULL;
	bool same;

	if (!host_pattern_split(item, one, sizeof(one), &one_port) ||
	    !host_pattern_split(text, other, sizeof(other), &other_port) ||
	    (one_port != 0 && one_port != other_port))
		return false;
	a = host_pattern_parse(one);
	b = host_pattern_parse(other);
	same = a != NULL && b != NULL && strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}
