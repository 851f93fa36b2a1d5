/*
 * rcpt_list - rows of transactions: what each answer leaves for the next one, and how many go in it
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

/*
 * Transactions, divided by "/". Each begins with its fate: F final, E elsewhere, L lost (before DATA), S lost
 * (content); then a letter for each of its recipients: d delivered, r refused by the host, R by ourselves, n
 * "452 4.5.3", l "451", m "452 4.2.2", g "450 greylisted", p "451 4.7.1", x 4.4.2 without an answer; a capital A
 * behind: so many had been accepted (a digit). Then what is next: ! over, + again, > elsewhere.
 */
static const struct row {
	const char *name;
	size_t count;
	bool careful;
	const char *play, *settled;	/* settled: the recipients in their order at the end */
} rows[] = {
	{ "all delivered", 3, false, "Fddd!", "012" },
	{ "delivered and refused", 3, false, "Fdrd!", "012" },
	{ "one at a time", 4, false, "Fdnnn+/Fd+/Fdn+/Fd!", "0123" },
	{ "two at a time", 6, false, "Fddnnnn+/Fdd+/Fdd!", "012345" },
	{ "two at a time, of many", 9, false, "Fddnnnnnnn+/Fdd+/Fddnn+/Fdd+/Fd!", "012345678" },
	{ "regions", 6, false, "Fdndndn+/Fddd!", "024135" },
	{ "the rest is not taken", 3, false, "Fdnn+/En>/En>", "0" },
	{ "the rest is refused", 3, false, "Fdnn+/Fr+/Fr!", "012" },
	{ "451 as well", 3, false, "Fdll+/Fd+/Fd!", "012" },
	{ "a full mailbox waits for another attempt", 3, false, "Fdmd!", "021" },
	{ "so does a greylisted one", 3, false, "Fdgp!", "012" },
	{ "they wait, the others go on", 4, false, "Fdmnn+/Fd+/Fd!", "0123" },
	{ "connection lost: the refused stand", 4, false, "Lrxrx>/Lxx>", "02" },
	{ "the other host delivers the rest", 4, false, "Lrxrx>/Fdd!", "0213" },
	{ "refused and put off", 3, false, "Erll>/Fdd!", "012" },
	{ "refused, and too many", 3, false, "Ernn+/Fdn+/Fd!", "012" },
	{ "all put off", 3, false, "Elll>/Elll>", "" },
	{ "all too many at once", 3, false, "Ennn>/Ennn>", "" },
	{ "the host cannot take it", 2, false, "ERR>/Fdd!", "01" },
	{ "some addresses it cannot take", 2, false, "FdR!", "01" },
	{ "lost, and one it could not have taken", 2, false, "Lrx>/FR!", "01" },
	{ "lost after the dot", 3, false, "Frxx!", "0" },
	{ "DATA refused for a while", 4, false, "Ellll4>", "" },
	{ "the same of one that has failed before", 4, true, "Ellll4+/Fd+/Fdd+/Fd!", "0123" },
	{ "nor one alone", 4, true, "Ellll4+/El1>", "" },
	{ "one, but not two", 4, true, "Ellll4+/Fd+/Ell2+/Fd+/Fd+/Fd!", "0123" },
	{ "a firewall", 4, false, "Lxxxx1>", "" },
	{ "a firewall, before", 4, true, "Lxxxx1+/Fd+/Lxx1+/Fd+/Fd+/Fd!", "0123" },
	{ "a firewall that lets none through", 8, true, "Lxxxxxxxx2+/Lxx1+/Lx>", "" },
	{ "lost in the content", 4, true, "Sxxxx4>", "" },
	{ "no content for so many", 4, true, "Exxxx0>", "" },
	{ "refused for all, the part is small", 4, true, "Elllr3+/Fr+/Fr+/Fr!", "3012" },
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

/* One transaction; returns what stands behind it in the row. */
static const char *
play_one(const struct row *row, struct rcpt_list *l, const char *p)
{
	struct client c = { 0 };
	struct client_mail mail = { 0 };
	enum client_fate fate = *p == 'F' ? CLIENT_FINAL : *p == 'E' ? CLIENT_ELSEWHERE : CLIENT_LOST;
	size_t n = strcspn(p + 1, "!+>0123456789");
	enum rcpt_list_next next;

	rcpt_list_mail(l, &mail);
	ck_assert_msg(mail.count == n, "%s: %zu recipients before \"%s\"", row->name, mail.count, p);
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(mail.verdict[i].what == VERDICT_LATER || mail.verdict[i].code == 0,
		    "%s: asked again", row->name);
		mail.verdict[i] = verdict_of(p[1 + i]);
	}
	c.mail = mail;
	c.answered = *p == 'S' ? n + 3 : 2;
	p += 1 + n;
	if (*p >= '0' && *p <= '9')
		c.accepted = (size_t)(*p++ - '0');
	next = rcpt_list_take(l, &c, fate);
	ck_assert_msg(next == (*p == '!' ? RCPT_LIST_OVER : *p == '+' ? RCPT_LIST_AGAIN :
	    RCPT_LIST_ELSEWHERE), "%s: %d before \"%s\"", row->name, (int)next, p);
	return p + 1;
}

START_TEST(test_rows)
{
	for (size_t r = 0; r < nitems_of(rows); r++) {
		const struct row *row = &rows[r];
		size_t index[9], count = row->count;
		struct verdict verdict[9];
		struct rcpt_list l;

		for (size_t i = 0; i < count; i++)
			index[i] = i;
		rcpt_list_begin(&l, index, count, verdict, row->careful);
		for (const char *p = row->play; *p != '\0'; p += *p == '/')
			p = play_one(row, &l, p);
		ck_assert_msg(strlen(row->settled) == l.settled, "%s: %zu settled", row->name, l.settled);
		for (size_t i = 0; i < l.settled; i++)
			ck_assert_msg(index[i] == (size_t)(row->settled[i] - '0'), "%s: number %zu is %zu",
			    row->name, i, index[i]);
		rcpt_list_fill(&l, NULL);
		for (size_t i = 0; i < count; i++)
			ck_assert_msg(strcmp(verdict[i].text, "nothing was heard about it") != 0, "%s",
			    row->name);
	}
}
END_TEST

/* A failure of the connection is for those that have no answer. */
START_TEST(test_fill)
{
	size_t index[3] = { 0, 1, 2 };
	struct verdict verdict[3], why;
	struct rcpt_list l;

	rcpt_list_begin(&l, index, nitems_of(index), verdict, false);
	play_one(&(struct row){ .name = "fill" }, &l, "Lxrx>");
	verdict_set(&why, VERDICT_REFUSED, "5.7.1", "we know you");
	rcpt_list_fill(&l, &why);
	ck_assert_str_eq(verdict[0].status, "5.1.1");
	ck_assert_uint_eq(index[0], 1);
	ck_assert_str_eq(verdict[1].status, "5.7.1");
	ck_assert_str_eq(verdict[2].status, "5.7.1");
}
END_TEST

UNIT_MAIN("rcpt_list", test_rows, test_fill)
