/*
 * control_client - sends one command to control.sock and reads the answer
 *
 * Runs in:  posternctl
 * Owns:     the connection
 * Promise:  waits as long as the service needs; notices its end
 * Fails by: CONTROL_CLIENT_NO_SERVICE, CONTROL_CLIENT_CUT; else the exit status of the answer
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/ipc/ctl.h"
#include "master/posternctl/posternctl.h"

#define LINES_MAX (1U << 20)	/* bytes of lines that come at once */

static unsigned limit_s;		/* 0: an answer takes as long as it takes */
static int passed = -1;			/* goes with the next command */

void
control_client_limit(unsigned seconds)
{
	limit_s = seconds;
}

void
control_client_pass(int fd)
{
	passed = fd;
}

static int
connect_to_service(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = limit_s };	/* zero: none */
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	disk_close(fd);
	return -1;
}

/* --- what a command waits for --- */

struct progress {
	struct ctl_progress latest;
	uint64_t until_ms;		/* on the clock of this process */
	bool shown;			/* a line of the terminal has it */
};

/* On a terminal one line that is written over; else a line a message. */
static void
show_progress(struct progress *p)
{
	bool terminal = isatty(STDERR_FILENO);
	uint64_t now = clock_mono_ms();

	fprintf(stderr, "%s%swaits for %s; %u s at the most%s", terminal ? "\r" : "",
	    terminal ? "" : "posternctl: ", p->latest.text,
	    p->until_ms > now ? (unsigned)((p->until_ms - now + 999) / 1000) : 0,
	    terminal ? "\033[K" : "\n");
	fflush(stderr);
	p->shown = terminal;
}

static void
end_progress(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void
take_progress(struct progress *p, const struct ctl_message *m)
{
	memcpy(&p->latest, m->data, sizeof(p->latest));
	p->latest.text[sizeof(p->latest.text) - 1] = '\0';
	p->until_ms = clock_mono_ms() + p->latest.left_ms;
	show_progress(p);
}

/* The next message is there. Meanwhile the seconds on the terminal are counted down. */
static void
await_message(int fd, struct progress *p)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	while (p->shown && poll(&poll_fd, 1, 1000) == 0)
		show_progress(p);
}

/* Who gets the text: `out`; or each(arg, line); or the standard output. */
struct answer_reader {
	struct buf *out;
	control_client_line *each;
	void *arg;
	struct buf rest;		/* of each: what has no line end yet */
};

static void
hear_lines(struct answer_reader *r)
{
	char *lf;

	while (r->rest.len > 0 && (lf = memchr(r->rest.data, '\n', r->rest.len)) != NULL) {
		*lf = '\0';
		r->each(r->arg, r->rest.data);
		buf_drop(&r->rest, (size_t)(lf + 1 - r->rest.data));
	}
}

static void
hear(struct answer_reader *r, const void *data, size_t len)
{
	if (r->out != NULL) {
		buf_add(r->out, data, len);
	} else if (r->each != NULL) {
		buf_add(&r->rest, data, len);
		hear_lines(r);
	} else {
		fwrite(data, 1, len, stdout);
	}
	fflush(stdout);
}

static int
read_answer(int fd, struct answer_reader *r)
{
	static char space[CTL_PAYLOAD_MAX];
	struct progress progress = { 0 };
	struct ctl_message m;

	for (;;) {
		int rc;

		await_message(fd, &progress);
		rc = ctl_recv_now(fd, CTL_FROM_MASTER, &m, space, sizeof(space));
		if (rc == 1 && m.type == CTL_PROGRESS) {
			take_progress(&progress, &m);
			continue;
		}
		end_progress(&progress);
		if (rc == 0 || (rc == -1 && errno == ECONNRESET))
			return CONTROL_CLIENT_CUT;
		if (rc == -1 && errno == EAGAIN)
			return CONTROL_CLIENT_SILENT;
		if (rc == -1) {
			fprintf(stderr,
			    "posternctl: the service answers in a language of another version: %s\n",
			    strerror(errno));
			return EX_PROTOCOL;
		}
		if (m.type == CTL_TEXT) {
			hear(r, m.data, m.len);
		} else if (m.type == CTL_END) {
			int32_t status;

			memcpy(&status, m.data, sizeof(status));
			return status;
		}
	}
}

int
control_client_begin(const char *socket_path, const char *const *words, size_t count, int *status)
{
	struct buf text = BUF_INIT(CONTROL_COMMAND_MAX);
	struct control_words taken;
	int fd = -1;

	for (size_t i = 0; i < count; i++)
		buf_add(&text, words[i], strlen(words[i]) + 1);
	*status = EX_USAGE;
	if (!buf_ok(&text)) {
		fprintf(stderr, "posternctl: the command is too long\n");
	} else if (!control_words_parse(&taken, text.data, text.len)) {
		fprintf(stderr, "posternctl: a word of the command is empty, longer than %d bytes, has a "
		    "control character or is no UTF-8\n", CONTROL_WORD_SIZE - 1);
	} else if ((fd = connect_to_service(socket_path)) == -1) {
		bool absent = errno == ENOENT || errno == ECONNREFUSED;

		*status = absent ? CONTROL_CLIENT_NO_SERVICE : errno == EAGAIN ? CONTROL_CLIENT_SILENT :
		    errno == EACCES || errno == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
		if (!absent && errno != EAGAIN)
			fprintf(stderr, "posternctl: %s: %s\n", socket_path, strerror(errno));
	} else if (ctl_send_on(fd, CTL_COMMAND, 1, text.data, text.len, passed, 0) == -1) {
		*status = errno == EPIPE ? CONTROL_CLIENT_CUT : EX_IOERR;
		close(fd);
		fd = -1;
	}
	passed = -1;
	buf_done(&text);
	return fd;
}

static int
ask(const char *socket_path, const char *const *words, size_t count, struct answer_reader *r)
{
	int status, fd = control_client_begin(socket_path, words, count, &status);

	if (fd == -1)
		return status;
	status = read_answer(fd, r);
	close(fd);
	return status;
}

int
control_client_service(const char *socket_path, const char *const *words, size_t count, struct buf *out)
{
	struct answer_reader r = { .out = out };

	return ask(socket_path, words, count, &r);
}

int
control_client_lines(const char *socket_path, const char *const *words, size_t count,
    control_client_line *each, void *arg)
{
	struct answer_reader r = { .each = each, .arg = arg, .rest = BUF_INIT(LINES_MAX) };
	int status = ask(socket_path, words, count, &r);

	if (r.rest.len > 0)
		hear(&r, "\n", 1);
	buf_done(&r.rest);
	return status;
}
