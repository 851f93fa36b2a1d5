/* pace_word - what a refusal speaks about: rows of replies as hosts give them */

#include <string.h>

#include "deliver/pace/pace.h"
#include "t/unit/check_main.h"

static const struct { int code; const char *text; enum pace_word want; bool may_be_us; } rows[] = {
	{ 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail", PACE_SLOWER, true },
	{ 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", PACE_SLOWER, true },
	{ 450, "4.7.28 unusual rate", PACE_SLOWER, true },
	{ 451, "4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation",
	    PACE_SLOWER, true },
	{ 451, "4.7.500 Server busy. Please try again later from [192.0.2.1]", PACE_SLOWER, true },
	{ 451, "4.7.5 nothing of that kind", PACE_MAIL, true },
	{ 450, "4.7.1 Error: too much mail from 192.0.2.1", PACE_SLOWER, true },
	{ 450, "4.7.1 Error: Too Many Recipients from 192.0.2.1", PACE_SLOWER, true },
	{ 452, "Throttling failure: Maximum sending rate exceeded", PACE_SLOWER, false },
	{ 454, "4.7.0 Connection rate limit exceeded", PACE_SLOWER, true },
	{ 450, "4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error", PACE_SLOWER, false },
	{ 432, "4.3.2 Submission quota exceeded", PACE_SLOWER, true },
	{ 451, "4.5.127 Message rejected. Excessive message rate from sender", PACE_SLOWER, false },
	{ 451, "Resources temporarily unavailable; temporarily deferred due to unexpected volume", PACE_SLOWER, false },
	/* connections */
	{ 421, "4.3.2 The maximum number of concurrent connections has exceeded a limit", PACE_CONNECTION,
	    true },
	{ 421, "4.4.2 Timeout", PACE_CONNECTION, true },
	{ 421, "Service not available", PACE_CONNECTION, false },
	{ 421, "4.7.0 Too many concurrent SMTP connections", PACE_SLOWER, true },
	{ 432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", PACE_CONNECTION, true },
	{ 554, "5.7.0 Too many connections from your host", PACE_CONNECTION, false },
	{ 554, "5.7.1 rate limited", PACE_MAIL, false },
	/* messages */
	{ 451, "4.7.1 Greylisting in action, please come back later", PACE_MAIL, true },
	{ 421, "4.7.1 Greylisted, too fast", PACE_MAIL, true },
	{ 450, "4.7.1 <x@y.example>: Recipient address rejected: Postgrey is new", PACE_MAIL, true },
	{ 450, "4.2.1 The user you are trying to contact is receiving mail too quickly", PACE_MAIL, false },
	{ 452, "4.2.2 mailbox full", PACE_MAIL, false }, { 450, "4.1.8 no such domain", PACE_MAIL, false },
	{ 451, "4.6.0 too many messages", PACE_MAIL, false },
	{ 452, "4.5.3 Too many recipients", PACE_MAIL, false }, { 452, "4.3.1 full", PACE_MAIL, true },
	{ 451, "4.7.1 try again later", PACE_MAIL, true }, { 450, "later", PACE_MAIL, false },
	{ 550, "5.1.1 no such user", PACE_MAIL, false }, { 250, "2.0.0 too many connections", PACE_MAIL, false },
};

START_TEST(test_words)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct verdict v;

		verdict_from_reply(&v, rows[i].code, rows[i].text, "mx.example");
		ck_assert_msg(pace_word_of(&v) == rows[i].want, "%d %s: %d", rows[i].code, rows[i].text,
		    (int)pace_word_of(&v));
		ck_assert_msg(pace_word_may_be_about_us(&v) == rows[i].may_be_us, "%d %s", rows[i].code,
		    rows[i].text);
	}
}
END_TEST

/* What a host that works says to one connection: of its number, or of how much we send. */
START_TEST(test_rates)
{
	static const struct { int code; const char *text; bool want; } rates[] = {
		{ 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail", true },
		{ 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", true },
		{ 421, "4.7.0 Too many concurrent SMTP connections", false }, { 421, "4.7.0 no", false },
		{ 421, "4.3.2 Service not available", false }, { 432, "4.3.2 too much", true },
		{ 451, "4.7.1 Greylisted", false }, { 250, "2.0.0 rate limit", false },
	};

	for (size_t i = 0; i < nitems_of(rates); i++) {
		struct verdict v;

		verdict_from_reply(&v, rates[i].code, rates[i].text, "mx.example");
		ck_assert_msg(pace_word_names_rate(&v) == rates[i].want, "%d %s", rates[i].code, rates[i].text);
	}
}
END_TEST

/* Our own words: no host has spoken. */
START_TEST(test_no_reply)
{
	struct verdict v;

	verdict_set(&v, VERDICT_LATER, "4.4.2", "connection lost: too many connections");
	ck_assert_int_eq(pace_word_of(&v), PACE_MAIL);
	ck_assert(!pace_word_may_be_about_us(&v));
}
END_TEST

UNIT_MAIN("pace_word", test_words, test_rates, test_no_reply)
