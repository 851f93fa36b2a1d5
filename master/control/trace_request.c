/*
 * trace_request - searches in the event log for who cannot read it: opens its files, one after the other, and
 * lets the delivery process of that virtual server read them
 *
 * Runs in:  master
 * Owns:     the question and the page that comes back
 * Promise:  reads nothing of a file. A process with a user of its own gets no log: it has the events of all
 *           virtual servers. Ends after TRACE_REQUEST_WAIT_MS at the latest
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/command/msg_queue.h"
#include "common/command/queue_words.h"
#include "common/msg/msg_trace.h"
#include "common/trace/trace_files.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define TRACE_REQUEST_WAIT_MS 60000
#define REPLACED "has another log meanwhile: it was rotated; ask again"

struct trace_request {
	struct control_question q;	/* one part: the process that reads */
	uint64_t inode, behind;	/* of the file; of the next one, 0: there is none */
	const char *fault;		/* why no page came, or NULL */
	struct msg_queue_page page;
	size_t text_len;
};

static struct trace_request *
request_of(struct control_question *q)
{
	return (struct trace_request *)q;	/* its first member */
}

/* --- the page --- */

static void
end_request(struct trace_request *r, const char *fault)
{
	r->fault = fault;
	control_question_end(&r->q);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct trace_request *r = request_of(q);
	struct child *c = q->part[part].child;

	end_request(r, msg_queue_page_take(&r->page, m->data, m->len, &r->text_len) ? NULL :
	    "the delivery process gave no proper answer");
	if (maintenance_post_has(c))
		maintenance_post_answered(c->server, false);
}

static void
on_gone(struct control_question *q, size_t part)
{
	end_request(request_of(q), "the delivery process ended before it answered; ask again");
}

static void
on_late(struct control_question *q)
{
	end_request(request_of(q), "the delivery process did not answer in time");
}

static void
put_trailer(struct buf *out, const struct trace_request *r)
{
	struct queue_words_trailer t = { .sums = { .matched = r->page.matched }, .state = r->page.state };

	if (r->page.next[0] != '\0')
		snprintf(t.at, sizeof(t.at), "%" PRIu64 ":%s", r->inode, r->page.next);
	else if (r->behind != 0)
		snprintf(t.at, sizeof(t.at), "%" PRIu64 ":0", r->behind);
	else
		snprintf(t.at, sizeof(t.at), "%" PRIu64 ":", r->inode);
	queue_words_trailer_format(out, &t);
}

static bool
update(struct control_question *q, struct control_command *cmd)
{
	const struct trace_request *r = request_of(q);

	if (!q->over)
		return false;
	if (r->fault != NULL) {
		control_answer_say(cmd, EX_TEMPFAIL, "!%s", r->fault);
		return true;
	}
	buf_add(&cmd->text, r->page.text, r->text_len);
	put_trailer(&cmd->text, r);
	return true;
}

static void
free_request(struct control_question *q)
{
	free(request_of(q));
}

static const struct control_question_ops ops = {
	.ask = CTL_TRACE, .answer = CTL_QUEUE_PAGE, .text = CTL_QUEUE_PAGE,
	.page = on_page, .gone = on_gone, .late = on_late, .update = update, .free = free_request,
};

/* --- the words --- */

/* One in a search: what the lines of a message say together shows in no page alone. */
static bool
take_text(const struct msg_trace_ask *a, char *dst, const char *text)
{
	return a->sender[0] == '\0' && a->recipient[0] == '\0' && a->message_id[0] == '\0' &&
	    text[0] != '\0' && (size_t)snprintf(dst, MSG_TRACE_TEXT, "%s", text) < MSG_TRACE_TEXT;
}

static bool
take_id(struct msg_trace_ask *a, const char *text)
{
	if (a->ids == MSG_TRACE_IDS || !message_id_is_valid(text))
		return false;
	memcpy(a->id[a->ids++], text, MESSAGE_ID_SIZE);
	return true;
}

static bool
take_word(struct msg_trace_ask *a, uint64_t *inode, const char *word)
{
	const char *value = strchr(word, '=');
	uint64_t at = 0;
	int used = 0;

	if (value++ == NULL)
		return false;
	if (strncmp(word, "id=", 3) == 0)
		return take_id(a, value);
	if (strncmp(word, "sender=", 7) == 0)
		return take_text(a, a->sender, value);
	if (strncmp(word, "recipient=", 10) == 0)
		return take_text(a, a->recipient, value);
	if (strncmp(word, "message-id=", 11) == 0)
		return take_text(a, a->message_id, value);
	if (strncmp(word, "at=", 3) != 0 || value[strspn(value, "0123456789:")] != '\0' ||
	    sscanf(value, "%20" SCNu64 ":%18" SCNu64 "%n", inode, &at, &used) != 2)
		return false;
	a->at = at;
	return value[used] == '\0' && *inode != 0;
}

static bool
parse(struct msg_trace_ask *a, uint64_t *inode, const struct control_words *w)
{
	bool story;

	*a = (struct msg_trace_ask){ .at = 0 };
	*inode = 0;
	if (w->count < 4)
		return false;
	story = strcmp(w->word[2], "story") == 0;
	if (!story && strcmp(w->word[2], "find") != 0)
		return false;
	for (size_t i = 3; i < w->count; i++)
		if (!take_word(a, inode, w->word[i]))
			return false;
	a->first = *inode == 0;
	if (story)
		return a->ids > 0 && a->sender[0] == '\0' && a->recipient[0] == '\0' &&
		    a->message_id[0] == '\0';
	return a->ids == 0 && (a->sender[0] != '\0' || a->recipient[0] != '\0' || a->message_id[0] != '\0');
}

/* --- the file --- */

/* Why there is no file of events to be read, or NULL. */
static const char *
refusal_of(const struct master *m, const struct server *s)
{
	enum log_sink sink = config_service_log_sink(&m->snapshot->config->service, m->options.foreground);

	if (geteuid() == 0 && s->conf != NULL && s->conf->user != NULL)
		return "has a user of its own, who may not read the events of others: posternctl trace, on "
		    "the host, reads them";
	if (sink == LOG_TO_STDERR || sink == LOG_TO_JSON)
		return "has its events on the standard output of the service, where nothing finds them "
		    "again; [service] events = FILE keeps them";
	return NULL;
}

/* The file of that number, 0: the oldest one; it may be another by now. -1: *why says why not. */
static int
open_file(struct trace_request *r, const struct trace_files *files, uint64_t inode,
    const char **why)
{
	size_t i = 0;
	struct stat st;
	int fd;

	while (inode != 0 && i < files->count && files->one[i].inode != inode)
		i++;
	if (i == files->count) {
		*why = files->count == 0 ? "has its events in no file, and the journal of systemd is for "
		    "posternctl trace, on the host; [service] events = FILE keeps them for the manager, too" :
		    REPLACED;
		return -1;
	}
	r->inode = files->one[i].inode;
	r->behind = i + 1 < files->count ? files->one[i + 1].inode : 0;
	fd = open(files->one[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	*why = fd != -1 ? NULL : errno == ELOOP ? "has its events in a file that is a symbolic link, which "
	    "the manager does not follow: posternctl trace, on the host, does" : strerror(errno);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_ino != r->inode)) {
		close(fd);
		fd = -1;
		*why = REPLACED;
	}
	return fd;
}

static void
say(struct control_command *cmd, const struct server *s, const char *why)
{
	control_answer_say(cmd, EX_UNAVAILABLE, "!%s %s", s->name, why);
}

static void
send_request(struct control_command *cmd, struct master *m, struct child *c, const struct msg_trace_ask *a,
    uint64_t inode)
{
	const struct config_service *conf = &m->snapshot->config->service;
	struct trace_request *r = mem_new(struct trace_request);
	bool own = config_service_log_sink(conf, m->options.foreground) == LOG_TO_FILE;
	struct trace_files files;
	const char *why;
	int fd;

	trace_files_find(&files, own ? conf->events : TRACE_FILES_SYSLOG);
	fd = open_file(r, &files, inode, &why);
	trace_files_done(&files);
	if (fd == -1) {
		say(cmd, c->server, why);
		free(r);
		return;
	}
	control_question_init(&r->q, m, &ops);
	control_question_wait(&r->q, TRACE_REQUEST_WAIT_MS);
	cmd->question = &r->q;
	cmd->waiting = true;
	control_question_hand(&r->q, control_question_add(&r->q, c), a, sizeof(*a), fd);
	close(fd);
}

void
trace_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	struct msg_trace_ask a;
	uint64_t inode;
	const char *why;
	struct child *c;

	if (s == NULL || !parse(&a, &inode, w)) {
		control_answer_say(cmd, EX_USAGE, "!%s", s == NULL ? "say which virtual server" :
		    "the service does not understand this search");
		return;
	}
	why = refusal_of(m, s);
	if (why != NULL) {
		say(cmd, s, why);
		return;
	}
	c = queue_request_call(cmd, m, s);
	if (c != NULL)
		send_request(cmd, m, c, &a, inode);
}
