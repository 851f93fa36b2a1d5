/*
 * key_check - the form of single values: paths, hosts, mailboxes, smart hosts, name servers, log fields;
 * pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  form only: nothing is opened or looked up
 * Fails by: -1 and a static text that says what would be right
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/account/login_name.h"
#include "common/account/passwd_file.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/base/utf8.h"
#include "common/config/config.h"
#include "common/config/config_dkim.h"
#include "common/config/filter_place.h"
#include "common/config/host_pattern.h"
#include "common/config/key.h"
#include "common/mail/address.h"
#include "common/mail/idn.h"

#define PATH_LIMIT 180		/* fits an INI line with its key */
#define LINE_LIMIT 400		/* a reply line is at most 512 bytes (RFC 5321 4.5.3.1.5) */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

int
key_check_path(const char *text, const char **why)
{
	size_t len = strlen(text);

	*why = "an absolute path without \"..\", at most 180 characters long";
	if (text[0] != '/' || len > PATH_LIMIT || strstr(text, "/../") != NULL)
		return -1;
	return len >= 3 && strcmp(text + len - 3, "/..") == 0 ? -1 : 0;
}

int
key_check_events(const char *text, const char **why)
{
	if (strcmp(text, "syslog") == 0 || strcmp(text, "stderr") == 0 || strcmp(text, "json") == 0 ||
	    key_check_path(text, why) == 0)
		return 0;
	*why = "syslog, stderr, json or the absolute path of a file";
	return -1;
}

int
key_check_dkim(const char *text, const char **why)
{
	struct config_dkim k;

	return config_dkim_parse(&k, text, why) == -1 ? -1 : key_check_path(k.file, why);
}

int
key_check_filter(const char *text, const char **why)
{
	struct filter_place a;

	return filter_place_parse(&a, text, why);
}

int
key_check_host(const char *text, const char **why)
{
	*why = "a host name like mail.example.com (letters, digits, hyphens, dots; international names in "
	    "their xn-- form)";
	return net_is_hostname(text) && strpbrk(text, letters) != NULL ? 0 : -1;
}

int
key_check_https(const char *text, const char **why)
{
	size_t host = strncmp(text, "https://", 8) == 0 ? strcspn(text + 8, "/?#@") : 0;

	*why = "an address like https://login.example.com/token, without user, query and fragment";
	if (host == 0 || strpbrk(text + 8, "?#@\\\"<>^`{|}") != NULL)
		return -1;
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return -1;
	return 0;
}

/* It becomes a part of an address. */
int
key_check_tenant(const char *text, const char **why)
{
	*why = "a directory id like 72f988bf-86f1-41af-91ab-2d7cd011db47, or a domain of the tenant";
	return net_is_hostname(text) ? 0 : -1;
}

int
key_check_account(const char *text, const char **why)
{
	*why = "a user name of at most 255 bytes";
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return -1;
	return *text == '\0' || strlen(text) > 255 ? -1 : 0;
}

int
key_check_word(const char *text, const char **why)
{
	*why = "one word of printable ASCII";
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return -1;
	return *text == '\0' ? -1 : 0;
}

int
key_check_node(const char *text, const char **why)
{
	int result = key_check_word(text, why);

	*why = "a node as ssh takes it: a host, or user@host";
	return *text == '-' || strchr(text, ',') != NULL ? -1 : result;
}

int
key_check_fingerprint(const char *text, const char **why)
{
	size_t digits = 0;

	*why = "the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons";
	for (; *text != '\0'; text++)
		if (isxdigit((unsigned char)*text))
			digits++;
		else if (*text != ':' || digits == 0 || digits % 2 != 0 || text[-1] == ':')
			return -1;
	return digits == 64 && text[-1] != ':' ? 0 : -1;
}

int
key_check_operator(const char *text, const char **why)
{
	const char *name, *at;
	enum login_name_kind kind = login_name_kind(text, &name);
	size_t len, n;

	if (kind == LOGIN_NAME_KINDS) {
		*why = "an account, @group, account:NAME or kerberos:NAME@REALM";
		return strchr(text, ':') != NULL ? -1 : key_check_word(text, &at);
	}
	*why = kind == LOGIN_NAME_ACCOUNT ? "account: and a name as in the file of accounts" :
	    "kerberos: and a name with its realm: kerberos:alice@EXAMPLE.COM";
	len = strlen(name);
	if (!passwd_file_name_is_good(name, len))
		return -1;
	at = strrchr(name, '@');
	if (kind == LOGIN_NAME_KERBEROS && (at == NULL || at == name || at[1] == '\0'))
		return -1;
	for (; len > 0 && (n = utf8_take((const unsigned char *)name, len, NULL)) > 0; len -= n)
		name += n;
	return len == 0 ? 0 : -1;
}

int
key_check_line(const char *text, const char **why)
{
	*why = "printable ASCII, at most 400 characters";
	for (const char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return -1;
	return strlen(text) > LINE_LIMIT ? -1 : 0;
}

const char *const key_check_log_fields[] = {
	[CONFIG_FIELD_DATE] = "date",
	[CONFIG_FIELD_TIME] = "time",
	[CONFIG_FIELD_C_IP] = "c-ip",
	[CONFIG_FIELD_CS_USERNAME] = "cs-username",
	[CONFIG_FIELD_S_SITENAME] = "s-sitename",
	[CONFIG_FIELD_S_COMPUTERNAME] = "s-computername",
	[CONFIG_FIELD_S_IP] = "s-ip",
	[CONFIG_FIELD_S_PORT] = "s-port",
	[CONFIG_FIELD_CS_METHOD] = "cs-method",
	[CONFIG_FIELD_CS_URI_STEM] = "cs-uri-stem",
	[CONFIG_FIELD_CS_URI_QUERY] = "cs-uri-query",
	[CONFIG_FIELD_SC_STATUS] = "sc-status",
	[CONFIG_FIELD_SC_WIN32_STATUS] = "sc-win32-status",
	[CONFIG_FIELD_SC_BYTES] = "sc-bytes",
	[CONFIG_FIELD_CS_BYTES] = "cs-bytes",
	[CONFIG_FIELD_TIME_TAKEN] = "time-taken",
	[CONFIG_FIELD_CS_VERSION] = "cs-version",
	[CONFIG_FIELD_CS_HOST] = "cs-host",
	[CONFIG_FIELD_CS_USER_AGENT] = "cs(User-Agent)",
	[CONFIG_FIELD_CS_COOKIE] = "cs(Cookie)",
	[CONFIG_FIELD_CS_REFERER] = "cs(Referer)",
};
static_assert(nitems_of(key_check_log_fields) == CONFIG_FIELD_COUNT, "a name for each field");

int
key_check_log_field(const char *text, const char **why)
{
	*why = "a field of the W3C log: date, time, c-ip, cs-username, s-sitename, s-computername, s-ip, "
	    "s-port, cs-method, cs-uri-stem, "
	    "cs-uri-query, sc-status, sc-win32-status, sc-bytes, cs-bytes, time-taken, cs-version, cs-host, "
	    "cs(User-Agent), cs(Cookie), " "cs(Referer)";
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
		if (strcasecmp(key_check_log_fields[i], text) == 0)
			return 0;
	return -1;
}

int
key_check_metrics(const char *text, const char **why)
{
	struct net_address a;
	const char *unused;

	if (text[0] == '/') {
		*why = "a path of at most 100 characters";
		return strlen(text) > 100 ? -1 : key_check_path(text, why);
	}
	*why = "the path of a socket, or a loopback address and port like 127.0.0.1:9925 or [::1]:9925";
	if (net_address_parse(&a, text, 0, &unused) == -1 || net_port((const struct sockaddr *)&a.sa) == 0)
		return -1;
	return net_is_loopback((const struct sockaddr *)&a.sa) ? 0 : -1;
}

int
key_check_manager_listen(const char *text, const char **why)
{
	struct net_address a;
	const char *unused;

	if (text[0] == '/') {
		*why = "a path of at most 100 characters";
		return strlen(text) > 100 ? -1 : key_check_path(text, why);
	}
	*why = "an address and port like 127.0.0.1:2580, [::1]:2580 or *:2580, or the path of a socket";
	return net_address_parse(&a, text, 0, &unused) == -1 ||
	    net_port((const struct sockaddr *)&a.sa) == 0 ? -1 : 0;
}

int
key_check_manager_host(const char *text, const char **why)
{
	char address[NET_TEXT_SIZE + 2];
	struct net_address a;
	const char *unused;

	*why = "a host name or an address without a port: mail.example.com, 192.0.2.1, [2001:db8::1]";
	if (net_is_hostname(text))
		return 0;
	if (strlen(text) >= NET_TEXT_SIZE || *text == '*')
		return -1;
	snprintf(address, sizeof(address), "%s", text);
	return text[0] == '[' && text[strlen(text) - 1] == ']' &&
	    net_address_parse(&a, address, 1, &unused) == 0 ? 0 : -1;
}

int
key_check_mailbox(const char *text, const char **why)
{
	struct address a;
	size_t used;

	*why = "a mail address like postmaster@example.com";
	if (*text == '<' || address_parse_path(&a, text, strlen(text), 0, &used) == -1)
		return -1;
	return used == strlen(text) && !address_is_bare(&a) ? 0 : -1;
}

/* A port after a colon, or nothing. */
static int
check_port(const char *text)
{
	size_t digits;
	unsigned port = 0;

	if (*text == '\0')
		return 0;
	digits = strspn(text + 1, "0123456789");
	if (*text != ':' || digits == 0 || digits > 5 || text[1 + digits] != '\0')
		return -1;
	return sscanf(text + 1, "%u", &port) == 1 && port >= 1 && port <= 65535 ? 0 : -1;
}

static int
check_bracketed(const char *text)
{
	char address[NET_TEXT_SIZE];
	const char *end = strchr(text, ']'), *why;
	struct net_entry e;
	bool literal;

	if (end == NULL || (size_t)(end - text) > sizeof(address) || check_port(end + 1) == -1)
		return -1;
	memcpy(address, text + 1, (size_t)(end - text - 1));
	address[end - text - 1] = '\0';
	if (strchr(address, '/') != NULL || net_entry_parse(&e, address, &why) == -1)
		return -1;
	literal = e.family != AF_UNSPEC;
	net_entry_done(&e);
	return literal ? 0 : -1;
}

int
key_check_smart_host(const char *text, const char **why)
{
	char name[256];
	const char *end = strchr(text, ':');
	size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

	*why = "a host name or an address in brackets, each with an optional port: relay.example.com, "
	    "[192.0.2.1], [2001:db8::1]:587";
	if (*text == '[')
		return check_bracketed(text);
	if (len >= sizeof(name) || check_port(text + len) == -1)
		return -1;
	memcpy(name, text, len);
	name[len] = '\0';
	return net_is_hostname(name) && strpbrk(name, letters) != NULL ? 0 : -1;
}

int
key_check_paused(const char *text, const char **why)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	struct net_address literal;
	char ascii[IDN_SIZE];

	*why = "a domain like example.com, or *.example.com for all names below it";
	if (*text == '[')
		return net_literal_parse(&literal, text, 0);
	if (!idn_is_ascii(name))
		return idn_to_ascii(ascii, name) ? 0 : -1;
	return net_is_hostname(name) ? 0 : -1;
}

int
key_check_remote(const char *text, const char **why)
{
	char bare[HOST_PATTERN_SIZE];
	uint16_t port;
	char *pattern = host_pattern_split(text, bare, sizeof(bare), &port) ? host_pattern_parse(bare) : NULL;

	*why = "a host like mx.example.com or *.example.com, an address or network like 192.0.2.0/24, or *; "
	    "with a port like mx.example.com:25, [192.0.2.1]:25";
	free(pattern);
	return pattern != NULL ? 0 : -1;
}

int
key_check_own_address(const char *text, const char **why)
{
	struct net_address a;
	const char *unused;

	*why = "an address with an optional port, or a host name: 192.0.2.1, [2001:db8::1]:25, "
	    "mail.example.com";
	if (net_is_hostname(text) && strpbrk(text, letters) != NULL)
		return 0;
	if (*text == '*' || net_address_parse(&a, text, 25, &unused) == -1)
		return -1;
	return net_is_any((const struct sockaddr *)&a.sa) ? -1 : 0;
}

int
key_check_resolver(const char *text, const char **why)
{
	struct net_address a;
	const char *ignored;

	*why = "the address of a name server with an optional port: 192.0.2.53, 192.0.2.53:5353, "
	    "[2001:db8::53]:53";
	return *text == '*' ? -1 : net_address_parse(&a, text, 53, &ignored);
}
