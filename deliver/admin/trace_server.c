/*
 * trace_server - searches in the event log: which messages are meant, and what became of them
 *
 * Runs in:  deliver: on the loop; files are read on a pool thread
 * Owns:     the questions, each with the descriptor that came with it
 * Promise:  a line of another virtual server is never part of an answer; a page costs at most LOOK_MS of
 *           reading; each question is answered once
 * Fails by: a line on the page
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/msg/msg_trace.h"
#include "common/process/pool.h"
#include "common/trace/trace_file.h"
#include "common/trace/trace_line.h"
#include "deliver/admin/admin.h"

#define LOOK_MS 300
#define LOOK_LINES 256		/* between two looks at the clock */
#define ROOM (TRACE_FILE_LINE_MAX + 256)	/* bytes that one more line may need */
#define KNOWN_MAX 512		/* ids of a page: a message is told once */

struct trace_server {
	struct boot *boot;
	struct pool_lane *lane;
	TAILQ_HEAD(, trace_job) jobs;
};

struct trace_job {
	TAILQ_ENTRY(trace_job) link;
	struct trace_server *server;
	uint32_t request;
	int fd;				/* owned until it is read */
	struct msg_trace_ask ask;
	struct msg_queue_page page;
	struct buf text;
	char known[KNOWN_MAX][MESSAGE_ID_SIZE];
	size_t nknown;
};

/* --- on a thread --- */

/* Text of a file that anybody may have written to: what does harm to a terminal is not in it. */
static void
put_cell(struct buf *out, const char *text, char end)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t left = strlen(text), n; left > 0; left -= n, s += n) {
		n = utf8_take_printable(s, left);
		buf_add(out, n > 0 ? (const char *)s : "?", n > 0 ? n : 1);
		n = n > 0 ? n : 1;
	}
	buf_add(out, &end, 1);
}

static void
put_line(struct trace_job *j, const struct trace_line *l)
{
	put_cell(&j->text, l->stamp, '\t');
	put_cell(&j->text, l->program, '\t');
	put_cell(&j->text, l->pid, '\t');
	put_cell(&j->text, l->rest, '\n');
	j->page.matched++;
}

/* Whether the message of the line was told on this page; it is now. */
static bool
is_known(struct trace_job *j, const char *id)
{
	for (size_t i = j->nknown; i-- > 0;)
		if (strcmp(j->known[i], id) == 0)
			return true;
	if (j->nknown < KNOWN_MAX)
		memcpy(j->known[j->nknown++], id, MESSAGE_ID_SIZE);
	return false;
}

static bool
is_wanted(struct trace_job *j, const struct trace_wish *w, const struct trace_line *l)
{
	char id[MESSAGE_ID_SIZE];

	if (!trace_line_is_of(l, j->server->boot->server->name))
		return false;
	if (j->ask.ids > 0)
		return trace_line_names(l, j->ask.id, j->ask.ids);
	return trace_line_fits(w, l) != 0 && trace_line_id(l, id) && !is_known(j, id);
}

/* Cheap first: most lines are about other messages. */
static bool
may_be_wanted(const struct trace_job *j, const struct trace_wish *w, const char *line)
{
	if (j->ask.ids == 0)
		return trace_line_may_fit(w, line);
	for (uint32_t i = 0; i < j->ask.ids; i++)
		if (strstr(line, j->ask.id[i]) != NULL)
			return true;
	return false;
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void
look_at_line(struct trace_job *j, const struct trace_wish *w, char *line, bool *first)
{
	struct trace_line l;

	if (!*first && !may_be_wanted(j, w, line))
		return;
	if (!trace_line_parse(&l, line))
		return;
	if (*first) {
		buf_puts(&j->text, "!the event log begins at ");
		put_cell(&j->text, l.stamp, '\n');
		*first = false;
	}
	if (is_wanted(j, w, &l))
		put_line(j, &l);
}

static void
read_file(struct trace_job *j, struct trace_file *f)
{
	const struct trace_wish w = { text_or_null(j->ask.sender), text_or_null(j->ask.recipient),
		text_or_null(j->ask.message_id) };
	uint64_t end = clock_mono_ms() + LOOK_MS;
	bool first = j->ask.first != 0;
	char *line;

	for (size_t n = 1; (line = trace_file_next(f)) != NULL; n++) {
		look_at_line(j, &w, line, &first);
		if (j->text.len + ROOM <= MSG_QUEUE_TEXT_MAX &&
		    (n % LOOK_LINES != 0 || clock_mono_ms() < end))
			continue;
		snprintf(j->page.next, sizeof(j->page.next), "%lld", (long long)trace_file_at(f));
		return;
	}
	if (trace_file_fault(f) != NULL)
		buf_printf(&j->text, "!a file of the event log is left out: %s\n", trace_file_fault(f));
}

static void
run_jobs(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct trace_job *j = jobs[i];
		struct trace_file *f = trace_file_open(j->fd, (int64_t)j->ask.at);

		j->fd = -1;
		read_file(j, f);
		trace_file_close(f);
	}
}

/* --- on the loop --- */

static void
free_job(struct trace_job *j)
{
	TAILQ_REMOVE(&j->server->jobs, j, link);
	if (j->fd != -1)
		close(j->fd);
	buf_done(&j->text);
	free(j);
}

static void
on_read(void *arg, void *job)
{
	struct trace_job *j = job;

	memcpy(j->page.text, buf_text(&j->text), j->text.len);
	if (ctl_send(j->server->boot->master, CTL_QUEUE_PAGE, j->request, &j->page,
	    offsetof(struct msg_queue_page, text) + j->text.len, -1) == -1)
		log_event(LOG_WARN, NULL, "trouble", "what=trace error=%s", log_safe(strerror(errno)));
	free_job(j);
}

void
trace_server_take(struct trace_server *t, const struct ctl_message *m)
{
	struct trace_job *j = mem_new(struct trace_job);

	j->server = t;
	TAILQ_INSERT_TAIL(&t->jobs, j, link);
	j->request = m->request;
	buf_init(&j->text, MSG_QUEUE_TEXT_MAX);
	j->fd = m->fd != -1 ? ctl_take_fd(m) : -1;
	if (j->fd == -1 || !msg_trace_ask_take(&j->ask, m->data, m->len)) {
		log_event(LOG_FAULT, NULL, "trouble", "what=trace reason=\"a question that is none\"");
		free_job(j);
	} else {
		trace_line_sort_ids(j->ask.id, j->ask.ids);
		pool_submit(t->lane, j);
	}
}

struct trace_server *
trace_server_new(struct boot *b, struct pool *pool)
{
	struct trace_server *t = mem_new(struct trace_server);

	t->boot = b;
	TAILQ_INIT(&t->jobs);
	t->lane = pool_lane_new(pool, 1, 1, run_jobs, on_read, t);
	return t;
}

void
trace_server_free(struct trace_server *t)
{
	struct trace_job *j;

	if (t == NULL)
		return;
	while ((j = TAILQ_FIRST(&t->jobs)) != NULL)
		free_job(j);
	free(t);
}
