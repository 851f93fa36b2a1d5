/*
 * bdat - chunks behind a recipient, cut anywhere: the same replies and the same messages, whole and byte by
 * byte
 */
#include "t/fuzz/fuzz.h"
#include "t/unit/listener/session_fixture.h"

static void
run(struct session_fixture *w, const uint8_t *data, size_t len, bool bytewise)
{
	fixture_init(w);
	w->server.max_message_size = data[0] & 2 ? 40 : 25U << 20;
	fixture_begin_session(w);
	fixture_say(w, "EHLO c");
	fixture_say(w, data[0] & 1 ? "MAIL FROM:<a@b.example> BODY=BINARYMIME" : "MAIL FROM:<a@b.example>");
	fixture_say(w, "RCPT TO:<c@example.com>");
	buf_clear(&w->out);
	fixture_feed(w, (const char *)data + 1, len - 1, bytewise);
	if (!w->closed)
		session_eof(&w->s);
	fuzz_check(w->closed && !w->begun);
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct session_fixture w[2];

	if (len == 0)
		return 0;
	run(&w[0], data, len, false);
	run(&w[1], data, len, true);
	/*
	 * With two faults in a chunk either may be seen first. What stands behind a refused DATA in one
	 * packet is not run as commands; alone it is (RFC 2920).
	 */
	if (!(data[0] & 2) && strstr(buf_text(&w[0].out), "421 4.5.0 mx.example.com Improper") == NULL)
		fuzz_check(same(&w[0].out, &w[1].out) && same(&w[0].messages, &w[1].messages) &&
		    same(&w[0].facts, &w[1].facts));
	fixture_done(&w[0]);
	fixture_done(&w[1]);
	return 0;
}
