/* envelope - rows of arguments of MAIL and RCPT; a repeated recipient is kept once */
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

#define LOCAL64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define CODED20 "+61+61+61+61+61+61+61+61+61+61+61+61+61+61+61+61+61+61+2E+61"
#define CODED40 CODED20 CODED20

#define X480 CODED40 CODED40 CODED40 CODED40

static const struct mail_row {
	const char *arg;
	enum reply reply;
	const char *sender;
	uint64_t size;
	unsigned flags;
} mail_rows[] = {
	{ "FROM:<a@b.example>", REPLY_NONE, "a@b.example", 0, 0 },
	{ "from:<a@B.Example>", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM: <a@b.example>", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:a@b.example", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:a@b.example SIZE=5", REPLY_NONE, "a@b.example", 5, 0 },
	{ "FROM:<>", REPLY_NONE, "", 0, 0 },
	{ "FROM:<> SIZE=0", REPLY_NONE, "", 0, 0 },
	{ "FROM:<bare>", REPLY_NONE, "bare", 0, 0 },
	{ "FROM:<@hop.example,@hop2.example:a@b.example>", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<\"a b\"@b.example>", REPLY_NONE, "\"a b\"@b.example", 0, 0 },
	{ "FROM:<\"a>b\"@b.example>", REPLY_NONE, "\"a>b\"@b.example", 0, 0 },
	{ "FROM:<a@[192.0.2.1]>", REPLY_NONE, "a@[192.0.2.1]", 0, 0 },
	{ "FROM:<" LOCAL64 "@b.example>", REPLY_NONE, LOCAL64 "@b.example", 0, 0 },
	{ "FROM:<a" LOCAL64 LOCAL64 LOCAL64 LOCAL64 "@b.example>", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<" LOCAL64 LOCAL64 LOCAL64 LOCAL64 "@b.example>", REPLY_NONE,
	    LOCAL64 LOCAL64 LOCAL64 LOCAL64 "@b.example", 0, 0 },
	{ "FROM:<a@b.example> SIZE=1000 BODY=8BITMIME SMTPUTF8", REPLY_NONE, "a@b.example", 1000,
	    MESSAGE_8BIT | MESSAGE_UTF8 },
	{ "FROM:<a@b.example> body=8bitmime  size=7", REPLY_NONE, "a@b.example", 7, MESSAGE_8BIT },
	{ "FROM:<a@b.example> BODY=7BIT", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> SIZE=18446744073709551615", REPLY_NONE, "a@b.example", UINT64_MAX, 0 },
	{ "FROM:<a@b.example> SIZE=18446744073709551616", REPLY_NONE, "a@b.example", UINT64_MAX, 0 },
	{ "FROM:<a@b.example> SIZE=99999999999999999999", REPLY_NONE, "a@b.example", UINT64_MAX, 0 },
	{ "FROM:<a@b.example> SIZE=100000000000000000000", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<\xc3\xbc@b.example> SMTPUTF8", REPLY_NONE, "\xc3\xbc@b.example", 0, MESSAGE_UTF8 },
	{ "FROM:<\xc3\xbc@b.example>", REPLY_UTF8_NOT_DECLARED, NULL, 0, 0 },
	{ "FROM:<\xc3@b.example> SMTPUTF8", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE=", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE=-1", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE=1k", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE=1 SIZE=2", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> BODY", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> BODY=9BIT", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> BODY=BINARYMIME", REPLY_NONE, "a@b.example", 0, MESSAGE_BINARY | MESSAGE_8BIT },
	{ "FROM:<a@b.example> SMTPUTF8=yes", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> RET=FULL", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> ret=hdrs ENVID=QQ+2B31", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> RET=HDRS RET=HDRS", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> RET", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> RET=", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> RET=BODY", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=a=b", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=a+0D", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=a+2b", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> ENVID=a+", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=a+2", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=\xc3\xbc SMTPUTF8", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=" LOCAL64 "0123456789012345678901234567890123456", REPLY_BAD_PARAMETER,
	    NULL, 0, 0 },
	{ "FROM:<a@b.example> NOTIFY=NEVER", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> AUTH=<>", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> AUTH=c+40d.example", REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> AUTH=<c@d.example>", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> AUTH=c@d=", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	/* What stands behind the path of it */
	{ "FROM:<a@b.example> AUTH=c@d.example+3Ex", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	/* 500 bytes */
	{ "FROM:<a@b.example> AUTH=" CODED40 CODED20 "+40" CODED40 CODED40 CODED20 "aaaaaaaaaaaaaaaaa",
	    REPLY_NONE, "a@b.example", 0, 0 },
	{ "FROM:<a@b.example> AUTH=" CODED40 CODED20 "+40" CODED40 CODED40 CODED20 "aaaaaaaaaaaaaaaaaa",
	    REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZ=1", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> =1", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example>SIZE=1", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<a@b.example", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<a@>", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<@b.example>", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<a b@b.example>", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM <a@b.example>", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "TO:<a@b.example>", REPLY_BAD_PARAMETER, NULL, 0, 0 },
};

START_TEST(mail)
{
	for (size_t i = 0; i < nitems_of(mail_rows); i++) {
		const struct mail_row *row = &mail_rows[i];
		struct envelope_mail m;
		enum reply got = envelope_parse_mail(&m, row->arg, strlen(row->arg), true);

		ck_assert_msg(got == row->reply, "%s: %s, not %s", row->arg, reply_rows[got].text,
		    reply_rows[row->reply].text);
		if (got != REPLY_NONE)
			continue;
		ck_assert_str_eq(m.sender.text, row->sender);
		ck_assert_msg(m.size == row->size && m.flags == row->flags, "%s: %llu %u", row->arg,
		    (unsigned long long)m.size, m.flags);
	}
}
END_TEST

static const struct rcpt_row {
	const char *arg;
	unsigned flags;
	enum reply reply;
	const char *recipient;
	unsigned notify;
	const char *orcpt;
} rcpt_rows[] = {
	{ "TO:<a@b.example>", 0, REPLY_NONE, "a@b.example", 0, NULL },
	{ "to: a@b.example", 0, REPLY_NONE, "a@b.example", 0, NULL },
	{ "TO:<postmaster>", 0, REPLY_NONE, "postmaster", 0, NULL },
	{ "TO:<@hop.example:a@b.example>", 0, REPLY_NONE, "a@b.example", 0, NULL },
	{ "TO:<a%x@b.example>", 0, REPLY_NONE, "a%x@b.example", 0, NULL },
	{ "TO:<\xc3\xbc@b.example>", MESSAGE_UTF8, REPLY_NONE, "\xc3\xbc@b.example", 0, NULL },
	{ "TO:<\xc3\xbc@b.example>", 0, REPLY_UTF8_NOT_DECLARED, NULL, 0, NULL },
	{ "TO:<>", 0, REPLY_BAD_ADDRESS, NULL, 0, NULL },
	{ "TO:<a@\xc3\xbc.example>", MESSAGE_UTF8, REPLY_NONE, "a@\xc3\xbc.example", 0, NULL },
	/* A zero width space */
	{ "TO:<a@\xe2\x80\x8b.example>", MESSAGE_UTF8, REPLY_BAD_ADDRESS, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=NEVER", 0, REPLY_NONE, "a@b.example", NOTIFY_NEVER, NULL },
	{ "TO:<a@b.example> notify=Success,failure,DELAY", 0, REPLY_NONE, "a@b.example",
	    NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, NULL },
	{ "TO:<a@b.example> NOTIFY=DELAY ORCPT=rfc822;a+2Bb@c.example", 0, REPLY_NONE, "a@b.example",
	    NOTIFY_DELAY, "rfc822;a+2Bb@c.example" },
	{ "TO:<a@b.example> NOTIFY", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=NEVER,DELAY", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=DELAY,DELAY", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=DELAY,", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=,DELAY", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=SOON", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> NOTIFY=DELAY NOTIFY=DELAY", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=a@b", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=;a@b", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=rfc822;", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=rfc 822;a@b", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=rfc822;a+0Ab", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=rfc822;\xc3\xbc@b", MESSAGE_UTF8, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{FC}@b.example", 0, REPLY_NONE, "a@b.example", 0,
	    "utf-8;\\x{FC}@b.example" },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{0D}@b.example", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{D800}@b.example", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\\x{41@b.example", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;a+2Bb", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\xc3\xbc@b.example", MESSAGE_UTF8, REPLY_NONE, "a@b.example", 0,
	    "utf-8;\xc3\xbc@b.example" },
	{ "TO:<a@b.example> ORCPT=utf-8;\xc3\xbc@b.example", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> ORCPT=utf-8;\xc3@b.example", MESSAGE_UTF8, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	/* A control, in UTF-8 */
	{ "TO:<a@b.example> ORCPT=utf-8;\xc2\x85@b.example", MESSAGE_UTF8, REPLY_BAD_PARAMETER, NULL, 0,
	    NULL },
	/* 500 bytes */
	{ "TO:<a@b.example> ORCPT=rfc822;" X480 "1234567890123", 0, REPLY_NONE, "a@b.example", 0,
	    "rfc822;" X480 "1234567890123" },
	{ "TO:<a@b.example> ORCPT=rfc822;" X480 "12345678901234", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
	{ "TO:<\"a\\\x01\"@b.example>", 0, REPLY_BAD_ADDRESS, NULL, 0, NULL },
	{ "TO:<a@b.example> RET=FULL", 0, REPLY_UNKNOWN_PARAMETER, NULL, 0, NULL },
	{ "TO:<a@b.example> SIZE=1", 0, REPLY_UNKNOWN_PARAMETER, NULL, 0, NULL },
	{ "FROM:<a@b.example>", 0, REPLY_BAD_PARAMETER, NULL, 0, NULL },
};

START_TEST(rcpt)
{
	for (size_t i = 0; i < nitems_of(rcpt_rows); i++) {
		const struct rcpt_row *row = &rcpt_rows[i];
		struct envelope_rcpt r;
		enum reply got = envelope_parse_rcpt(&r, row->arg, strlen(row->arg), row->flags,
		    true);

		ck_assert_msg(got == row->reply, "%s: %s, not %s", row->arg, reply_rows[got].text,
		    reply_rows[row->reply].text);
		if (got != REPLY_NONE)
			continue;
		ck_assert_str_eq(r.address.text, row->recipient);
		ck_assert_msg(r.notify == row->notify, "%s: %u", row->arg, r.notify);
		ck_assert_str_eq(r.orcpt, row->orcpt != NULL ? row->orcpt : "");
	}
}
END_TEST

START_TEST(once_each)
{
	struct envelope_mail m = { .size = 3 };
	struct envelope *e = envelope_new(&m);
	struct envelope_rcpt r = { 0 };
	char *name = r.address.text;

	ck_assert(!envelope_has(e, "r0@example.com"));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			snprintf(name, 32, "r%u@example.com", i);
			ck_assert(envelope_has(e, name) == (round == 1));
			r.notify = round + 1;
			envelope_add(e, &r);
			ck_assert(envelope_has(e, name));
		}
	}
	ck_assert_uint_eq(e->m.nrcpt, 3000);
	ck_assert_uint_eq(e->m.rcpt[7].notify, 1);	/* the first parameters stay */
	ck_assert_str_eq(e->m.rcpt[2999].address, "r2999@example.com");
	ck_assert(!envelope_has(e, "R1@example.com"));
	envelope_free(e);
	envelope_free(NULL);
}
END_TEST

/* Also without max-recipients there is an end. */
START_TEST(most_recipients)
{
	struct session_fixture w;

	fixture_init(&w);
	w.server.max_recipients = CONFIG_UNLIMITED;
	fixture_begin_session(&w);
	fixture_say(&w, "HELO c");
	fixture_say(&w, "MAIL FROM:<a@b.example>");
	for (unsigned i = 0; i < ENVELOPE_RECIPIENTS_MAX; i++) {
		char line[64];

		snprintf(line, sizeof(line), "RCPT TO:<r%u@example.com>", i);
		fixture_say(&w, line);
		ck_assert_msg(strncmp(buf_text(&w.out), "250 ", 4) == 0, "%u: %s", i, buf_text(&w.out));
	}
	fixture_say(&w, "RCPT TO:<more@example.com>");
	ck_assert_msg(strncmp(buf_text(&w.out), "452 4.5.3 ", 10) == 0, "%s", buf_text(&w.out));
	fixture_say(&w, "RCPT TO:<r7@example.com>");	/* is there already */
	ck_assert_msg(strncmp(buf_text(&w.out), "250 ", 4) == 0, "%s", buf_text(&w.out));
	fixture_done(&w);
}
END_TEST

/* What the queue file has no room for is refused with the recipient, not found out when the file is read. */
START_TEST(longest_recipients)
{
	struct session_fixture w;
	char local[65], domain[256], orcpt[480], line[1000];
	struct buf file = BUF_INIT(SIZE_MAX / 2);
	struct message_envelope again = { 0 };
	const char *why = "";
	unsigned taken = 0;

	memset(local, 'l', 64);
	memset(domain, 'd', 250);
	for (unsigned i = 50; i < 250; i += 51)
		domain[i] = '.';
	memset(orcpt, 'o', sizeof(orcpt) - 1);
	local[64] = domain[250] = orcpt[sizeof(orcpt) - 1] = '\0';
	fixture_init(&w);
	w.server.max_recipients = CONFIG_UNLIMITED;
	w.server.relay = CONFIG_ALL_EXCEPT;
	w.server.dsn = CONFIG_CLIENTS_ALL;
	fixture_begin_session(&w);
	fixture_say(&w, "EHLO c");
	fixture_say(&w, "MAIL FROM:<a@b.example>");
	do {
		buf_clear(&w.out);
		snprintf(line, sizeof(line), "RCPT TO:<%06u%.58s@%s> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;%s",
		    taken, local, domain, orcpt);
		fixture_say(&w, line);
	} while (strncmp(buf_text(&w.out), "250 ", 4) == 0 && ++taken < ENVELOPE_RECIPIENTS_MAX);
	ck_assert_msg(strncmp(buf_text(&w.out), "452 4.5.3 ", 10) == 0, "%u: %s", taken, buf_text(&w.out));
	ck_assert_uint_gt(taken, 60000);
	ck_assert_int_eq(message_envelope_format(&w.s.envelope->m, &file), 0);
	ck_assert_uint_lt(file.len, MESSAGE_ENVELOPE_MAX);
	ck_assert_int_eq(message_envelope_parse(&again, buf_text(&file), file.len, &why), 1);
	ck_assert_uint_eq(again.nrcpt, taken);
	message_envelope_done(&again);
	buf_done(&file);
	fixture_done(&w);
}
END_TEST

UNIT_MAIN("envelope", mail, rcpt, once_each, most_recipients, longest_recipients)
