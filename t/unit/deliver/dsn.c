/* dsn - whole reports compared; hostile diagnostics are folded; a long report is built in pieces */

#include <stdio.h>
#include <string.h>

#include "common/mail/address.h"
#include "common/mail/report_form.h"
#include "common/mail/xtext.h"
#include "deliver/result/result.h"
#include "t/unit/check_main.h"

static void
compose(struct dsn *d, struct buf *out)
{
	buf_init(out, 64U << 20);
	while (dsn_next(d, out))
		;
	ck_assert(buf_ok(out));
}

static struct dsn
base(enum dsn_kind kind, struct dsn_recipient *r, size_t n)
{
	return (struct dsn){
		.kind = kind, .id = "1k0stx2a3b4c5d6e", .fqdn = "mail.example.net", .domain = "example.com",
		.to = "author@example.org",
		.date = "Sat, 21 Nov 2026 19:04:57 +0000", .arrival = "Fri, 20 Nov 2026 08:00:00 +0000",
		.last_attempt = "Sat, 21 Nov 2026 19:04:56 +0000",
		.retry_until = "Sun, 22 Nov 2026 08:00:00 +0000",
		.expire = 2 * 86400000U, .recipient = r, .count = n,
		.whole = true, .original = "Subject: hi\r\n\r\nbody\r\n", .original_size = 21,
	};
}

static void
compare(const struct buf *got, const char *want)
{
	size_t i = 0, line = 1;

	while (i < got->len && want[i] == got->data[i])
		line += got->data[i++] == '\n';
	ck_assert_msg(i == got->len && want[i] == '\0', "line %zu differs: got \"%.60s\", wanted \"%.60s\"",
	    line, buf_text(got) + i, want + i);
}

static const char failure[] =
    "From: postmaster@example.com\r\n"
    "To: <author@example.org>\r\n"
    "Date: Sat, 21 Nov 2026 19:04:57 +0000\r\n"
    "Message-ID: <1k0stx2a3b4c5d6e@mail.example.net>\r\n"
    "Subject: Delivery Status Notification (Failure)\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_1k0stx2a3b4c5d6e\"\r\n"
    "\r\n"
    "This is a MIME-formatted message.\r\n"
    "Portions of this message may be unreadable without a MIME-capable mail program.\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This is an automatically generated Delivery Status Notification.\r\n"
    "\r\n"
    "Delivery to the following recipients failed.\r\n"
    "\r\n"
    "       nobody@far.example\r\n"
    "         The mailbox does not exist.\r\n"
    "         mx.far.example answered: 550 5.1.1 <nobody@far.example>: Recipient\r\n"
    "         address rejected: User unknown in virtual mailbox table\r\n"
    "\r\n"
    "       late@slow.example\r\n"
    "         It could not be delivered within 2 days.\r\n"
    "         cannot connect to slow.example: Connection timed out\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Reporting-MTA: dns; mail.example.net\r\n"
    "Original-Envelope-Id: QQ314159\r\n"
    "Arrival-Date: Fri, 20 Nov 2026 08:00:00 +0000\r\n"
    "\r\n"
    "Original-Recipient: rfc822; some+one@far.example\r\n"
    "Final-Recipient: rfc822; nobody@far.example\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx.far.example\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <nobody@far.example>: Recipient address\r\n"
    " rejected: User unknown in virtual mailbox table\r\n"
    "Last-Attempt-Date: Sat, 21 Nov 2026 19:04:56 +0000\r\n"
    "\r\n"
    "Final-Recipient: rfc822; late@slow.example\r\n"
    "Action: failed\r\n"
    "Status: 4.4.7\r\n"
    "Diagnostic-Code: x-postern; cannot connect to slow.example: Connection timed\r\n"
    " out\r\n"
    "Last-Attempt-Date: Sat, 21 Nov 2026 19:04:56 +0000\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: hi\r\n"
    "\r\n"
    "body\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e--\r\n";

/* shows 6.1, 6.3 */
START_TEST(test_failure)
{
	struct dsn_recipient r[] = {
		{ "nobody@far.example", "rfc822;some+2Bone@far.example", "5.1.1", 550, "mx.far.example",
		    "5.1.1 <nobody@far.example>: Recipient address rejected: User unknown in virtual mailbox "
		    "table" },
		{ "late@slow.example", NULL, "4.4.7", 0, "",
		    "cannot connect to slow.example: Connection timed out" },
	};
	struct dsn d = base(DSN_FAILURE, r, 2);
	struct buf out;

	d.envid = "QQ314159";
	compose(&d, &out);
	compare(&out, failure);
	buf_done(&out);
}
END_TEST

static const char delay[] =
    "From: postmaster@example.com\r\n"
    "To: <author@example.org>\r\n"
    "Date: Sat, 21 Nov 2026 19:04:57 +0000\r\n"
    "Message-ID: <1k0stx2a3b4c5d6e@mail.example.net>\r\n"
    "Subject: Delivery Status Notification (Delay)\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_1k0stx2a3b4c5d6e\"\r\n"
    "Content-Transfer-Encoding: 8bit\r\n"
    "\r\n"
    "This is a MIME-formatted message.\r\n"
    "Portions of this message may be unreadable without a MIME-capable mail program.\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This is an automatically generated Delivery Status Notification.\r\n"
    "\r\n"
    "THIS IS A WARNING MESSAGE ONLY.\r\n"
    "\r\n"
    "YOU DO NOT NEED TO RESEND YOUR MESSAGE.\r\n"
    "\r\n"
    "Delivery to the following recipients has been delayed.\r\n"
    "\r\n"
    "       slow@far.example\r\n"
    "         mx.far.example answered: 451 4.7.1 greylisted\r\n"
    "\r\n"
    "Delivery will be tried again until Sun, 22 Nov 2026 08:00:00 +0000.\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Reporting-MTA: dns; mail.example.net\r\n"
    "Arrival-Date: Fri, 20 Nov 2026 08:00:00 +0000\r\n"
    "\r\n"
    "Final-Recipient: rfc822; slow@far.example\r\n"
    "Action: delayed\r\n"
    "Status: 4.4.7\r\n"
    "Remote-MTA: dns; mx.far.example\r\n"
    "Diagnostic-Code: smtp; 451 4.7.1 greylisted\r\n"
    "Last-Attempt-Date: Sat, 21 Nov 2026 19:04:56 +0000\r\n"
    "Will-Retry-Until: Sun, 22 Nov 2026 08:00:00 +0000\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e\r\n"
    "Content-Type: text/rfc822-headers\r\n"
    "Content-Transfer-Encoding: 8bit\r\n"
    "\r\n"
    "Subject: gr\xc3\xbc\xc3\x9f\r\n"
    "\r\n"
    "--=_1k0stx2a3b4c5d6e--\r\n";

/* shows 6.3 */
START_TEST(test_delay)
{
	struct dsn_recipient r = { "slow@far.example", NULL, "4.7.1", 451, "mx.far.example",
	    "4.7.1 greylisted" };
	struct dsn d = base(DSN_DELAY, &r, 1);
	struct buf out;

	d.whole = false;
	d.eight_bit = true;
	d.original = "Subject: gr\xc3\xbc\xc3\x9f\r\n";
	d.original_size = strlen(d.original);
	compose(&d, &out);
	compare(&out, delay);
	buf_done(&out);
}
END_TEST

/*
 * Each line of the first two parts: ASCII and CRLF, at most 78 columns in the second part, and none that the
 * peer made.
 */
static void
judge_lines(struct buf *out, const char *never)
{
	char *end = strstr(buf_text(out), "Content-Type: message/rfc822");
	size_t len = (size_t)(end - out->data), fields = (size_t)(strstr(out->data,
	    "message/delivery-status") - out->data);

	ck_assert_ptr_nonnull(end);
	for (size_t at = 0; at < len;) {
		char *lf = memchr(out->data + at, '\n', len - at);
		size_t n = (size_t)(lf - (out->data + at));

		ck_assert_msg(n >= 1 && lf[-1] == '\r', "no CR at %zu", at);
		ck_assert_msg(n - 1 <= (at > fields ? 78 : 600), "%zu columns: %.*s", n - 1, (int)n,
		    out->data + at);
		ck_assert(strncmp(out->data + at, never, strlen(never)) != 0);
		for (size_t i = 0; i < n - 1; i++)
			ck_assert_msg(((unsigned char)out->data[at + i] >= ' ' ||
			    out->data[at + i] == '\t') &&
			    (unsigned char)out->data[at + i] < 0x7f, "byte %02x",
			    (unsigned char)out->data[at + i]);
		at += n + 1;
	}
}

START_TEST(test_hostile)
{
	static const char *const texts[] = {
		"5.0.0 one\r\nFinal-Recipient: rfc822; evil@x\r\n\r\n--=_1k0stx2a3b4c5d6e--\r\n",
		"\xff\xfe\x80 latin \xe9t\xe9 \xc3\xa9 \x01\x02\x7f\x1b[2J tab\there",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx y",
		"   \r\n   \r\n",
		"Final-Recipient:",
	};

	for (size_t i = 0; i < nitems_of(texts); i++) {
		struct dsn_recipient r = { "a@b.example", NULL, "5.0.0", 550, "mx.example", texts[i] };
		struct dsn d = base(DSN_FAILURE, &r, 1);
		struct buf out;

		compose(&d, &out);
		judge_lines(&out, "Final-Recipient: rfc822; evil@x");
		buf_done(&out);
	}
}
END_TEST

/* Reports with UTF-8 addresses have the types of RFC 6533; bytes that are no UTF-8 become question marks. */
START_TEST(test_utf8)
{
	struct dsn_recipient r = { "p\xc3\xa4r@x.example", NULL, "5.1.1", 550, "mx.example",
	    "5.1.1 kein Postfach f\xc3\xbcr p\xe4r" };
	struct dsn d = base(DSN_FAILURE, &r, 1);
	struct buf out;

	d.utf8 = true;
	compose(&d, &out);
	ck_assert_ptr_nonnull(strstr(out.data, "report-type=global-delivery-status"));
	ck_assert_ptr_nonnull(strstr(out.data, "\r\nFinal-Recipient: utf-8; p\xc3\xa4r@x.example\r\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "kein Postfach f\xc3\xbcr p?r\r\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "Content-Type: message/global\r\n"));
	buf_done(&out);
}
END_TEST

START_TEST(test_many_in_pieces)
{
	enum { N = 5000 };
	struct dsn_recipient *r = mem_zalloc(N * sizeof(*r));
	char (*address)[32] = mem_zalloc(N * 32);
	struct dsn d = base(DSN_FAILURE, r, N);
	struct buf piece = BUF_INIT(1U << 20), all = BUF_INIT(64U << 20);
	size_t found = 0;

	for (size_t i = 0; i < N; i++) {
		snprintf(address[i], 32, "r%zu@far.example", i);
		r[i] = (struct dsn_recipient){ address[i], NULL, "5.1.1", 550, "mx.far.example", "5.1.1 no" };
	}
	for (buf_clear(&piece); dsn_next(&d, &piece); buf_clear(&piece)) {
		ck_assert_uint_le(piece.len, 20000);
		buf_add(&all, piece.data, piece.len);
	}
	for (const char *at = all.data; (at = strstr(at, "\r\nFinal-Recipient: ")) != NULL; at++)
		found++;
	ck_assert_uint_eq(found, N);
	buf_done(&piece);
	buf_done(&all);
	free(address);
	free(r);
}
END_TEST

/*
 * What no client can have said, as in a queue file that somebody else wrote, and the longest that one can: each line
 * has 998 octets at most, also in the 7-bit form, which has no other bytes in its status.
 */
START_TEST(test_hostile_envelope)
{
	static char umlauts[ADDRESS_MAX + 1], far[5000], orcpt[XTEXT_ORCPT_MAX + 1], envid[3000];
	struct dsn_recipient r[] = {
		{ umlauts, orcpt, "5.1.1", 550, "mx.example", "5.1.1 no" },
		{ far, "utf\xff;a@b", "5.1.1", 550, "mx.example", "5.1.1 no" },
		{ "a@b", "rfc822;a+0D+0Ab", "5.1.1", 550, "mx.example", "5.1.1 no" },
	};

	memset(far, 'x', sizeof(far) - 1);
	memset(envid, 'e', sizeof(envid) - 1);
	snprintf(orcpt, sizeof(orcpt), "utf-8;");
	for (size_t i = 0; i + 2 < sizeof(umlauts); i += 2)
		memcpy(umlauts + i, "\xc3\xbc", 2);
	for (size_t i = 6; i + 2 < sizeof(orcpt); i += 2)
		memcpy(orcpt + i, "\xc3\xbc", 2);
	for (unsigned utf8 = 0; utf8 < 2; utf8++) {
		struct dsn d = base(DSN_FAILURE, r, nitems_of(r));
		struct buf whole, brief = BUF_INIT(1U << 20);

		d.utf8 = utf8;
		d.envid = envid;
		compose(&d, &whole);
		ck_assert(report_form_make(REPORT_BRIEF, whole.data, whole.len, 0, &brief));
		for (const char *at = brief.data, *lf; (lf = strchr(at, '\n')) != NULL; at = lf + 1) {
			ck_assert_msg(lf - at <= 999, "%zu octets: %.60s", (size_t)(lf - at), at);
			for (const char *p = at; p < lf; p++)
				ck_assert_msg((unsigned char)*p < 0x80, "%.60s", at);
		}
		ck_assert_ptr_nonnull(strstr(brief.data, utf8 ? "\r\nFinal-Recipient: utf-8; \\x{FC}" :
		    "\r\nFinal-Recipient: utf-8; ??"));
		ck_assert_ptr_nonnull(strstr(brief.data, "xxx...\r\nAction: failed\r\n"));
		ck_assert_ptr_null(strstr(brief.data, "\r\nOriginal-Recipient:"));
		buf_done(&whole);
		buf_done(&brief);
	}
}
END_TEST

UNIT_MAIN("dsn", test_failure, test_delay, test_hostile, test_utf8, test_hostile_envelope, test_many_in_pieces)
