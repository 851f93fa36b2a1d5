/* session - whole dialogues: limits and a busy disk from the first byte; replies are lines, whatever comes */
#include "t/fuzz/fuzz.h"
#include "t/unit/listener/session_fixture.h"

static void
check_replies(const struct buf *out)
{
	for (size_t at = 0; at < out->len;) {
		const char *line = out->data + at, *end = memmem(line, out->len - at, "\r\n", 2);

		fuzz_check(end != NULL && end - line <= 510 && end - line >= 4);
		for (const char *p = line; p < end; p++)
			fuzz_check((unsigned char)*p >= ' ' && *p != 127);
		fuzz_check(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
		at += (size_t)(end - line) + 2;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char start[] = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\n";
	struct session_fixture w;
	unsigned mode = len > 0 ? data[0] : 0;

	if (len == 0)
		return 0;
	fixture_init(&w);
	w.disk_busy = mode & 1;
	w.drop_full = mode & 2;
	w.begin_error = mode & 4 ? EROFS : 0;
	w.server.max_message_size = mode & 8 ? 50 : 25U << 20;
	w.server.max_session_size = mode & 16 ? 80 : CONFIG_UNLIMITED;
	fixture_begin_session(&w);
	if (mode & 32)
		fixture_feed(&w, start, sizeof(start) - 1, false);
	fixture_feed(&w, (const char *)data + 1, len - 1, mode & 64);
	if (mode & 128)
		session_stop(&w.s);
	fixture_run(&w);
	(void)session_limit_ms(&w.s);
	if (!w.closed && (mode & 1))
		session_expire(&w.s);
	if (!w.closed)
		session_eof(&w.s);
	fuzz_check(w.closed && !w.begun && !w.s.begun);
	check_replies(&w.out);
	fixture_done(&w);
	return 0;
}
