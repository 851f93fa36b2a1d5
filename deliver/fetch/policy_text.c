/*
 * policy_text - an MTA-STS policy as its host has it (RFC 8461 3.2); pure
 *
 * Runs in:  fetch
 * Owns:     nothing
 * Promise:  patterns are in A-labels and lower case, as the names of hosts are compared with them. Fields
 *           that are not known are passed over; of those that may stand once, the first counts
 * Fails by: false, and why; then there is no policy
 */
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "deliver/fetch/fetch.h"

#define MAX_AGE_MAX 31557600	/* RFC 8461 3.2 */

const char *const policy_text_modes[] = { [POLICY_NONE] = "none", [POLICY_TESTING] = "testing",
    [POLICY_ENFORCE] = "enforce" };

struct line { const char *key, *value; size_t key_len, len; };

/* What has been read so far. */
struct reading {
	bool version, mode, max_age;
	struct policy *policy;
	struct buf mx;
	char *why; size_t size;
};

static bool
is_key(const struct line *l, const char *key)
{
	return l->key_len == strlen(key) && memcmp(l->key, key, l->key_len) == 0;
}

static bool
is_value(const struct line *l, const char *value)
{
	return l->len == strlen(value) && memcmp(l->value, value, l->len) == 0;
}

static bool
fail(const struct reading *r, const char *why)
{
	snprintf(r->why, r->size, "%s", why);
	return false;
}

static bool
take_mode(struct reading *r, const struct line *l)
{
	r->mode = true;
	for (size_t i = 0; i <= POLICY_ENFORCE; i++)
		if (is_value(l, policy_text_modes[i])) {
			r->policy->mode = (uint8_t)i;
			return true;
		}
	return fail(r, "its mode is none of enforce, testing, none");
}

static bool
take_max_age(struct reading *r, const struct line *l)
{
	uint64_t age = 0;

	r->max_age = true;
	if (l->len == 0 || l->len > 10)
		return fail(r, "its max_age is no number of seconds");
	for (size_t i = 0; i < l->len; i++) {
		if (l->value[i] < '0' || l->value[i] > '9')
			return fail(r, "its max_age is no number of seconds");
		age = age * 10 + (unsigned)(l->value[i] - '0');
	}
	r->policy->max_age = age < MAX_AGE_MAX ? (uint32_t)age : MAX_AGE_MAX;
	return true;
}

/* A pattern that names no host is left out: the others still do. */
static void
take_mx(struct reading *r, const struct line *l)
{
	char name[DNS_NAME_SIZE];
	uint8_t *ascii = NULL;
	bool wild = l->len > 2 && memcmp(l->value, "*.", 2) == 0;
	size_t from = wild ? 2 : 0, len = l->len - from;

	if (len > 0 && l->value[from + len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(name))
		return;
	memcpy(name, l->value + from, len);
	name[len] = '\0';
	if (strlen(name) != len)
		return;
	if (idn2_lookup_u8((const uint8_t *)name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		ascii = NULL;
	if (net_is_hostname(ascii != NULL ? (const char *)ascii : name))
		buf_printf(&r->mx, "%s%s%s", r->mx.len > 0 ? " " : "", wild ? "*." : "",
		    ascii != NULL ? (const char *)ascii : name);
	idn2_free(ascii);
}

static bool
take_line(struct reading *r, const struct line *l)
{
	if (is_key(l, "version") && !r->version) {
		r->version = true;
		return is_value(l, "STSv1") || fail(r, "its version is not STSv1");
	}
	if (is_key(l, "mode") && !r->mode)
		return take_mode(r, l);
	if (is_key(l, "max_age") && !r->max_age)
		return take_max_age(r, l);
	if (is_key(l, "mx"))
		take_mx(r, l);
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* False: the line is no "key: value". */
static bool
split_line(struct line *l, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	const char *end = text + len;

	if (colon == NULL)
		return false;
	while (text < colon && is_blank(*text))
		text++;
	l->key = text;
	l->key_len = (size_t)(colon - text);
	l->value = colon + 1;
	while (l->value < end && is_blank(*l->value))
		l->value++;
	while (end > l->value && is_blank(end[-1]))
		end--;
	l->len = (size_t)(end - l->value);
	return true;
}

static bool
judge(struct reading *r)
{
	if (!r->version)
		return fail(r, "it has no version");
	if (!r->mode)
		return fail(r, "it has no mode");
	if (!r->max_age)
		return fail(r, "it has no max_age");
	if (!buf_ok(&r->mx))
		return fail(r, "it names more hosts than 16 KiB hold");
	if (r->policy->mode != POLICY_NONE && r->mx.len == 0)
		return fail(r, "it names no host");
	return true;
}

bool
policy_text_read(struct policy *p, const char *text, size_t len, char *why, size_t size)
{
	struct reading r = { .policy = p, .mx = BUF_INIT(POLICY_MX_MAX - 1), .why = why, .size = size };
	bool good = true;

	*p = (struct policy){ 0 };
	for (size_t at = 0; at < len && good;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t end = newline != NULL ? (size_t)(newline - text) : len;
		struct line l;

		if (split_line(&l, text + at, end - at))
			good = take_line(&r, &l);
		at = end + 1;
	}
	good = good && judge(&r);
	if (good)
		p->mx = mem_strdup(buf_text(&r.mx));
	buf_done(&r.mx);
	return good;
}
