/*
 * dns_spf - whether a domain lets an address send its mail (RFC 7208 4)
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  the answer of a receiver for a message of that domain from that address. At most 10 terms that
 *           ask the DNS, and 2 that find nothing, as receivers count
 * Fails by: DNS_SPF_TROUBLE, DNS_SPF_BROKEN, DNS_SPF_UNKNOWN, with words
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "master/posternctl/dns/dns.h"

#define LOOKUPS_MAX 10U
#define EMPTY_MAX 2U
#define MX_MAX 10U
#define DEPTH_MAX 10U
#define NAME_MAX_BYTES 254

/* Whether a term is about the address: yes, no, or the whole ends with that result. */
enum match { MATCH_NO, MATCH_YES, MATCH_TROUBLE, MATCH_BROKEN, MATCH_UNKNOWN };

static enum dns_spf judge(struct dns_spf_question *q, const char *domain, unsigned depth);

/* What a term has behind its name: ":domain" and "/24//64". */
struct spec {
	char domain[NAME_MAX_BYTES];
	int bits4, bits6;		/* -1: all */
};

static int
parse_bits(const char *text, int most, int *bits)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || (*end != '\0' && *end != '/') || value < 0 || value > most)
		return -1;
	*bits = (int)value;
	return 0;
}

/* MATCH_YES: it can be used. */
static enum match
parse_spec(struct spec *s, const char *text, const char *domain)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);

	*s = (struct spec){ .bits4 = -1, .bits6 = -1 };
	if (memchr(text, '%', n) != NULL)
		return MATCH_UNKNOWN;
	if (*text == ':')
		text++, n--;
	if (n == 0)
		text = domain, n = strlen(domain);
	if (n >= sizeof(s->domain))
		return MATCH_BROKEN;
	memcpy(s->domain, text, n);
	if (slash != NULL && slash[1] != '/' && parse_bits(slash + 1, 32, &s->bits4) == -1)
		return MATCH_BROKEN;
	slash = slash != NULL ? strstr(slash, "//") : NULL;
	return slash != NULL && parse_bits(slash + 2, 128, &s->bits6) == -1 ? MATCH_BROKEN : MATCH_YES;
}

static bool
is_in(const struct dns_spf_question *q, const char *address, int bits4, int bits6)
{
	uint8_t own[16], other[16];
	int family, bits, same = 0;
	size_t len = net_bytes(q->address, &family, own);

	if (inet_pton(family, address, other) != 1)
		return false;
	bits = family == AF_INET ? bits4 : bits6;
	if (bits < 0)
		bits = (int)len * 8;
	while (same < bits && ((own[same / 8] ^ other[same / 8]) >> (7 - same % 8) & 1) == 0)
		same++;
	return same == bits;
}

/* Asks, and counts the question and what finds nothing. */
static enum match
ask(struct dns_spf_question *q, struct dns_answer *a, const char *type, const char *name)
{
	q->ask(q->arg, a, type, name);
	if (a->result == DNS_ASK_FOUND)
		return MATCH_YES;
	if (a->result != DNS_ASK_NONE) {
		buf_clear(q->why);
		buf_printf(q->why, "%s %s: %s", type, name, buf_text(&a->text));
		return MATCH_TROUBLE;
	}
	if (++q->empty <= EMPTY_MAX)
		return MATCH_NO;
	buf_clear(q->why);
	buf_puts(q->why, "more than 2 terms find nothing");
	return MATCH_BROKEN;
}

static enum match
has_address(struct dns_spf_question *q, const char *name, const struct spec *s)
{
	struct dns_answer a;
	enum match found = ask(q, &a, q->address->sa_family == AF_INET6 ? "AAAA" : "A", name);
	bool in = false;

	for (size_t i = 0; found == MATCH_YES && i < a.count; i++)
		in |= is_in(q, a.record[i], s->bits4, s->bits6);
	dns_ask_done(&a);
	return found == MATCH_YES && !in ? MATCH_NO : found;
}

static enum match
match_all(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	return *text == '\0' ? MATCH_YES : MATCH_BROKEN;
}

static enum match
match_a(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	struct spec s;
	enum match good = parse_spec(&s, text, domain);

	return good == MATCH_YES ? has_address(q, s.domain, &s) : good;
}

static enum match
match_mx(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	struct spec s;
	struct dns_answer a;
	enum match good = parse_spec(&s, text, domain), found;

	if (good != MATCH_YES)
		return good;
	found = ask(q, &a, "MX", s.domain);
	good = found == MATCH_YES ? MATCH_NO : found;
	for (size_t i = 0; found == MATCH_YES && good == MATCH_NO && i < a.count; i++) {
		const char *host = strchr(a.record[i], ' ');

		good = i >= MX_MAX ? MATCH_BROKEN : host == NULL ? MATCH_NO : has_address(q, host + 1, &s);
	}
	dns_ask_done(&a);
	return good;
}

static enum match
match_network(struct dns_spf_question *q, const char *text, bool six)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint8_t bytes[16];
	int bits = -1;

	if (*text != ':' || n - 1 >= sizeof(address))
		return MATCH_BROKEN;
	memcpy(address, text + 1, n - 1);
	address[n - 1] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, address, bytes) != 1 ||
	    (slash != NULL && parse_bits(slash + 1, six ? 128 : 32, &bits) == -1))
		return MATCH_BROKEN;
	return is_in(q, address, bits, bits) ? MATCH_YES : MATCH_NO;
}

static enum match
match_ip4(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	return match_network(q, text, false);
}

static enum match
match_ip6(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	return match_network(q, text, true);
}

static enum match
match_include(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	static const enum match results[] = {
		[DNS_SPF_NONE] = MATCH_BROKEN, [DNS_SPF_NEUTRAL] = MATCH_NO, [DNS_SPF_PASS] = MATCH_YES,
		[DNS_SPF_FAIL] = MATCH_NO, [DNS_SPF_SOFTFAIL] = MATCH_NO, [DNS_SPF_TROUBLE] = MATCH_TROUBLE,
		[DNS_SPF_BROKEN] = MATCH_BROKEN, [DNS_SPF_UNKNOWN] = MATCH_UNKNOWN,
	};

	if (strchr(text, '%') != NULL)
		return MATCH_UNKNOWN;
	return *text == ':' && text[1] != '\0' ? results[judge(q, text + 1, depth + 1)] : MATCH_BROKEN;
}

static enum match
match_exists(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	struct dns_answer a;
	enum match found;

	if (strchr(text, '%') != NULL)
		return MATCH_UNKNOWN;
	if (*text != ':')
		return MATCH_BROKEN;
	found = ask(q, &a, "A", text + 1);
	dns_ask_done(&a);
	return found;
}

/* It is slow and not to be used (RFC 7208 5.5); receivers skip it often. */
static enum match
match_ptr(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth)
{
	return MATCH_NO;
}

static const struct {
	const char *name;
	bool asks;		/* counts as a term that asks the DNS */
	enum match (*match)(struct dns_spf_question *q, const char *text, const char *domain, unsigned depth);
} rows[] = {
	{ "all", false, match_all }, { "a", true, match_a }, { "mx", true, match_mx },
	{ "ip4", false, match_ip4 }, { "ip6", false, match_ip6 }, { "include", true, match_include },
	{ "exists", true, match_exists }, { "ptr", true, match_ptr },
};

static enum match
match_term(struct dns_spf_question *q, const char *term, const char *domain, unsigned depth)
{
	size_t n = strcspn(term, ":/");
	enum match found;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		if (strlen(rows[i].name) != n || strncasecmp(term, rows[i].name, n) != 0)
			continue;
		if (rows[i].asks && ++q->lookups > LOOKUPS_MAX) {
			buf_clear(q->why);
			buf_puts(q->why, "more than 10 terms ask the DNS");
			return MATCH_BROKEN;
		}
		buf_clear(q->why);
		found = rows[i].match(q, term + n, domain, depth);
		if (q->why->len == 0)
			buf_printf(q->why, "%s of %s", term, domain);
		return found;
	}
	buf_clear(q->why);
	buf_printf(q->why, "%s has the unknown term %s", domain, term);
	return MATCH_BROKEN;
}

/* The terms of a record; the text is changed. */
static enum dns_spf
judge_terms(struct dns_spf_question *q, char *text, const char *domain, unsigned depth)
{
	static const struct { char sign; enum dns_spf result; } signs[] = { { '+', DNS_SPF_PASS },
	    { '-', DNS_SPF_FAIL }, { '~', DNS_SPF_SOFTFAIL }, { '?', DNS_SPF_NEUTRAL } };
	const char *redirect = NULL, *term;

	while ((term = strsep(&text, " ")) != NULL) {
		enum dns_spf result = DNS_SPF_PASS;
		enum match found;

		if (*term == '\0')
			continue;
		for (size_t i = 0; i < nitems_of(signs); i++)
			if (*term == signs[i].sign) {
				result = signs[i].result;
				term++;
				break;
			}
		if (strncasecmp(term, "redirect=", 9) == 0)
			redirect = term + 9;
		if (strcspn(term, "=") < strcspn(term, ":/"))
			continue;	/* a modifier */
		found = match_term(q, term, domain, depth);
		if (found != MATCH_NO)
			return found == MATCH_YES ? result : found == MATCH_TROUBLE ? DNS_SPF_TROUBLE :
			    found == MATCH_BROKEN ? DNS_SPF_BROKEN : DNS_SPF_UNKNOWN;
	}
	if (redirect == NULL)
		return DNS_SPF_NEUTRAL;
	if (strchr(redirect, '%') != NULL)
		return DNS_SPF_UNKNOWN;
	if (++q->lookups > LOOKUPS_MAX)
		return DNS_SPF_BROKEN;
	return judge(q, redirect, depth + 1);
}

static bool
is_spf(const char *text)
{
	return strncasecmp(text, "v=spf1", 6) == 0 && (text[6] == ' ' || text[6] == '\0');
}

static enum dns_spf
judge(struct dns_spf_question *q, const char *domain, unsigned depth)
{
	struct dns_answer a;
	enum dns_spf result = DNS_SPF_NONE;
	char *text = NULL;
	size_t records = 0;

	if (depth > DEPTH_MAX)
		return DNS_SPF_BROKEN;
	q->ask(q->arg, &a, "TXT", domain);
	for (size_t i = 0; i < a.count; i++)
		if (is_spf(a.record[i])) {
			records++;
			text = a.record[i] + 6;
		}
	buf_clear(q->why);
	if (a.result != DNS_ASK_FOUND && a.result != DNS_ASK_NONE) {
		buf_puts(q->why, buf_text(&a.text));
		result = DNS_SPF_TROUBLE;
	} else if (records > 1) {
		buf_printf(q->why, "%s has several SPF records", domain);
		result = DNS_SPF_BROKEN;
	} else if (records == 0)
		buf_printf(q->why, "%s has no SPF record", domain);
	else
		result = judge_terms(q, text, domain, depth);
	dns_ask_done(&a);
	return result;
}

enum dns_spf
dns_spf_judge(struct dns_spf_question *q, const char *domain)
{
	q->lookups = q->empty = 0;
	return judge(q, domain, 0);
}
