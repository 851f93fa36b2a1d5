/*
 * tls_applied - the policy of a domain under which a session was begun: its type, its lines, and whether it
 * could be used; pure
 *
 * Runs in:  deliver
 * Owns:     the policy, which a list of addresses and its connections share
 * Promise:  its lines are printable ASCII, at most TLS_APPLIED_TEXT_MAX bytes, whole ones only
 * Fails by: cannot
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/tls_report/tls_report.h"

const char *const tls_applied_types[TLS_APPLIED_TYPES] = {
	[TLS_APPLIED_NONE] = "no-policy-found", [TLS_APPLIED_STS] = "sts", [TLS_APPLIED_TLSA] = "tlsa",
};

const char *const tls_applied_results[TLS_RESULTS] = {
	[TLS_RESULT_GOOD] = "good",
	[TLS_RESULT_NO_STARTTLS] = "starttls-not-supported",
	[TLS_RESULT_NAME] = "certificate-host-mismatch",
	[TLS_RESULT_EXPIRED] = "certificate-expired",
	[TLS_RESULT_UNTRUSTED] = "certificate-not-trusted",
	[TLS_RESULT_OTHER] = "validation-failure",
	[TLS_RESULT_TLSA] = "tlsa-invalid",
	[TLS_RESULT_DNSSEC] = "dnssec-invalid",
	[TLS_RESULT_FETCH] = "sts-policy-fetch-error",
	[TLS_RESULT_POLICY] = "sts-policy-invalid",
	[TLS_RESULT_WEBPKI] = "sts-webpki-invalid",
};

struct tls_applied *
tls_applied_new(const char *domain, enum tls_applied_type type)
{
	struct tls_applied *a = mem_new(struct tls_applied);

	a->refs = 1;
	a->type = type;
	a->domain = mem_strdup(domain);
	buf_init(&a->text, TLS_APPLIED_TEXT_MAX);
	return a;
}

struct tls_applied *
tls_applied_get(struct tls_applied *a)
{
	if (a != NULL)
		a->refs++;
	return a;
}

void
tls_applied_put(struct tls_applied *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	buf_done(&a->text);
	free(a->domain);
	free(a);
}

void
tls_applied_fail(struct tls_applied *a, enum tls_result result, const char *why)
{
	a->failed = result;
	snprintf(a->why, sizeof(a->why), "%s", why);
}

/* A whole line or nothing. */
static void
add_line(struct tls_applied *a, const char *key, const char *value, size_t len)
{
	size_t before = a->text.len;

	buf_printf(&a->text, "%s%.*s\n", key, (int)len, value);
	for (size_t i = before; i + 1 < a->text.len; i++)
		if (a->text.data[i] < ' ' || a->text.data[i] > '~')
			a->text.data[i] = '?';
	if (buf_ok(&a->text))
		return;
	a->text.len = before;
	a->text.failed = false;
}

void
tls_applied_sts(struct tls_applied *a, const char *mode, const char *mx, uint32_t max_age)
{
	char age[24];

	add_line(a, "version: ", "STSv1", 5);
	add_line(a, "mode: ", mode, strlen(mode));
	/* before the hosts, for which there may be no room; the order means nothing */
	snprintf(age, sizeof(age), "%u", max_age);
	add_line(a, "max_age: ", age, strlen(age));
	while (*mx != '\0') {
		size_t len = strcspn(mx, " ");

		add_line(a, "mx: ", mx, len);
		mx += len + (mx[len] == ' ');
	}
}

void
tls_applied_tlsa(struct tls_applied *a, const uint8_t *record, size_t len)
{
	struct buf hex = BUF_INIT(TLS_APPLIED_TEXT_MAX);

	if (len < 3)
		return;
	for (size_t i = 3; i < len; i++)
		buf_printf(&hex, "%02x", record[i]);
	if (buf_ok(&hex)) {
		char *line = mem_printf("%u %u %u %s", record[0], record[1], record[2], buf_text(&hex));

		add_line(a, "", line, strlen(line));
		free(line);
	}
	buf_done(&hex);
}
