/*
 * auth_verb - AUTH dialogues with an auth helper that says anything: whole and byte by byte the same words
 * and the same questions
 */
#include "common/base/utf8.h"
#include "t/fuzz/fuzz.h"
#include "t/unit/listener/session_fixture.h"

/* The helper's answers come from the first bytes, round and round. */
static void
auth_start(struct session_fixture *w, const uint8_t *script, unsigned *at)
{
	struct msg_auth_in_answer a;
	uint8_t word = script[(*at)++ % 4];

	memset(&a, 0, offsetof(struct msg_auth_in_answer, token.data));
	a.result = word % 4;
	a.token.len = word >> 2;
	memset(a.token.data, word, a.token.len);
	strcpy(a.user, "alice");
	session_auth_answered(&w->s, &a);
}

static void
feed(struct session_fixture *w, const uint8_t *script, const char *data, size_t len, size_t step)
{
	unsigned answers = 0;

	for (size_t at = 0; at < len && !w->closed; at += step) {
		buf_add(&w->in, data + at, step < len - at ? step : len - at);
		do {
			if (w->s.phase == PHASE_AUTH_HELPER)
				auth_start(w, script, &answers);
			fixture_run(w);
		} while (w->s.phase == PHASE_AUTH_HELPER && !w->closed);
	}
}

static void
run(struct session_fixture *w, const uint8_t *data, size_t len, bool bytewise)
{
	fixture_init(w);
	w->server.authentication = CONFIG_AUTH_BASIC | (data[0] & 1 ? CONFIG_AUTH_INTEGRATED : 0) |
	    (data[0] & 2 ? CONFIG_AUTH_ANONYMOUS : 0);
	w->server.basic_requires_tls = data[0] & 4;
	fixture_begin_session(w);
	if (data[0] & 8) {
		session_phase_secure(&w->s);
		w->securing = false;
		session_secured(&w->s, data[0] & 16);
	}
	fixture_say(w, "EHLO c");
	feed(w, data + 1, (const char *)data + 5, len - 5, bytewise ? 1 : len);
	if (data[0] & 32 && !w->closed)
		session_stop(&w->s);
	if (data[0] & 64 && !w->closed)
		session_expire(&w->s);
	if (!w->closed)
		session_eof(&w->s);
	fuzz_check(w->closed && !w->begun);
	fuzz_check((w->s.user != NULL) == (strstr(buf_text(&w->out), "\r\n235 ") != NULL));
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Printable; with UTF-8 only for a client that has said SMTPUTF8 (RFC 6531 3.7.4). */
static void
check_replies(const struct buf *out, const uint8_t *said, size_t len)
{
	char *text = strndup((const char *)said, len);
	bool utf8 = false;

	for (size_t i = 0; text[i] != '\0'; i++)
		utf8 |= strncasecmp(text + i, "SMTPUTF8", 8) == 0;
	utf8 |= strlen(text) != len;
	free(text);
	for (size_t i = 0, n; i < out->len; i += n) {
		const unsigned char *s = (const unsigned char *)out->data + i;

		n = *s == '\r' || *s == '\n' ? 1 : utf8_take_printable(s, out->len - i);
		fuzz_check(n > 0 && (n == 1 || utf8));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct session_fixture w[2];

	if (len < 5)
		return 0;
	run(&w[0], data, len, false);
	run(&w[1], data, len, true);
	/* Behind a DATA that is refused, and where a line is far too long, it matters how the bytes came. */
	if (strstr(buf_text(&w[0].out), "421 4.5.0") == NULL && len < 4096)
		fuzz_check(same(&w[0].asked, &w[1].asked) && same(&w[0].messages, &w[1].messages) &&
		    same(&w[0].out, &w[1].out));
	check_replies(&w[0].out, data + 5, len - 5);
	fixture_done(&w[0]);
	fixture_done(&w[1]);
	return 0;
}
