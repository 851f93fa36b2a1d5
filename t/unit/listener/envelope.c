/* envelope - arguments of MAIL and RCPT by rows; recipients are kept once */
#include "t/unit/listener/world.h"

#define LOCAL64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

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
	{ "FROM:<a" LOCAL64 "@b.example>", REPLY_BAD_ADDRESS, NULL, 0, 0 },
	{ "FROM:<a@b.example> SIZE=1000 BODY=8BITMIME SMTPUTF8", REPLY_NONE, "a@b.example", 1000, MESSAGE_8BIT | MESSAGE_UTF8 },
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
	{ "FROM:<a@b.example> BODY=BINARYMIME", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> SMTPUTF8=yes", REPLY_BAD_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> RET=FULL", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> ENVID=x", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
	{ "FROM:<a@b.example> AUTH=<>", REPLY_UNKNOWN_PARAMETER, NULL, 0, 0 },
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
		enum reply got = envelope_parse_mail(&m, row->arg, strlen(row->arg));
		ck_assert_msg(got == row->reply, "%s: %s, not %s", row->arg, reply_rows[got].text, reply_rows[row->reply].text);
		if (got != REPLY_NONE)
			continue;
		ck_assert_str_eq(m.sender.text, row->sender);
		ck_assert_msg(m.size == row->size && m.flags == row->flags, "%s: %llu %u", row->arg, (unsigned long long)m.size, m.flags);
	}
}
END_TEST

static const struct rcpt_row {
	const char *arg;
	unsigned flags;
	enum reply reply;
	const char *recipient;
} rcpt_rows[] = {
	{ "TO:<a@b.example>", 0, REPLY_NONE, "a@b.example" },
	{ "to: a@b.example", 0, REPLY_NONE, "a@b.example" },
	{ "TO:<postmaster>", 0, REPLY_NONE, "postmaster" },
	{ "TO:<@hop.example:a@b.example>", 0, REPLY_NONE, "a@b.example" },
	{ "TO:<a%x@b.example>", 0, REPLY_NONE, "a%x@b.example" },
	{ "TO:<\xc3\xbc@b.example>", MESSAGE_UTF8, REPLY_NONE, "\xc3\xbc@b.example" },
	{ "TO:<\xc3\xbc@b.example>", 0, REPLY_UTF8_NOT_DECLARED, NULL },
	{ "TO:<>", 0, REPLY_BAD_ADDRESS, NULL },
	{ "TO:<a@b.example> NOTIFY=NEVER", 0, REPLY_UNKNOWN_PARAMETER, NULL },
	{ "TO:<a@b.example> SIZE=1", 0, REPLY_UNKNOWN_PARAMETER, NULL },
	{ "FROM:<a@b.example>", 0, REPLY_BAD_PARAMETER, NULL },
};

START_TEST(rcpt)
{
	for (size_t i = 0; i < nitems_of(rcpt_rows); i++) {
		const struct rcpt_row *row = &rcpt_rows[i];
		struct address a;
		enum reply got = envelope_parse_rcpt(&a, row->arg, strlen(row->arg), row->flags);
		ck_assert_msg(got == row->reply, "%s: %s, not %s", row->arg, reply_rows[got].text, reply_rows[row->reply].text);
		if (got == REPLY_NONE)
			ck_assert_str_eq(a.text, row->recipient);
	}
}
END_TEST

START_TEST(once_each)
{
	struct envelope_mail m = { .size = 3 };
	struct envelope *e = envelope_new(&m);
	char name[32];
	ck_assert(!envelope_has(e, "r0@example.com"));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			snprintf(name, sizeof(name), "r%u@example.com", i);
			ck_assert(envelope_has(e, name) == (round == 1));
			envelope_add(e, name);
			ck_assert(envelope_has(e, name));
		}
	}
	ck_assert_uint_eq(e->m.nrcpt, 3000);
	ck_assert_str_eq(e->m.rcpt[2999].address, "r2999@example.com");
	ck_assert(!envelope_has(e, "R1@example.com"));
	envelope_free(e);
	envelope_free(NULL);
}
END_TEST

UNIT_MAIN("envelope", mail, rcpt, once_each)
