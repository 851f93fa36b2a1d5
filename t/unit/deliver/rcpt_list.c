/*
 * rcpt_list - rows of transactions: what each answer leaves for the next one, and how many go in it
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

/*
 * Transactions, divided by "/". Each begins with its fate: F final, E elsewhere, L lost (before DATA), S lost
 * (content), M elsewhere by the answer to MAIL; then a letter for each of its recipients: d delivered, r refused
 * by the host, R for want of SMTPUTF8, n "452 4.5.3", l "451", m "452 4.2.2", g "450 greylisted", p "451 4.7.1",
 * x 4.4.2 without an answer; a digit behind: so many had been accepted. Then what is next: ! over, + again,
 * = again about others, > elsewhere. A 7 in front: the host has no SMTPUTF8.
 */
static const struct row {
	const char *name;
	size_t count;
	bool careful;
	const char *play, *settled;	/* settled: the recipients in their order at the end */
	size_t most;			/* recipients of a transaction; 0: all */
	const char *utf8;		/* those whose address needs SMTPUTF8 */
	const char *end;		/* what became of all, in the order of `play`; NULL: not looked at */
} rows[] = {
	{ "all delivered", 3, false, "Fddd!", .settled = "012" },
	{ "delivered and refused", 3, false, "Fdrd!", .settled = "012" },
	{ "one at a time", 4, false, "Fdnnn+/Fd+/Fdn+/Fd!", .settled = "0123" },
	{ "two at a time", 6, false, "Fddnnnn+/Fdd+/Fdd!", .settled = "012345" },
	{ "two at a time, of many", 9, false, "Fddnnnnnnn+/Fdd+/Fddnn+/Fdd+/Fd!", .settled = "012345678" },
	{ "regions", 6, false, "Fdndndn+/Fddd!", .settled = "024135" },
	{ "the rest is not taken", 3, false, "Fdnn+/En>/En>", .settled = "0" },
	{ "the rest is refused", 3, false, "Fdnn+/Fr+/Fr!", .settled = "012" },
	{ "451 as well", 3, false, "Fdll+/Fd+/Fd!", .settled = "012" },
	{ "a full mailbox waits for another attempt", 3, false, "Fdmd!", .settled = "021" },
	{ "so does a greylisted one", 3, false, "Fdgp!", .settled = "012" },
	{ "they wait, the others go on", 4, false, "Fdmnn+/Fd+/Fd!", .settled = "0123" },
	{ "connection lost: the refused stand", 4, false, "Lrxrx>/Lxx>", .settled = "02" },
	{ "the other host delivers the rest", 4, false, "Lrxrx>/Fdd!", .settled = "0213" },
	{ "refused and put off", 3, false, "Erll>/Fdd!", .settled = "012" },
	{ "refused, and too many", 3, false, "Ernn+/Fdn+/Fd!", .settled = "012" },
	{ "all put off", 3, false, "Elll>/Elll>", .settled = "" },
	{ "all too many at once", 3, false, "Ennn>/Ennn>", .settled = "" },
	{ "lost after the dot", 3, false, "Frxx!", .settled = "0" },
	{ "DATA refused for a while", 4, false, "Ellll4>", .settled = "" },
	{ "the same of one that has failed before", 4, true, "Ellll4+/Fd+/Fdd+/Fd!", .settled = "0123" },
	{ "nor one alone", 4, true, "Ellll4+/El1>", .settled = "" },
	{ "one, but not two", 4, true, "Ellll4+/Fd+/Ell2+/Fd+/Fd+/Fd!", .settled = "0123" },
	{ "a firewall", 4, false, "Lxxxx1>", .settled = "" },
	{ "a firewall, before", 4, true, "Lxxxx1+/Fd+/Lxx1+/Fd+/Fd+/Fd!", .settled = "0123" },
	{ "a firewall that lets none through", 8, true, "Lxxxxxxxx2+/Lxx1+/Lx>", .settled = "" },
	{ "lost in the content", 4, true, "Sxxxx4>", .settled = "" },
	{ "no content for so many", 4, true, "Exxxx0>", .settled = "" },
	{ "refused for all, the part is small", 4, true, "Elllr3+/Fr+/Fr+/Fr!", .settled = "3012" },
	/* what a host cannot take: the others go on, and another host may */
	{ "the host cannot take it", 2, false, "7ERR>/Fdd!", "01", .utf8 = "01" },
	{ "some addresses it cannot take", 2, false, "7Fd+/7ER>/Fd!", "01", .utf8 = "1" },
	{ "none can", 2, false, "7Fd+/7ER>/7ER>", "1", .utf8 = "0", .end = "dR" },
	{ "one needs it, one at a time", 2, false, "7Fd+/7ER>/7ER>", "1", 1, "0", "dR" },
	{ "the others are refused", 3, false, "7Frr+/7ER>", "02", .utf8 = "1", .end = "rrR" },
	{ "the first one says later", 2, false, "Ell>/7El>", "", .utf8 = "0", .end = "ll" },
	{ "in the other order", 2, false, "7El>/Ell>", "", .utf8 = "0", .end = "ll" },
	{ "later to the other one only", 2, false, "7El>/7El>", "", .utf8 = "0", .end = "lR" },
	{ "lost, then lacked", 2, false, "Lxx>/7Fd+/7ER>", "1", .utf8 = "0", .end = "dx" },
	{ "lacked, then not asked", 3, false, "7El>/Ml>", "", 1, "12", "lll" },
	{ "lacked, then lost", 3, false, "7El>/Lx>", "", 1, "12", "xxx" },
	{ "lost after the dot, the other lacked", 2, false, "7Ml>/Fx!", "", 1, "1", "xl" },
	/* a small part: nobody waits for who is always put off */
	{ "each is asked", 3, false, "Eg=/Eg=/Eg>/Eg=/Eg=/Eg>", "", .most = 1, .end = "lll" },
	{ "the others are delivered", 3, false, "Eg=/Fd+/Fd!", "102", .most = 1, .end = "dld" },
	{ "and it again, when the words allow that", 3, false, "El=/Fd+/Fd+/Fd!", "120", 1, .end = "ddd" },
	{ "refused and put off", 4, false, "Erl+/Fdd+/Fd!", "0231", .most = 2, .end = "rddd" },
	{ "put off at MAIL", 3, false, "Ml>/Ml>", "", .most = 1, .end = "lll" },
	{ "too many at the first one", 2, false, "En>/En>", "", .most = 1, .end = "ll" },
	{ "put off, the other host cannot take the rest", 2, false, "El=/7El>/El=/El>", "", 1, "1", "ll" },
};

static struct verdict
verdict_of(char letter)
{
	struct verdict v = { 0 };
	static const struct { char letter; int code; const char *text; } answers[] = {
		{ 'd', 250, "2.0.0 ok" }, { 'r', 550, "5.1.1 no" }, { 'n', 452, "4.5.3 one at a time" },
		{ 'l', 451, "later" }, { 'm', 452, "4.2.2 full" }, { 'g', 450, "Greylisted" },
		{ 'p', 451, "4.7.1 policy" },
	};

	if (letter == 'x')
		verdict_set(&v, VERDICT_LATER, "4.4.2", "lost");
	if (letter == 'R')
		verdict_set(&v, VERDICT_REFUSED, "5.6.7", "not this host");
	for (size_t i = 0; i < nitems_of(answers); i++)
		if (answers[i].letter == letter)
			verdict_from_reply(&v, answers[i].code, answers[i].text, "mx.example");
	verdict_deliver(&v);
	return v;
}

/* Its order in `play`, at the end: d delivered, r and R as there, x lost, l any other "later". */
static char
letter_of(const struct verdict *v)
{
	if (v->what == VERDICT_LATER)
		return strcmp(v->text, "lost") == 0 ? 'x' : 'l';
	return v->what == VERDICT_DELIVERED ? 'd' : v->code != 0 ? 'r' : 'R';
}

static const char *const addresses[] = { "r@x.example", "r\xc3\xbc@x.example" };

static void
make_envelope(struct message_envelope *e, const struct row *row)
{
	*e = (struct message_envelope){ .sender = mem_strdup("a@us.example") };
	for (size_t i = 0; i < row->count; i++)
		message_envelope_add(e, addresses[row->utf8 != NULL && strchr(row->utf8, '0' + (int)i) != NULL]);
}

/* One transaction; returns what stands behind it in the row. */
static const char *
play_one(const struct row *row, const struct message_envelope *e, struct rcpt_list *l, const char *p)
{
	struct client c = { .set.host = "mx.example", .offered = *p == '7' ? 0 : CLIENT_SMTPUTF8 };
	struct client_mail mail = { .e = e, .sender = e->sender };
	enum client_fate fate;
	enum rcpt_list_next next;
	size_t n;

	p += *p == '7';
	fate = *p == 'F' ? CLIENT_FINAL : *p == 'E' || *p == 'M' ? CLIENT_ELSEWHERE : CLIENT_LOST;
	n = strcspn(p + 1, "!+=>0123456789");
	rcpt_list_mail(l, &c, &mail);
	ck_assert_msg(mail.count == n, "%s: %zu recipients before \"%s\"", row->name, mail.count, p);
	for (size_t i = 0; i < n; i++) {
		bool ascii = strcmp(e->rcpt[mail.index[i]].address, addresses[0]) == 0;

		ck_assert_msg(mail.verdict[i].what == VERDICT_LATER || mail.verdict[i].code == 0,
		    "%s: asked again", row->name);
		ck_assert_msg((p[1 + i] != 'R') == (ascii || c.offered != 0), "%s: \"%s\"", row->name, p);
		if (p[1 + i] != 'R')
			mail.verdict[i] = verdict_of(p[1 + i]);
	}
	c.lacks = p[1] == 'R';
	c.mail_refused = *p == 'M';
	c.failure = verdict_of('x');
	c.mail = mail;
	c.answered = *p == 'S' ? n + 3 : 2;
	p += 1 + n;
	if (*p >= '0' && *p <= '9')
		c.accepted = (size_t)(*p++ - '0');
	next = rcpt_list_take(l, &c, fate);
	ck_assert_msg(next == (*p == '!' ? RCPT_LIST_OVER : *p == '+' ? RCPT_LIST_AGAIN :
	    *p == '=' ? RCPT_LIST_OTHERS : RCPT_LIST_ELSEWHERE), "%s: %d before \"%s\"", row->name,
	    (int)next, p);
	return p + 1;
}

START_TEST(test_rows)
{
	for (size_t r = 0; r < nitems_of(rows); r++) {
		const struct row *row = &rows[r];
		size_t index[9], count = row->count;
		struct message_envelope e;
		struct verdict verdict[9];
		struct rcpt_list l;

		make_envelope(&e, row);
		for (size_t i = 0; i < count; i++)
			index[i] = i;
		rcpt_list_begin(&l, index, count, verdict, row->careful);
		if (row->most != 0)
			rcpt_list_limit(&l, row->most);
		for (const char *p = row->play; *p != '\0'; p += *p == '/')
			p = play_one(row, &e, &l, p);
		ck_assert_msg(strlen(row->settled) == l.settled, "%s: %zu settled", row->name, l.settled);
		for (size_t i = 0; i < l.settled; i++)
			ck_assert_msg(index[i] == (size_t)(row->settled[i] - '0'), "%s: number %zu is %zu",
			    row->name, i, index[i]);
		/* the last host may be the last one, unless it was not left */
		rcpt_list_end(&l, strchr(row->play, '\0')[-1] == '>', NULL, true);
		for (size_t i = 0; i < count; i++) {
			ck_assert_msg(verdict[i].status[0] != '\0' && verdict[i].text[0] != '\0', "%s",
			    row->name);
			ck_assert_msg(row->end == NULL || letter_of(&verdict[i]) == row->end[i],
			    "%s: number %zu is %c", row->name, i, letter_of(&verdict[i]));
		}
		message_envelope_done(&e);
	}
}
END_TEST

/* What a recipient has heard, and a failure of connections to others: what it is told. */
static const struct {
	char heard, failure;		/* as in `play`; '-' nothing; failure: '-' none, x later, r refused */
	bool all, answered;
	const char *status;
} ends[] = {
	{ '-', '-', true, true, "4.3.0" }, { '-', 'x', true, true, "4.4.2" }, { '-', 'x', false, false, "4.4.2" },
	{ '-', 'r', true, false, "5.1.1" }, { '-', 'r', true, true, "4.3.0" },
	{ 'g', '-', true, true, "4.0.0" }, { 'g', 'x', true, true, "4.0.0" }, { 'p', 'r', true, true, "4.7.1" },
	{ 'R', '-', true, false, "5.6.7" }, { 'R', '-', true, true, "5.6.7" }, { 'R', '-', false, true, "4.3.0" },
	{ 'R', 'x', true, false, "4.4.2" }, { 'R', 'x', true, true, "4.4.2" }, { 'R', 'r', true, false, "5.6.7" },
	{ 'R', 'r', false, false, "4.3.0" },
};

START_TEST(test_ends)
{
	for (size_t i = 0; i < nitems_of(ends); i++) {
		struct verdict verdict[2], failure = verdict_of(ends[i].failure);
		size_t index[2] = { 0, 1 };
		struct rcpt_list l;

		rcpt_list_begin(&l, index, nitems_of(index), verdict, false);
		verdict[0] = verdict_of('d');
		l.settled = 1;
		if (ends[i].heard != '-')
			verdict[1] = verdict_of(ends[i].heard);
		rcpt_list_end(&l, ends[i].all, ends[i].failure == '-' ? NULL : &failure, ends[i].answered);
		ck_assert_int_eq(verdict[0].what, VERDICT_DELIVERED);
		ck_assert_msg(strcmp(verdict[1].status, ends[i].status) == 0, "row %zu: %s %s", i,
		    verdict[1].status, verdict[1].text);
		ck_assert_int_eq(verdict[1].what, ends[i].status[0] == '5' ? VERDICT_REFUSED : VERDICT_LATER);
	}
}
END_TEST

UNIT_MAIN("rcpt_list", test_rows, test_ends)
