/*
 * session_split - random dialogues give the same replies however the
 * network splits them; work for the sanitizers, too
 */
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

enum { ROUNDS = 1000, WORDS_MAX = 60 };

static const char *const words[] = {
	"EHLO c.example\r\n", "HELO c\r\n", "MAIL FROM:<a@b.example>\r\n",
	"MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n",
	"RCPT TO:<c@example.com>\r\n", "RCPT TO:<d@example.com>\r\n", "RCPT TO:<x@remote.example>\r\n",
	"DATA\r\n", "DATA\r\n",
	".\r\n", ".\r\n", "..\r\n", "\r\n.\r\n", "\r\n", "\n", "\r", ".", "\n.\n", "\r.\r", "text\r\n",
	"text", "\xff\x80", "RSET\r\n",
	"BDAT 5\r\n", "BDAT 5 LAST\r\n", "BDAT 0 LAST\r\n", "BDAT 12\r\n", "BDAT 3\r\na\r\n",
	"BDAT 7 LAST\r\nhello\r\n", "BDAT x\r\n", "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n",
	"NOOP\r\n", "VRFY x\r\n", "HELP\r\n", "bogus\r\n", "RCPT TO:<\"\r\n",
	"MAIL FROM:<@a,@b:c@d.example>\r\n", "\t", " ", "<>",
};

/* xorshift: the same on every machine. */
static uint32_t
next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* The way to DATA is long: begin there half of the time. */
static void
make(struct buf *in, uint32_t *state)
{
	if (next(state) & 1)
		buf_printf(in, "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\n%s\r\n",
		    next(state) & 1 ? "DATA" : "BDAT 4");
	for (unsigned n = next(state) % WORDS_MAX; n > 0; n--)
		buf_puts(in, words[next(state) % nitems_of(words)]);
}

static void
run(struct session_fixture *w, const struct buf *in, uint32_t *state, size_t most)
{
	fixture_init(w);
	w->disk_busy = most % 2 == 0;
	w->server.max_message_size = w->server.max_session_size = CONFIG_UNLIMITED;
	fixture_begin_session(w);
	for (size_t at = 0; at < in->len && !w->closed;) {
		size_t n = most == 1 ? 1 : 1 + next(state) % most;

		if (n > in->len - at)
			n = in->len - at;
		fixture_feed(w, in->data + at, n, false);
		at += n;
	}
	if (!w->closed)
		session_eof(&w->s);
	ck_assert(w->closed && !w->begun);
}

START_TEST(same_words)
{
	static const size_t most[] = { 1, 2, 7, 40, 5000 };
	uint32_t state = 20261121;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct buf in = BUF_INIT(1U << 20);
		struct session_fixture w[nitems_of(most)];

		make(&in, &state);
		for (size_t i = 0; i < nitems_of(most); i++)
			run(&w[i], &in, &state, most[i]);
		for (size_t i = 1; i < nitems_of(most); i++) {
			/*
			 * What stands behind a refused DATA in one packet is not run as commands; alone it
			 * is: RFC 2920.
			 */
			if (strstr(buf_text(&w[i].out), "421 4.5.0") != NULL)
				continue;
			ck_assert_msg(strcmp(buf_text(&w[0].out), buf_text(&w[i].out)) == 0,
			    "round %u cut %zu:\n%s\n---\n%s", round, most[i],
			    buf_text(&w[0].out), buf_text(&w[i].out));
			ck_assert_str_eq(buf_text(&w[0].messages), buf_text(&w[i].messages));
			ck_assert_str_eq(buf_text(&w[0].facts), buf_text(&w[i].facts));
		}
		for (size_t i = 0; i < nitems_of(most); i++)
			fixture_done(&w[i]);
		buf_done(&in);
	}
}
END_TEST

UNIT_MAIN("session_split", same_words)
