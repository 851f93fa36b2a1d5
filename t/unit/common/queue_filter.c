/*
 * queue_filter - filter words, patterns and what they match; msg_queue:
 * questions and pages that come from other processes
 */
#include <string.h>

#include "common/command/msg_queue.h"
#include "t/unit/check_main.h"

static const struct { const char *pattern, *text; bool fits; } globs[] = {
	{ "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "abc", true }, { "?", "", false },
	{ "?", "x", true },
	{ "a*c", "abc", true }, { "a*c", "ac", true }, { "a*c", "acb", false },
	{ "*@one.example", "A@ONE.example", true },
	{ "*@one.example", "a@two.example", false }, { "*.example", "example", false },
	{ "*.example", "a.b.example", true },
	{ "a?c", "abc", true }, { "a?c", "ac", false }, { "*a*b*c*", "xxaxxbxxc", true },
	{ "*a*b*c*", "xxaxxcxxb", false },
	{ "**", "a", true }, { "[x]@b", "[X]@b", true },
	{ "*aaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

START_TEST(test_globs)
{
	for (size_t i = 0; i < nitems_of(globs); i++)
		ck_assert_msg(queue_filter_glob(globs[i].pattern, globs[i].text) == globs[i].fits, "row %zu",
		    i);
}
END_TEST

static const struct { const char *word; int want; } words[] = {
	{ "sender=a@b", 1 }, { "sender=", -1 }, { "sender=<>", 1 }, { "recipient=*@b", 1 }, { "domain=b", 1 },
	{ "id=x*", 1 }, { "older=60", 1 },
	{ "older=0", -1 }, { "older=-1", -1 }, { "older=1h", -1 }, { "newer=99999999999999999999", -1 },
	{ "state=held", 1 }, { "state=", -1 },
	{ "state=odd", -1 }, { "sender", 0 }, { "", 0 }, { "=", 0 }, { "all", 0 }, { "senders=a", 0 },
	{ "sender=a+20b", 1 }, { "sender=a+2", -1 },
	{ "sender=a+0A", -1 }, { "sender=+7F", -1 }, { "sender=+C3+A4@b", 1 }, { "sender=a+xx", -1 },
};

START_TEST(test_words)
{
	for (size_t i = 0; i < nitems_of(words); i++) {
		struct queue_filter p = { 0 };

		ck_assert_msg(queue_filter_take_word(&p, words[i].word) == words[i].want, "row %zu", i);
		ck_assert(queue_filter_is_sane(&p));
		ck_assert_msg(words[i].want != 1 || queue_filter_chooses(&p), "row %zu", i);
	}
}
END_TEST

START_TEST(test_limits)
{
	struct queue_filter p = { 0 };
	char word[QUEUE_FILTER_TEXT_SIZE + 8] = "id=";

	memset(word + 3, 'a', QUEUE_FILTER_TEXT_SIZE - 1);
	word[3 + QUEUE_FILTER_TEXT_SIZE - 1] = '\0';
	ck_assert_int_eq(queue_filter_take_word(&p, word), 1);
	strcat(word, "a");
	ck_assert_int_eq(queue_filter_take_word(&p, word), -1);
	while (p.count < QUEUE_FILTER_TERMS_MAX)
		ck_assert_int_eq(queue_filter_take_word(&p, "id=a"), 1);
	ck_assert_int_eq(queue_filter_take_word(&p, "id=a"), -1);
	p.term[0].kind = QUEUE_FILTER_KINDS;
	ck_assert(!queue_filter_is_sane(&p));
	p.term[0].kind = 0;
	memset(p.term[0].text, 'x', QUEUE_FILTER_TEXT_SIZE);
	ck_assert(!queue_filter_is_sane(&p));
	p = (struct queue_filter){ .count = QUEUE_FILTER_TERMS_MAX + 1 };
	ck_assert(!queue_filter_is_sane(&p));
	p = (struct queue_filter){ .states = QUEUE_FILTER_ANY + 1 };
	ck_assert(!queue_filter_is_sane(&p));
}
END_TEST

/* Terms of one kind are alternatives, different kinds must all hold. */
START_TEST(test_fits)
{
	struct queue_filter p = { 0 };

	ck_assert(queue_filter_is_sender(&p, "") && queue_filter_is_recipient(&p, "a@b") &&
	    queue_filter_is_age(&p, 0) && queue_filter_is_id(&p, "x") && !queue_filter_chooses(&p));
	ck_assert_int_eq(queue_filter_take_word(&p, "domain=one.example"), 1);
	ck_assert_int_eq(queue_filter_take_word(&p, "domain=*.two.example"), 1);
	ck_assert_int_eq(queue_filter_take_word(&p, "recipient=a*"), 1);
	ck_assert(queue_filter_needs_envelope(&p) && queue_filter_has(&p, QUEUE_FILTER_DOMAIN) &&
	    !queue_filter_has(&p, QUEUE_FILTER_ID));
	ck_assert(queue_filter_is_recipient(&p, "abc@One.Example"));
	ck_assert(queue_filter_is_recipient(&p, "a@x.two.example"));
	ck_assert(!queue_filter_is_recipient(&p, "a@two.example"));
	ck_assert(!queue_filter_is_recipient(&p, "b@one.example"));
	ck_assert(!queue_filter_is_recipient(&p, "a"));
	ck_assert_int_eq(queue_filter_take_word(&p, "sender=<>"), 1);
	ck_assert(queue_filter_is_sender(&p, "") && !queue_filter_is_sender(&p, "a@b"));
	ck_assert_int_eq(queue_filter_take_word(&p, "older=10"), 1);
	ck_assert_int_eq(queue_filter_take_word(&p, "newer=20"), 1);
	ck_assert(!queue_filter_is_age(&p, 9) && queue_filter_is_age(&p, 10) && queue_filter_is_age(&p, 19) &&
	    !queue_filter_is_age(&p, 20) && !queue_filter_is_age(&p, -5));
	ck_assert_int_eq(queue_filter_take_word(&p, "state=held"), 1);
	ck_assert(queue_filter_is_state(&p, QUEUE_FILTER_HELD) && !queue_filter_is_state(&p,
	    QUEUE_FILTER_READY));
}
END_TEST

START_TEST(test_encode)
{
	struct buf b = BUF_INIT(200);
	struct queue_filter p = { 0 };

	buf_puts(&b, "sender=");
	queue_filter_encode(&b, "a b+c=\xc3\xa4\"*@x");
	ck_assert_str_eq(buf_text(&b), "sender=a+20b+2Bc+3D+C3+A4\"*@x");
	ck_assert_int_eq(queue_filter_take_word(&p, buf_text(&b)), 1);
	ck_assert_str_eq(p.term[0].text, "a b+c=\xc3\xa4\"*@x");
	buf_done(&b);
}
END_TEST

static const struct { const char *in, *out; } puts_rows[] = {
	{ "", "" }, { "a b", "a b" }, { "a\tb\n", "a\\x09b\\x0A" }, { "\x1b[2J", "\\x1B[2J" },
	{ "\xc3\xa4", "\xc3\xa4" }, { "\xc3", "\\xC3" },
	{ "\xc2\x9b", "\\xC2\\x9B" }, { "\xe2\x80\xae", "\\xE2\\x80\\xAE" }, { "\\", "\\x5C" },
	{ "\x7f", "\\x7F" }, { "\xed\xa0\x80", "\\xED\\xA0\\x80" },
};

START_TEST(test_put)
{
	for (size_t i = 0; i < nitems_of(puts_rows); i++) {
		struct buf b = BUF_INIT(200);

		msg_queue_put(&b, puts_rows[i].in, 100);
		ck_assert_str_eq(buf_text(&b), puts_rows[i].out);
		buf_done(&b);
	}
	struct buf b = BUF_INIT(200);
	msg_queue_put(&b, "aaaaaaaaaaaaaaaaaaaa", 10);
	ck_assert_str_eq(buf_text(&b), "aaaaaaa...");
	buf_done(&b);
}
END_TEST

static const struct { const char *text; bool fine; } pages[] = {
	{ "", true }, { "a\tb\n", true }, { "a", false }, { "\n", true }, { "a\x1b\n", false },
	{ "\xc3\xa4\n", true }, { "\xc3\n", false },
	{ "\xc2\x85\n", false },
};

START_TEST(test_pages)
{
	static struct msg_queue_page page, out;
	size_t len;

	for (size_t i = 0; i < nitems_of(pages); i++) {
		size_t n = strlen(pages[i].text);

		memcpy(page.text, pages[i].text, n);
		ck_assert_msg(msg_queue_page_take(&out, &page, offsetof(struct msg_queue_page, text) + n,
		    &len) == pages[i].fine, "row %zu", i);
	}
	ck_assert(!msg_queue_page_take(&out, &page, 3, &len));
	strcpy(page.next, "a b");
	ck_assert(!msg_queue_page_take(&out, &page, offsetof(struct msg_queue_page, text), &len));
	memset(page.next, 'x', sizeof(page.next));
	ck_assert(!msg_queue_page_take(&out, &page, offsetof(struct msg_queue_page, text), &len));
	page.next[0] = '\0';
	page.state = MSG_QUEUE_STATES;
	ck_assert(!msg_queue_page_take(&out, &page, offsetof(struct msg_queue_page, text), &len));
}
END_TEST

START_TEST(test_asks)
{
	static struct msg_queue_ask ask, out;

	ck_assert(msg_queue_ask_take(&out, &ask, sizeof(ask)));
	ck_assert(!msg_queue_ask_take(&out, &ask, sizeof(ask) - 1));
	ask.verb = MSG_QUEUE_VERBS;
	ck_assert(!msg_queue_ask_take(&out, &ask, sizeof(ask)));
	ask.verb = 0;
	memset(ask.to, 'x', sizeof(ask.to));
	ck_assert(!msg_queue_ask_take(&out, &ask, sizeof(ask)));
	for (enum msg_queue_verb v = 0; v < MSG_QUEUE_VERBS; v++)
		ck_assert_int_eq(msg_queue_find(msg_queue_rows[v].name, msg_queue_rows[v].place), v);
	ck_assert_int_eq(msg_queue_find("hold", MSG_QUEUE_IN_BADMAIL), MSG_QUEUE_VERBS);
}
END_TEST

UNIT_MAIN("queue_filter", test_globs, test_words, test_limits, test_fits, test_encode, test_put, test_pages,
    test_asks)
