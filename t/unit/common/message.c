/* message - the round trip of an envelope, damaged files, the end record, message ids; rows of verdicts */
#include "t/unit/check_main.h"

#include <stdio.h>
#include <string.h>

#include "common/mail/message.h"
#include "common/mail/verdict.h"

static void
make(struct message_envelope *e)
{
	*e = (struct message_envelope){ .flags = MESSAGE_8BIT | MESSAGE_UTF8, .ret = RET_HDRS };
	message_id_make(e->id, INT64_C(1795287897123456), 77);
	e->sender = mem_strdup("a@b.example");
	e->client = mem_strdup("192.0.2.1");
	e->helo = mem_strdup("host: with colon");
	e->envid = mem_strdup("QQ314159");
	e->auth = mem_strdup("a+2Bb@d.example");
	message_envelope_add(e, "c@d.example")->notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
	message_envelope_add(e, "\"x: y\"@d.example")->orcpt = mem_strdup("rfc822;c+40d.example");
	message_envelope_add(e, "e@f.example")->mark = MARK_DELIVERED;
	e->rcpt[0].member = mem_strdup("cn=x: y,dc=example");
	e->rcpt[2].refused = mem_strdup("5.1.1 cn=z: it has no mail address");
}

START_TEST(test_round_trip)
{
	struct message_envelope e, back = { 0 };
	struct buf text = BUF_INIT(10000);
	const char *why = NULL;

	make(&e);
	ck_assert_int_eq(message_envelope_format(&e, &text), 0);
	for (size_t n = 0; n < text.len; n++) {
		struct message_envelope part = { 0 };

		ck_assert_int_eq(message_envelope_parse(&part, text.data, n, &why), 0);
		message_envelope_done(&part);
	}
	ck_assert_msg(message_envelope_parse(&back, text.data, text.len, &why) == 1, "%s", why);
	ck_assert_int_eq(back.content_at, (off_t)text.len);
	ck_assert_int_eq(memcmp(text.data + back.marks_at, "..d\n", 4), 0);
	ck_assert_str_eq(back.sender, e.sender);
	ck_assert_str_eq(back.helo, e.helo);
	ck_assert_str_eq(back.envid, e.envid);
	ck_assert_str_eq(back.auth, e.auth);
	ck_assert_ptr_null(back.user);
	ck_assert_uint_eq(back.nrcpt, 3);
	ck_assert_uint_eq(back.flags, e.flags);
	ck_assert_int_eq(back.ret, RET_HDRS);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(back.rcpt[i].address, e.rcpt[i].address);
		ck_assert_int_eq(back.rcpt[i].mark, e.rcpt[i].mark);
		ck_assert_uint_eq(back.rcpt[i].notify, e.rcpt[i].notify);
	}
	ck_assert_str_eq(back.rcpt[1].orcpt, "rfc822;c+40d.example");
	ck_assert_str_eq(back.rcpt[0].member, "cn=x: y,dc=example");
	ck_assert_str_eq(back.rcpt[2].refused, "5.1.1 cn=z: it has no mail address");
	ck_assert(back.rcpt[1].member == NULL && back.rcpt[0].refused == NULL);
	struct buf again = BUF_INIT(10000);
	memcpy(back.id, e.id, sizeof(e.id));
	ck_assert_int_eq(message_envelope_format(&back, &again), 0);
	ck_assert_str_eq(again.data, text.data);
	buf_done(&again);
	buf_done(&text);
	message_envelope_done(&e);
	message_envelope_done(&back);
}
END_TEST

START_TEST(test_control_bytes_are_refused)
{
	struct message_envelope e = { 0 };
	struct buf text = BUF_INIT(10000);

	e.sender = mem_strdup("a@b\nx-receiver: evil@x");
	message_envelope_add(&e, "c@d");
	ck_assert_int_eq(message_envelope_format(&e, &text), -1);
	buf_done(&text);
	message_envelope_done(&e);
}
END_TEST

START_TEST(test_damage_is_named)
{
	static const char *const row[] = {
		"postern-queue 2\nmarks: .\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: ..\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: z\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: .\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: \nx-sender: a\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: .\nmarks: .\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-member: cn=x\nx-receiver: b\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-receiver: b\nx-refused: 5.1.1\nx-refused: 5.1.1\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-receiver: b\nbogus: x\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-receiver: b\nnonsense\n\n",
		"postern-queue 1\nmarks: .\nx-sender: a\nx-receiver: b\x01\n\n",
		"postern-queue 1\nmarks: .\nx-notify: never\nx-sender: a\nx-receiver: b\n\n",
		"postern-queue 1\nflags: odd\nmarks: .\nx-sender: a\nx-receiver: b\n\n",
	};
	for (size_t i = 0; i < nitems_of(row); i++) {
		struct message_envelope e = { 0 };
		const char *why = NULL;

		ck_assert_msg(message_envelope_parse(&e, row[i], strlen(row[i]), &why) == -1, "row %zu", i);
		ck_assert_ptr_nonnull(why);
		message_envelope_done(&e);
	}
}
END_TEST

START_TEST(test_end_record)
{
	char end[MESSAGE_END_SIZE];

	message_end_format(end, UINT64_C(12345678901));
	ck_assert_int_eq(message_end_parse(end), INT64_C(12345678901));
	end[0] = 'P';
	ck_assert_int_eq(message_end_parse(end), -1);
	message_end_format(end, 0);
	ck_assert_int_eq(message_end_parse(end), 0);
	end[20] = 'x';
	ck_assert_int_eq(message_end_parse(end), -1);
}
END_TEST

START_TEST(test_ids_sort_by_time)
{
	char a[MESSAGE_ID_SIZE], b[MESSAGE_ID_SIZE];

	message_id_make(a, 1000, UINT32_MAX);
	message_id_make(b, 1001, 0);
	ck_assert_int_lt(strcmp(a, b), 0);
	ck_assert(message_id_is_valid(a));
	ck_assert_int_eq(message_id_time_us(b), 1001);
	ck_assert(!message_id_is_valid("../../etc/passwd"));
	ck_assert(!message_id_is_valid(""));
	ck_assert(!message_id_is_valid("0123456789abcde"));
	ck_assert(!message_id_is_valid("0123456789abcdefg"));
	ck_assert(!message_id_is_valid("0123456789abcdei"));
}
END_TEST

START_TEST(test_verdict_from_reply)
{
	static const struct { int code; const char *text, *status; enum verdict_what what; } row[] = {
		{ 250, "2.0.0 ok", "2.0.0", VERDICT_ACCEPTED }, { 250, "ok", "2.0.0", VERDICT_ACCEPTED },
		{ 450, "4.2.1 busy", "4.2.1", VERDICT_LATER }, { 450, "5.2.1 odd", "4.0.0", VERDICT_LATER },
		{ 550, "5.1.1 no", "5.1.1", VERDICT_REFUSED }, { 550, "5.1.1", "5.1.1", VERDICT_REFUSED },
		{ 550, "5.1.1234 no", "5.0.0", VERDICT_REFUSED }, { 550, "", "5.0.0", VERDICT_REFUSED },
		{ 354, "go", "4.0.0", VERDICT_LATER }, { 199, "x", "4.0.0", VERDICT_LATER },
	};
	for (size_t i = 0; i < nitems_of(row); i++) {
		struct verdict v;

		verdict_from_reply(&v, row[i].code, row[i].text, "mx.example");
		ck_assert_msg(v.what == row[i].what && strcmp(v.status, row[i].status) == 0, "row %zu: %s", i,
		    v.status);
	}
	struct verdict v;
	verdict_from_reply(&v, 550, "5.7.1 a\r\n\r\nX: y\tz\x7f", "mx\nevil");
	ck_assert_str_eq(v.text, "5.7.1 a X: y z");
	ck_assert_str_eq(v.host, "mx evil");
}
END_TEST

START_TEST(test_verdict_words)
{
	static const char *const rows[][3] = {
		{ "4.7.1", "4.7.1 greylisted", "greylisted" }, { "4.7.1", "4.7.1", "4.7.1" },
		{ "4.7.1", "4.7.10 x", "4.7.10 x" }, { "4.4.7", "4.7.1 x", "4.7.1 x" },
		{ "4.7.1", "4.7.1  two", "two" }, { "4.0.0", "busy", "busy" }, { "", " x", " x" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_str_eq(verdict_words(rows[i][0], rows[i][1]), rows[i][2]);
}
END_TEST

/* What could not be read again is not written. */
START_TEST(test_an_envelope_that_is_too_long)
{
	struct message_envelope e = { .sender = mem_strdup("a@b.example") };
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	char address[1001];

	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	for (size_t size = 0; size < MESSAGE_ENVELOPE_MAX; size += sizeof(address))
		message_envelope_add(&e, address);
	ck_assert_int_eq(message_envelope_format(&e, &out), -1);
	buf_done(&out);
	message_envelope_done(&e);
}
END_TEST

UNIT_MAIN("message", test_round_trip, test_an_envelope_that_is_too_long, test_control_bytes_are_refused, test_damage_is_named, test_end_record,
    test_ids_sort_by_time, test_verdict_from_reply, test_verdict_words)
