/* header_mend - headers mended whole and cut at every place: what stays, what is found, where the body begins */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/mail/header_mend.h"
#include "t/unit/check_main.h"

#define ALL (HEADER_MEND_DATE | HEADER_MEND_ID)

/* @ is where the missing fields belong. */
static const struct { const char *in, *out; unsigned found; } rows[] = {
	{ "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n@\r\nbody\r\n", 0 },
	{ "Date: y\r\nmessage-id: <z>\r\n\r\n", "Date: y\r\nmessage-id: <z>\r\n@\r\n", ALL },
	{ "Message-ID : <z>\r\n\r\n", "Message-ID : <z>\r\n@\r\n", HEADER_MEND_ID },
	{ "Dates: y\r\nX-Date: y\r\nDat: y\r\n\r\n", "Dates: y\r\nX-Date: y\r\nDat: y\r\n@\r\n", 0 },
	{ "Bcc: a@b\r\nTo: c\r\n\r\nBcc: stays\r\n", "To: c\r\n@\r\nBcc: stays\r\n", HEADER_MEND_BCC },
	{ "To: c\r\nbcc: a@b,\r\n c@d,\r\n\te@f\r\nCc: g\r\n h\r\nResent-Bcc:\r\n i\r\n\r\nx",
	    "To: c\r\nCc: g\r\n h\r\n@\r\nx", HEADER_MEND_BCC },
	{ "Return-Path: <a>\r\nSubject: x\r\n\r\n", "Subject: x\r\n@\r\n", HEADER_MEND_RETURN_PATH },
	{ "Subject: x\r\nno field here\r\nBcc: y\r\n", "Subject: x\r\n@no field here\r\nBcc: y\r\n",
	    HEADER_MEND_END },
	{ "Subject: x\r\n: y\r\n", "Subject: x\r\n@: y\r\n", HEADER_MEND_END },
	{ "Subject: x\r\n", "Subject: x\r\n@", 0 },
	{ "Subject: x", "Subject: x\r\n@", 0 },
	{ "Subject: x\r\nword", "Subject: x\r\n@word", HEADER_MEND_END },
	{ "Bcc: x", "@", HEADER_MEND_BCC },
	{ "\r\nbody", "@\r\nbody", 0 },
	{ "", "@", 0 },
	{ "Xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nBcc: "
	    "y\r\n\r\n", "Xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "\r\n@\r\n", HEADER_MEND_BCC },
};

static void
sink(void *arg, const char *run, size_t len)
{
	ck_assert_uint_gt(len, 0);
	buf_add(arg, run, len);
}

static void
end_header(struct header_mend *m, struct buf *out)
{
	buf_puts(out, "@");
	buf_add(out, m->name, m->len);
}

static void
mend(const char *in, size_t cut, struct buf *out, unsigned *found)
{
	struct header_mend m = { 0 };
	size_t len = strlen(in);

	for (size_t at = 0; at < len; at += cut) {
		size_t n = len - at < cut ? len - at : cut, used = 0;

		if (!m.over) {
			used = header_mend_take(&m, in + at, n, sink, out);
			ck_assert(used == n || m.over);
			if (m.over)
				end_header(&m, out);
		}
		buf_add(out, in + at + used, n - used);
	}
	if (!m.over) {
		header_mend_end(&m, sink, out);
		end_header(&m, out);
	}
	*found = m.found;
}

START_TEST(every_cut)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		for (size_t cut = 1; cut <= strlen(rows[i].in) + 1; cut++) {
			struct buf out = BUF_INIT(1000);
			unsigned found;

			mend(rows[i].in, cut, &out, &found);
			ck_assert_msg(strcmp(buf_text(&out), rows[i].out) == 0, "row %zu cut %zu:\n%s", i, cut,
			    buf_text(&out));
			ck_assert_msg(found == rows[i].found, "row %zu cut %zu: found %u", i, cut, found);
			buf_done(&out);
		}
	}
}
END_TEST

START_TEST(missing)
{
	char dst[HEADER_MEND_SIZE], fqdn[600];

	ck_assert_uint_eq(header_mend_missing(dst, ALL, "d", "i", "f"), 0);
	ck_assert_uint_eq(header_mend_missing(dst, HEADER_MEND_BCC, "d", "i", "f"), strlen(dst));
	ck_assert_str_eq(dst, "Date: d\r\nMessage-ID: <i@f>\r\n");
	memset(fqdn, 'x', sizeof(fqdn));
	fqdn[sizeof(fqdn) - 1] = '\0';
	ck_assert_uint_lt(header_mend_missing(dst, 0, "d", "i", fqdn), sizeof(dst));
}
END_TEST

START_TEST(words)
{
	char dst[HEADER_MEND_SIZE];

	ck_assert_str_eq(header_mend_format(dst, ALL, 0), "");
	ck_assert_str_eq(header_mend_format(dst, 0, DATA_MENDED_LF), "lf,date,message-id");
	ck_assert_str_eq(header_mend_format(dst, ALL | HEADER_MEND_PRIVATE | HEADER_MEND_END, DATA_MENDED_CR),
	    "cr,bcc,return-path,header-end");
}
END_TEST

UNIT_MAIN("header_mend", every_cut, missing, words)
