/*
 * tls_report_record - the TXT record _smtp._tls that says where a domain wants its reports (RFC 8460 3); pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  what is no such record, or one of several, is as none. A target is a mail address or an https URL
 *           with the name of a host: none leads by itself to an address, an account or another scheme
 * Fails by: false; no target, and why
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/net.h"
#include "common/mail/address.h"
#include "deliver/tls_report/tls_report.h"

#define VERSION "v=TLSRPTv1"

static size_t
skip_blanks(const char *text, size_t at)
{
	return at + strspn(text + at, " \t");
}

/* Whether it claims to be one: others may stand at that name, too. */
static bool
is_record(const char *text, size_t len)
{
	size_t at = strlen(VERSION);

	if (len < at || strlen(text) != len || memcmp(text, VERSION, at) != 0)
		return false;
	return text[skip_blanks(text, at)] == ';';
}

/* --- a target --- */

static int
hex_of(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ?
	    tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* "a%21b@example.com?subject=x": percent-encoding is undone, header fields are not taken (RFC 6068). */
static bool
take_mailto(struct tls_report_target *t, const char *text, size_t len)
{
	char plain[ADDRESS_MAX + 1];
	size_t n = 0, end = 0;
	struct address a;

	while (end < len && text[end] != '?')
		end++;
	for (size_t i = 0; i < end; i++) {
		int high = i + 2 < end ? hex_of(text[i + 1]) : -1, low = high >= 0 ? hex_of(text[i + 2]) : -1;

		if (n + 1 >= sizeof(plain) || (text[i] == '%' && low < 0))
			return false;
		plain[n++] = text[i] == '%' ? (char)(high * 16 + low) : text[i];
		i += text[i] == '%' ? 2 : 0;
		if (plain[n - 1] <= ' ' || plain[n - 1] > '~')
			return false;
	}
	plain[n] = '\0';
	if (n == 0 || address_parse_mailbox(&a, plain, n, 0) == -1 || strcmp(a.text, "") == 0 ||
	    address_is_bare(&a) || address_domain(&a)[0] == '[')
		return false;
	snprintf(t->text, sizeof(t->text), "%s", a.text);
	return true;
}

static bool
take_port(struct tls_report_target *t, const char *text, size_t len)
{
	char number[6];
	unsigned long port;

	if (len == 0 || len >= sizeof(number) || strspn(text, "0123456789") < len)
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	port = strtoul(number, NULL, 10);
	t->port = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

/* "https://reports.example.com:8443/path?query": no user, no fragment, no address. */
static bool
take_https(struct tls_report_target *t, const char *text, size_t len)
{
	const char *host = text + strlen("https://");
	size_t left = len - strlen("https://"), n = strcspn(host, "/?#"), name;

	n = n < left ? n : left;
	name = strcspn(host, ":");
	name = name < n ? name : n;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}#", text[i]) != NULL)
			return false;
	if (len >= sizeof(t->text) || name == 0 || name >= sizeof(t->host))
		return false;
	t->port = 443;
	if (name < n && !take_port(t, host + name + 1, n - name - 1))
		return false;
	for (size_t i = 0; i < name; i++)
		t->host[i] = (char)tolower((unsigned char)host[i]);
	t->host[name] = '\0';
	memcpy(t->text, text, len);
	t->text[len] = '\0';
	t->https = true;
	/* a last label of digits would be an address for whoever resolves it */
	return net_is_hostname(t->host) && strspn(strrchr(t->host, '.') == NULL ? t->host :
	    strrchr(t->host, '.') + 1, "0123456789") == 0 && strchr(t->host, '.') != NULL;
}

static bool
take_target(struct tls_report_target *t, const char *text, size_t len)
{
	*t = (struct tls_report_target){ .https = false };
	if (len > 7 && strncasecmp(text, "mailto:", 7) == 0)
		return take_mailto(t, text + 7, len - 7);
	return len > 8 && strncasecmp(text, "https://", 8) == 0 && take_https(t, text, len);
}

static bool
has_target(const struct tls_report_record *r, const struct tls_report_target *t)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcasecmp(r->target[i].text, t->text) == 0)
			return true;
	return false;
}

/* A list with commas; those inside a URI are percent-encoded. */
static void
take_list(struct tls_report_record *r, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t end = at, from, to;
		struct tls_report_target t;

		while (end < len && text[end] != ',')
			end++;
		for (from = at; from < end && (text[from] == ' ' || text[from] == '\t'); from++)
			;
		for (to = end; to > from && (text[to - 1] == ' ' || text[to - 1] == '\t'); to--)
			;
		if (!take_target(&t, text + from, to - from))
			snprintf(r->why, sizeof(r->why),
			    "its record names a place that is not understood: %.*s",
			    (int)(to - from < 80 ? to - from : 80), text + from);
		else if (r->count < TLS_REPORT_TARGETS_MAX && !has_target(r, &t))
			r->target[r->count++] = t;
		at = end + 1;
	}
}

/* The fields behind the version; those with other names are for others (RFC 8460 3). */
static void
take_fields(struct tls_report_record *r, const char *text)
{
	snprintf(r->why, sizeof(r->why), "its record names no place for reports");
	for (const char *p = strchr(text, ';'); p != NULL; p = strchr(p, ';')) {
		size_t len;

		p++;
		p += strspn(p, " \t");
		len = strcspn(p, ";");
		if (len > 4 && strncmp(p, "rua=", 4) == 0)
			take_list(r, p + 4, len - 4);
	}
}

bool
tls_report_record_read(struct tls_report_record *r, const struct msg_dns_answer *a)
{
	char text[DNS_LONG_MAX + 1], found[DNS_LONG_MAX + 1];
	size_t count = 0;

	*r = (struct tls_report_record){ .count = 0 };
	for (size_t i = 0; a->result == DNS_FOUND && i < a->count;) {
		size_t len = msg_dns_answer_long(a, &i, (uint8_t *)text);

		text[len] = '\0';
		if (!is_record(text, len))
			continue;
		count++;
		memcpy(found, text, len + 1);
	}
	if (count != 1)		/* of several none counts (RFC 8460 3) */
		return false;
	take_fields(r, found);
	return true;
}
