/* log - the event log: whatever bytes a peer sends, a fact is one line of printable characters with its fields */
#include "t/fuzz/fuzz.h"
#include <fcntl.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/utf8.h"

#define LINE_MAX_BYTES 2200

/* One value as a reader takes it, from `*at` on; its text without escapes goes to `out`. */
static void
read_value(const char **at, struct buf *out)
{
	bool quoted = **at == '"';
	const char *p = *at + quoted;

	for (; *p != '\0' && *p != (quoted ? '"' : ' '); p++) {
		unsigned byte;

		if (*p == '\\' && p[1] == 'x') {
			fuzz_check(sscanf(p + 2, "%2x", &byte) == 1);
			buf_add(out, &(char){ (char)byte }, 1);
			p += 3;
		} else {
			p += *p == '\\';
			buf_add(out, p, 1);
		}
	}
	fuzz_check(!quoted || *p == '"');
	*at = p + quoted;
}

static void
skip(const char **at, const char *word)
{
	fuzz_check(strncmp(*at, word, strlen(word)) == 0);
	*at += strlen(word);
}

/* The line names the value twice, with a field behind each; what was cut off is missing at the end. */
static void
check_line(const char *line, const char *text, size_t len)
{
	const char *at = strstr(line, "]: ");

	fuzz_check(at != NULL);
	skip(&at, "]: - event=test first=");
	for (unsigned i = 0; i < 2; i++) {
		struct buf value = BUF_INIT(LINE_MAX_BYTES);

		read_value(&at, &value);
		fuzz_check(value.len <= len && memcmp(buf_text(&value), text, value.len) == 0);
		fuzz_check(value.len == len || value.len >= 140);
		skip(&at, i == 0 ? " number=5 second=" : " last=6");
		buf_done(&value);
	}
	fuzz_check(*at == '\0');
}

/* One write, one line: the next one of the pipe. */
static void
read_line(int fd, char line[LINE_MAX_BYTES])
{
	ssize_t n = read(fd, line, LINE_MAX_BYTES - 1);

	fuzz_check(n > 0 && line[n - 1] == '\n');
	line[n - 1] = '\0';
	fuzz_check(strlen(line) == (size_t)n - 1);
	for (size_t i = 0, used; line[i] != '\0'; i += used) {
		used = utf8_take_printable((const unsigned char *)line + i, (size_t)n - 1 - i);
		fuzz_check(used > 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fds[2] = { -1, -1 };
	const char *text = (const char *)data;
	char line[LINE_MAX_BYTES];

	if (fds[0] == -1) {
		fuzz_check(pipe2(fds, O_DIRECT) == 0);	/* what is written at once is read at once */
		log_open("fuzz", "", LOG_TO_STDERR);
		log_move(LOG_TO_FILE, fds[1]);
	}
	log_event(LOG_FACT, NULL, "test", "first=%s number=5 second=%s last=6", log_safe_n(text, len),
	    log_safe_n(text, len));
	read_line(fds[0], line);
	check_line(line, text, len);
	/* a caller that forgot log_safe */
	log_event(LOG_WARN, NULL, "test", "%.*s", (int)len, text);
	read_line(fds[0], line);
	return 0;
}
