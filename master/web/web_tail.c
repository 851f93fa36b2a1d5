/*
 * web_tail - the events of the service as they come, for one stream of a page
 *
 * Runs in:  web
 * Owns:     the socket on which they come; the question to the master, which is open as long as it watches
 * Promise:  watched as the user of the session; nothing waits for a browser: a line for which its stream has
 *           no room is lost, and the number is told before the next one
 * Fails by: "unwatched", with why
 */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "master/web/web.h"

#define TURN_MAX 64		/* lines at a time: other pages have their turn */

struct web_tail {
	struct web *web;
	web_tail_send *send;		/* NULL: the stream has ended */
	void *arg;
	bool asked;			/* the master has not ended it */
	int fd;				/* -1: none (any more) */
	struct loop_io *io;
	unsigned long lost;
};

static void
close_socket(struct web_tail *t)
{
	loop_io_free(t->io);
	t->io = NULL;
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
}

static void
free_if_over(struct web_tail *t)
{
	if (t->send == NULL && !t->asked)
		free(t);
}

static bool
send_json(struct web_tail *t, const char *name, json_t *data)
{
	char *json = json_dumps(data, JSON_COMPACT),
	    *event = mem_printf("event: %s\ndata: %s\n\n", name, json != NULL ? json : "null");
	bool sent = t->send(t->arg, event);

	free(event);
	free(json);
	json_decref(data);
	return sent;
}

/* --- lines --- */

/* All processes have the same end of the socket, and one may lie: the kernel knows who has sent a line. */
static void
tell_line(struct web_tail *t, char *line, pid_t sender)
{
	json_t *row = json_object();

	if (t->lost > 0) {
		if (!send_json(t, "lost", json_pack("{s:I}", "lines", (json_int_t)t->lost))) {
			t->lost++;
			json_decref(row);
			return;
		}
		t->lost = 0;
	}
	if (!answers_line_event(row, line)) {
		json_decref(row);
		return;
	}
	if (json_integer_value(json_object_get(row, "pid")) != sender)
		json_object_set_new(row, "sent-by", json_integer(sender));
	json_object_set_new(row, "topics", answers_topic_list(row));
	t->lost += !send_json(t, "watch", row);
}

static void
on_lines(void *arg, unsigned what)
{
	struct web_tail *t = arg;
	char line[LOG_WATCH_LINE_MAX + 1];
	ssize_t n = 1;
	pid_t sender;

	for (unsigned i = 0; i < TURN_MAX && (n = log_watch_take(t->fd, line, &sender)) > 0; i++)
		tell_line(t, line, sender);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		close_socket(t);
}

/* --- from the master --- */

static void
on_socket(void *arg, int fd)
{
	struct web_tail *t = arg;

	close_socket(t);
	if (t->send == NULL) {
		close(fd);
		return;
	}
	t->fd = fd;
	t->io = loop_io_new(t->web->boot->loop, fd, LOOP_READ, on_lines, t);
	(void)send_json(t, "watching", json_object());
}

static void
on_end(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct web_tail *t = arg;
	const char *why = s != NULL ? "the service cannot be asked" : buf_text(text);

	t->asked = false;
	close_socket(t);
	if (t->send != NULL)
		(void)send_json(t, "unwatched", json_pack("{s:s*}", "error", why));
	free_if_over(t);
}

struct web_tail *
web_tail_begin(struct web *w, const unsigned char handle[WEB_SECRET_SIZE], const char *server,
    web_tail_send *send, void *arg)
{
	struct web_tail *t = mem_new(struct web_tail);
	struct msg_web_command command = { .watching = 1 };
	size_t len = sizeof("watch"), n = strlen(server) + 1;

	*t = (struct web_tail){ .web = w, .send = send, .arg = arg, .fd = -1 };
	memcpy(command.handle, handle, sizeof(command.handle));
	memcpy(command.words, "watch", len);
	if (strcmp(server, "-") != 0) {
		memcpy(command.words + len, server, n);
		len += n;
	}
	t->asked = web_ask_send(w, CTL_WEB_COMMAND, &command, offsetof(struct msg_web_command, words) + len,
	    handle, "-", on_end, t);
	explicit_bzero(command.handle, sizeof(command.handle));
	if (t->asked)
		web_ask_expect_fd(w, on_socket);
	else
		(void)send_json(t, "unwatched", json_pack("{s:s}", "error", "too many questions: wait"));
	return t;
}

void
web_tail_end(struct web_tail *t)
{
	if (t == NULL)
		return;
	t->send = NULL;
	close_socket(t);	/* and so the master ends the command */
	free_if_over(t);
}
