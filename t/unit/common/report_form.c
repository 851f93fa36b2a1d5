/*
 * report_form - forms of a report: whole fields and lines, seven bits, within a limit; other text is none of ours
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/report_form.h"
#include "t/unit/check_main.h"

#define HEAD "From: postmaster@example.com\r\nTo: <author@example.org>\r\nSubject: Delivery\r\nMIME-Version: 1.0\r\n"
#define TYPE(global) "Content-Type: multipart/report; report-type=" global "delivery-status;\r\n\tboundary=\"=_1k\"\r\n"
#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
#define PREAMBLE "\r\nThis is a MIME-formatted message.\r\n\r\n"
#define WORDS "Delivery to the following recipients failed.\r\n\r\n       x@far.example\r\n"
#define TEXT "Content-Type: text/plain; charset=us-ascii\r\n\r\n" WORDS "\r\n"
#define STATUS "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\n\r\n"
#define ORIGINAL "Content-Type: message/rfc822\r\n" EIGHT "\r\nReceived: from a\r\n\tby b\r\nSubject: gr\xc3\xbc\xc3\x9f\r\n" \
    "\r\n--=_1k0\r\nbody \xff\r\n\r\n"
#define PART "--=_1k\r\n"
#define END "--=_1k--\r\n"

static const char report[] = HEAD TYPE("") EIGHT PREAMBLE PART TEXT PART STATUS PART ORIGINAL END;
static const char global[] = "From: postmaster@example.com\r\nTo: <author@b\xc3\xbc" "cher.example>\r\nMIME-Version: 1.0\r\n"
    TYPE("global-") EIGHT PREAMBLE
    PART "Content-Type: text/plain; charset=utf-8\r\n" EIGHT "\r\n       p\xc3\xa4r@x.example\r\n         a=b \r\n"
    PART "Content-Type: message/global-delivery-status\r\n" EIGHT "\r\nFinal-Recipient: utf-8; p\xc3\xa4r@x.example\r\n\r\n"
    PART "Content-Type: message/global-headers\r\n" EIGHT "\r\nSubject: x\r\n\r\n" END;

static const struct { const char *name; enum report_form form; const char *in; size_t limit; const char *out; } rows[] = {
	{ "as it is", REPORT_WHOLE, report, 0, NULL },
	{ "the header, encoded", REPORT_HEADER, report, 0, HEAD TYPE("") PREAMBLE PART TEXT PART STATUS PART
	  "Content-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	  "Received: from a\r\n\tby b\r\nSubject: gr=C3=BC=C3=9F\r\n\r\n" END },
	{ "nothing of the original", REPORT_BRIEF, report, 0, HEAD TYPE("") PREAMBLE PART TEXT PART STATUS END },
	{ "no parts", REPORT_PLAIN, report, 0,
	  "From: postmaster@example.com\r\nTo: <author@example.org>\r\nSubject: Delivery\r\n\r\n" WORDS "\r\n" },
	{ "a sender with a boundary", REPORT_BRIEF, "To: <\"boundary=\"@b.example>\r\n" TYPE("") PREAMBLE PART TEXT PART STATUS
	  PART ORIGINAL END, 0, "To: <\"boundary=\"@b.example>\r\n" TYPE("") PREAMBLE PART TEXT PART STATUS END },
	{ "UTF-8", REPORT_HEADER, global, 0,
	  "From: postmaster@example.com\r\nMIME-Version: 1.0\r\n" TYPE("") PREAMBLE
	  PART "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	  "       p=C3=A4r@x.example\r\n         a=3Db=20\r\n"
	  PART "Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: utf-8; p\\x{E4}r@x.example\r\n\r\n"
	  PART "Content-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n\r\n" END },
	{ "UTF-8, no parts", REPORT_PLAIN, global, 0,
	  "From: postmaster@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	  "Content-Transfer-Encoding: quoted-printable\r\n\r\n       p=C3=A4r@x.example\r\n         a=3Db=20\r\n" },
	{ "too large with the header", REPORT_HEADER, report, 400, NULL },
	{ "too large without", REPORT_BRIEF, report, 300, NULL },
	{ "too small a host for anything", REPORT_PLAIN, report, 100, NULL },
	{ "no report", REPORT_BRIEF, "Subject: x\r\n\r\nbody\r\n", 0, NULL },
	{ "no boundary", REPORT_BRIEF, HEAD "\r\n" PART TEXT, 0, NULL },
	{ "an open boundary", REPORT_BRIEF, "Content-Type: x; boundary=\"=_1k\r\n\r\n" PART TEXT, 0, NULL },
	{ "two parts", REPORT_BRIEF, HEAD TYPE("") PREAMBLE PART TEXT PART STATUS END, 0, NULL },
	{ "nothing", REPORT_PLAIN, "", 0, NULL },
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf out = BUF_INIT(1U << 20);
		bool ok = report_form_make(rows[i].form, rows[i].in, strlen(rows[i].in), rows[i].limit, &out);

		ck_assert_msg(ok == (rows[i].out != NULL), "%s", rows[i].name);
		ck_assert_msg(!ok || strcmp(buf_text(&out), rows[i].out) == 0, "%s: %s", rows[i].name,
		    buf_text(&out));
		buf_done(&out);
	}
}
END_TEST

/* A long header and a long list of recipients: whatever the limit, what is made has whole lines and fits. */
START_TEST(test_limits)
{
	struct buf in = BUF_INIT(1U << 20);
	unsigned made = 0;

	buf_puts(&in, HEAD TYPE("") PREAMBLE PART "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
	for (unsigned i = 0; i < 30; i++)
		buf_printf(&in, "       x%u@far.example\r\n", i);
	buf_puts(&in, PART STATUS PART "Content-Type: text/rfc822-headers\r\n\r\n");
	for (unsigned i = 0; i < 30; i++)
		buf_printf(&in, "X-Field-%u: %s\r\n", i, i % 2 ? "gr\xc3\xbc\xc3\x9f" : "a = b");
	buf_puts(&in, "\r\n" END);
	for (size_t limit = 1; limit < in.len + 500; limit += 7)
		for (enum report_form form = REPORT_HEADER; form < REPORT_FORMS; form++) {
			struct buf out = BUF_INIT(1U << 20);

			if (report_form_make(form, in.data, in.len, limit, &out)) {
				made++;
				ck_assert_uint_le(out.len, limit);
				ck_assert(out.len > 2 && strcmp(out.data + out.len - 2, "\r\n") == 0);
				ck_assert(form == REPORT_PLAIN || strstr(out.data, "\r\n" END) != NULL);
				for (size_t i = 0; i < out.len; i++)
					ck_assert((out.data[i] & 0x80) == 0 && out.data[i] != '\0');
			}
			buf_done(&out);
		}
	ck_assert_uint_gt(made, 300);
	buf_done(&in);
}
END_TEST

UNIT_MAIN("report_form", test_rows, test_limits)
