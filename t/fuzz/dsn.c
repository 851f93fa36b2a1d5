/*
 * dsn - a report about a message with a hostile envelope and a hostile original, as hosts with hostile words
 * refused it: 7-bit where it has to be, no line too long, and its fields are read back. Smaller forms of it too.
 * The first byte chooses the kind of report; then the queue file, an empty line apart from what the host said.
 */
#include "common/mail/header.h"
#include "common/mail/message.h"
#include "common/mail/report_form.h"
#include "common/mail/verdict.h"
#include "deliver/result/result.h"
#include "t/fuzz/fuzz.h"

#define LINE_OCTETS 998		/* RFC 5322 2.1.1 */
#define RECIPIENTS_MAX 20

static const char boundary[] = "\r\n--=_1k0stx2a3b4c5d6e";

/* Whole lines, not too long; 7-bit unless `eight`. */
static void
check_lines(const char *text, size_t len, bool eight)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		fuzz_check(eight || (unsigned char)text[i] < 0x80);
		fuzz_check(text[i] != '\0' && (text[i] != '\r' || text[i + 1] == '\n'));
		if (text[i] != '\n')
			continue;
		fuzz_check(i > start && text[i - 1] == '\r' && i - start - 1 <= LINE_OCTETS);
		start = i + 1;
	}
	fuzz_check(start == len);
}

static bool
is_field(const struct header_field *f, const char *name, const char *want)
{
	if (!header_is(f, name))
		return false;
	fuzz_check(want == NULL || (f->value_len >= strlen(want) &&
	    memmem(f->value, f->value_len, want, strlen(want)) != NULL));
	return true;
}

/* The groups of fields of the status part: one for the message, one for each recipient. */
static void
check_status(const struct dsn *d, const char *text, size_t len)
{
	static const char *const actions[] = { "failed", "delayed", "delivered", "relayed", "expanded" };
	const char *at = text, *end = text + len;

	for (size_t group = 0; group <= d->count; group++) {
		struct header_field f;
		size_t pos = 0, size = header_size(at, (size_t)(end - at)), finals = 0, codes = 0;

		while (header_next(at, size, &pos, &f) == 1) {
			bool known = group == 0 ?
			    is_field(&f, "Reporting-MTA", "dns; mail.example.net") ||
			    is_field(&f, "Original-Envelope-Id", NULL) || is_field(&f, "Arrival-Date", NULL) :
			    is_field(&f, "Original-Recipient", ";") || is_field(&f, "Final-Recipient", "; ") ||
			    is_field(&f, "Action", actions[d->kind]) ||
			    is_field(&f, "Status", d->kind == DSN_DELAY ? "4.4.7" :
			    d->recipient[group - 1].status) || is_field(&f, "Remote-MTA", "dns; ") ||
			    is_field(&f, "Diagnostic-Code", ";") || is_field(&f, "Last-Attempt-Date", NULL) ||
			    is_field(&f, "Will-Retry-Until", NULL);

			fuzz_check(known);
			finals += header_is(&f, "Final-Recipient");
			codes += header_is(&f, "Status") + header_is(&f, "Action");
		}
		fuzz_check(finals == (group > 0) && codes == (group > 0 ? 2 : 0));
		at += size;
	}
	fuzz_check(at == end);
}

/* Where the n-th part begins, behind its own fields. */
static const char *
find_part(const struct buf *out, unsigned n)
{
	const char *at = out->data, *end;

	for (unsigned i = 0; i < n; i++) {
		at = memmem(at, (size_t)(out->data + out->len - at), boundary, sizeof(boundary) - 1);
		fuzz_check(at != NULL);
		at += sizeof(boundary) - 1;
	}
	end = memmem(at, (size_t)(out->data + out->len - at), "\r\n\r\n", 4);
	fuzz_check(end != NULL);
	return end + 4;
}

static void
check_report(const struct dsn *d, const struct buf *out)
{
	const char *status = find_part(out, 2), *end, *original;

	end = memmem(status, (size_t)(out->data + out->len - status), boundary, sizeof(boundary) - 1);
	fuzz_check(end != NULL);
	original = find_part(out, 3);
	end += 2;
	check_lines(out->data, (size_t)(end - out->data), d->utf8);
	check_status(d, status, (size_t)(end - status));
	fuzz_check(memcmp(original, d->original, d->original_size) == 0);
}

static void
check_forms(const struct buf *report, size_t limit)
{
	for (enum report_form form = REPORT_HEADER; form < REPORT_FORMS; form++) {
		struct buf out = BUF_INIT(64U << 20);

		if (report_form_make(form, report->data, report->len, limit, &out)) {
			fuzz_check(limit == 0 || out.len <= limit);
			if (form != REPORT_HEADER)
				check_lines(out.data, out.len, false);
			for (size_t i = 0; i < out.len; i++)
				fuzz_check((unsigned char)out.data[i] < 0x80);
		} else {
			fuzz_check(limit != 0);
		}
		buf_done(&out);
	}
}

static void
compose(const struct message_envelope *e, unsigned mode, const char *content, size_t content_size,
    const char *said)
{
	struct dsn_recipient recipient[RECIPIENTS_MAX];
	struct verdict v;
	struct buf out = BUF_INIT(64U << 20);
	struct dsn d = {
		.kind = (enum dsn_kind)(mode % 5), .id = boundary + 6, .fqdn = "mail.example.net",
		.domain = "example.com", .to = e->sender, .envid = e->envid,
		.date = "Sat, 21 Nov 2026 19:04:57 +0000", .arrival = "Fri, 20 Nov 2026 08:00:00 +0000",
		.last_attempt = "Sat, 21 Nov 2026 19:04:56 +0000",
		.retry_until = mode & 8 ? "Sun, 22 Nov 2026 08:00:00 +0000" : NULL, .expire = mode * 777777U,
		.utf8 = (e->flags & MESSAGE_UTF8) != 0, .recipient = recipient,
		.original = content, .original_size = content_size,
	};

	verdict_from_reply(&v, mode & 16 ? 550 : 421, said, "mx.far.example");
	for (size_t i = 0; i < content_size; i++)
		d.eight_bit |= (unsigned char)content[i] >= 0x80;
	for (; d.count < e->nrcpt && d.count < RECIPIENTS_MAX; d.count++)
		recipient[d.count] = (struct dsn_recipient){ .address = e->rcpt[d.count].address,
		    .orcpt = e->rcpt[d.count].orcpt, .status = v.status,
		    .code = mode & 32 ? v.code : 0, .host = mode & 64 ? v.host : "", .text = v.text };
	while (dsn_next(&d, &out))
		;
	fuzz_check(buf_ok(&out));
	check_report(&d, &out);
	if (memmem(content, content_size, boundary + 2, sizeof(boundary) - 3) == NULL)
		check_forms(&out, mode & 128 ? 1499 : 0);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct message_envelope e = { 0 };
	const char *why, *text = (const char *)data + 1;

	if (len < 2)
		return 0;
	if (message_envelope_parse(&e, text, len - 1, &why) == 1) {
		const char *content = text + e.content_at;
		size_t size = len - 1 - (size_t)e.content_at, head = header_size(content, size);
		char *said = strndup(content, size);

		/* as report does: nothing that is no line */
		while (head > 0 && content[head - 1] != '\n')
			head--;
		compose(&e, data[0], content, memchr(content, '\0', head) == NULL ? head : 0, said);
		free(said);
	}
	message_envelope_done(&e);
	return 0;
}
