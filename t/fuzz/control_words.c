/*
 * control_words - what a local user sends to control.sock: words may be shown, and a question that is made of
 * them is one that the worker takes
 */
#include "common/base/utf8.h"
#include "common/command/queue_words.h"
#include "master/control/control.h"
#include "t/fuzz/fuzz.h"

static void
check_words(const struct control_words *w)
{
	fuzz_check(w->count > 0 && w->count <= CONTROL_WORDS_MAX);
	for (size_t i = 0; i < w->count; i++) {
		fuzz_check(w->word[i][0] != '\0' && strnlen(w->word[i], CONTROL_WORD_SIZE) < CONTROL_WORD_SIZE);
		for (const unsigned char *p = (const unsigned char *)w->word[i]; *p != '\0';) {
			size_t n = utf8_take(p, strlen((const char *)p), NULL);

			fuzz_check(*p >= ' ' && *p != 0x7f && n > 0);
			p += n;
		}
	}
}

static void
check_queue(const struct control_words *w)
{
	static struct msg_queue_ask ask, taken;
	pid_t pid;

	if (!queue_words_parse(&ask, &pid, w))
		return;
	fuzz_check(pid >= 0 && msg_queue_ask_take(&taken, &ask, sizeof(ask)));
	fuzz_check(!msg_queue_rows[ask.verb].acts || queue_filter_chooses(&ask.pick) ||
	    strcmp(w->word[w->count - 1], "all") == 0 || w->count > 4);
}

static void
check_sessions(const struct control_words *w)
{
	static struct sessions_wish wish;
	static struct msg_sessions_ask taken;

	if (!sessions_request_parse(&wish, w))
		return;
	fuzz_check(wish.ids <= CONTROL_WORDS_MAX && (wish.chosen || !wish.terminate));
	fuzz_check(msg_sessions_ask_take(&taken, &wish.ask, sizeof(wish.ask)));
}

/* The last line of a page, as posternctl reads it. */
static void
check_trailer(const char *data, size_t len)
{
	char *line = strndup(data, len);
	struct queue_words_trailer t, again;
	struct buf out = BUF_INIT(1000);

	if (queue_words_trailer_parse(&t, line)) {
		fuzz_check(strnlen(t.at, sizeof(t.at)) < sizeof(t.at));
		queue_words_trailer_format(&out, &t);
		fuzz_check(buf_ok(&out) && out.data[0] == '=' && out.data[out.len - 1] == '\n');
		out.data[out.len - 1] = '\0';
		fuzz_check(queue_words_trailer_parse(&again, out.data + 1));
		fuzz_check(strcmp(again.at, t.at) == 0 && memcmp(&again.sums, &t.sums, sizeof(t.sums)) == 0);
	}
	buf_done(&out);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct control_words w;
	char *copy = malloc(len);	/* reading past its end shows */

	memcpy(copy, data, len);
	if (control_words_parse(&w, copy, len)) {
		check_words(&w);
		check_queue(&w);
		check_sessions(&w);
	}
	check_trailer(copy, len);
	free(copy);
	return 0;
}
