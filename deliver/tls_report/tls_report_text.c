/*
 * tls_report_text - one report: JSON as RFC 8460 4.4 has it, packed by gzip; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  the sums are whole also where not all details find room. The JSON is written here and by no
 *           library: it has one shape, its texts are ASCII already, and nothing of it is ever read
 * Fails by: false: it does not fit
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/config/config.h"
#include "common/config/config_report.h"
#include "deliver/tls_report/tls_report.h"

#define JSON_MAX (4U << 20)

/* --- JSON --- */

static void
put_text(struct buf *out, const char *text, size_t len)
{
	char piece[UTF8_JSON_SIZE];

	buf_puts(out, "\"");
	for (size_t i = 0; i < len;) {
		i += utf8_format_json(piece, (const unsigned char *)text + i, len - i);
		buf_puts(out, piece);
	}
	buf_puts(out, "\"");
}

/* With a comma before all but the first member. */
static void
put_member(struct buf *out, const char *before, const char *name, const char *text)
{
	buf_printf(out, "%s\"%s\":", before, name);
	put_text(out, text, strlen(text));
}

/* What is not known is left out. */
static void
put_known(struct buf *out, const char *name, const char *text)
{
	if (*text != '\0')
		put_member(out, ",", name, text);
}

/* "2026-11-30T00:00:00Z" (RFC 3339). */
static void
put_time(struct buf *out, const char *before, const char *name, int64_t seconds)
{
	char text[CLOCK_DATE_SIZE];

	clock_format_utc(text, seconds * 1000000);
	snprintf(text + strcspn(text, "."), 2, "Z");
	put_member(out, before, name, text);
}

/* The lines of a policy that begin so, without that. */
static void
put_lines(struct buf *out, const char *text, const char *begin)
{
	size_t skip = strlen(begin);
	const char *comma = "";

	buf_puts(out, "[");
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (strncmp(text, begin, skip) == 0) {
			buf_puts(out, comma);
			put_text(out, text + skip, len - skip);
			comma = ",";
		}
		text += len + (text[len] == '\n');
	}
	buf_puts(out, "]");
}

static void
put_detail(struct buf *out, const struct tls_detail *d)
{
	put_member(out, "{", "result-type", tls_applied_results[d->result]);
	put_known(out, "sending-mta-ip", d->source);
	put_known(out, "receiving-mx-hostname", d->host);
	put_known(out, "receiving-mx-helo", d->helo);
	put_known(out, "receiving-ip", d->ip);
	buf_printf(out, ",\"failed-session-count\":%llu", (unsigned long long)d->count);
	put_known(out, "failure-reason-code", d->reason);
	buf_puts(out, "}");
}

static int
by_count(const void *left, const void *right)
{
	const struct tls_detail *a = *(const struct tls_detail *const *)left,
	    *b = *(const struct tls_detail *const *)right;

	return (a->count < b->count) - (a->count > b->count);
}

static void
put_details(struct buf *out, const struct tls_policy_row *p, size_t most)
{
	const struct tls_detail *sorted[TLS_TALLY_DETAILS_MAX], *d;
	size_t n = 0;

	STAILQ_FOREACH(d, &p->details, link)
		sorted[n++] = d;
	qsort(sorted, n, sizeof(*sorted), by_count);
	buf_puts(out, ",\"failure-details\":[");
	for (size_t i = 0; i < n && i < most; i++) {
		buf_puts(out, i == 0 ? "" : ",");
		put_detail(out, sorted[i]);
	}
	buf_puts(out, "]");
}

static void
put_policy(struct buf *out, const struct tls_domain *d, const struct tls_policy_row *p, size_t details)
{
	put_member(out, "{\"policy\":{", "policy-type", tls_applied_types[p->type]);
	if (*p->text != '\0') {
		buf_puts(out, ",\"policy-string\":");
		put_lines(out, p->text, "");
	}
	put_member(out, ",", "policy-domain", d->name);
	if (p->type == TLS_APPLIED_STS && strstr(p->text, "mx: ") != NULL) {
		buf_puts(out, ",\"mx-host\":");
		put_lines(out, p->text, "mx: ");
	}
	buf_printf(out, "},\"summary\":{\"total-successful-session-count\":%llu,"
	    "\"total-failure-session-count\":%llu}", (unsigned long long)p->good,
	    (unsigned long long)p->failed);
	if (p->ndetails > 0 && details > 0)
		put_details(out, p, details);
	buf_puts(out, "}");
}

void
tls_report_text_init(struct tls_report_about *a, const struct config_server *s, const struct tls_domain *d)
{
	int64_t begin = d->tally->day * TLS_DAY;
	char date[CLOCK_DATE_SIZE];

	*a = (struct tls_report_about){ .submitter = s->fqdn,
	    .organization = s->tls_report_organization != NULL ? s->tls_report_organization : s->fqdn,
	    .domain = d };
	config_report_contact(a->contact, sizeof(a->contact), s);
	clock_format_utc(date, begin * 1000000);
	snprintf(a->id, sizeof(a->id), "%.10s.%s@%s", date, d->name, s->fqdn);
}

void
tls_report_text_json(struct buf *out, const struct tls_report_about *a, size_t details)
{
	const struct tls_domain *d = a->domain;
	const struct tls_policy_row *p;
	int64_t begin = d->tally->day * TLS_DAY;
	const char *comma = "";

	put_member(out, "{", "organization-name", a->organization);
	buf_puts(out, ",\"date-range\":");
	put_time(out, "{", "start-datetime", begin);
	put_time(out, ",", "end-datetime", begin + TLS_DAY - 1);
	put_member(out, "},", "contact-info", a->contact);
	put_member(out, ",", "report-id", a->id);
	buf_puts(out, ",\"policies\":[");
	STAILQ_FOREACH(p, &d->policies, link) {
		buf_puts(out, comma);
		put_policy(out, d, p, details);
		comma = ",";
	}
	buf_puts(out, "]}\n");
}

/* --- gzip --- */

bool
tls_report_text_pack(struct buf *out, const struct buf *json)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)buf_text(json), .avail_in = (uInt)json->len };
	size_t most;
	int rc;

	/* 16: with the header of gzip, whose time is 0 */
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	most = deflateBound(&z, json->len);
	z.next_out = (Bytef *)buf_room(out, most);
	z.avail_out = z.next_out != NULL ? (uInt)most : 0;
	rc = z.next_out != NULL ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
	deflateEnd(&z);
	if (rc != Z_STREAM_END)
		return false;
	out->len += most - z.avail_out;
	return true;
}

bool
tls_report_text_make(struct buf *out, const struct tls_report_about *a, size_t most)
{
	for (size_t details = TLS_TALLY_DETAILS_MAX;; details /= 2) {
		struct buf json = BUF_INIT(JSON_MAX);
		bool good;

		buf_clear(out);
		tls_report_text_json(&json, a, details);
		good = buf_ok(&json) && tls_report_text_pack(out, &json) && out->len <= most;
		buf_done(&json);
		if (good || details == 0)
			return good;
	}
}
