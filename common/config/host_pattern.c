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
