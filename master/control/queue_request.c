/*
 * queue_request - a command about a queue or badmail: asks the deliver worker that owns them for one page
 *
 * Runs in:  master
 * Owns:     the question and the page that comes back
 * Promise:  the operator has rights on the virtual server, for a move on both. A command that changes
 *           something is an event (queue_outcome). The text of a worker is checked before it goes to a
 *           terminal. Ends after QUEUE_REQUEST_WAIT_MS at the latest, what goes over a network after
 *           EVACUATE_WAIT_MS
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/command/msg_queue.h"
#include "common/command/queue_words.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define QUEUE_REQUEST_WAIT_MS 60000
#define EVACUATE_WAIT_MS 900000	/* a large message over a slow line has its time */
#define EVENTS_AT_ONCE 600U	/* of one user, of commands that change something */
#define EVENTS_MS 100U		/* then one each */

/* The processes: the one that owns the queue is asked; to move, the one that owns the other is only held. */
enum queue_part { OWNER, TARGET };

struct queue_request {
	struct control_question q;	/* its parts: enum queue_part */
	char server[CONFIG_NAME_MAX + 1];	/* whose queue it is */
	pid_t pid;
	uint32_t channel;		/* number of the channel to the target */
	struct msg_queue_ask ask;
	char *said;			/* begin of the event; NULL: none, or logged */
	char who[CONTROL_ANSWER_WHO_SIZE];	/* ... and who gave the command */
	const char *fault;		/* why no page came, or NULL */
	struct msg_queue_page page;
	size_t text_len;
};

static struct queue_request *
request_of(struct control_question *q)
{
	return (struct queue_request *)q;	/* its first member */
}

/* --- asking --- */

static void
say_reason(struct control_command *cmd, int status, const char *text, const char *name)
{
	buf_printf(&cmd->text, "!%s%s%s\n", name != NULL ? name : "", name != NULL ? " " : "", text);
	cmd->status = status;
}

/* The command names no virtual server: the answer lists those that it may be about. */
static void
list_servers(struct control_command *cmd, struct master *m)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (control_answer_covers(cmd, s, NULL))
			buf_printf(&cmd->text, "@%s\n", s->name);
}

static struct child *
queue_owner(struct master *m, const struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->server == s && (c->role == ROLE_DELIVER || c->role == ROLE_MAINTENANCE) &&
		    c->phase == CHILD_READY && c->ctl != NULL)
			return c;
	return NULL;
}

/* Of a stopped virtual server it is the maintenance process, which is started when there is none. */
static struct child *
call(struct control_command *cmd, struct master *m, struct server *s, bool evacuates)
{
	static const struct queue_words_trailer not_yet = { .at = "0:", .state = MSG_QUEUE_NOT_YET };
	struct child *c = NULL;
	const char *why = "has no delivery process just now; ask again";

	if (s->state != STATE_STOPPED)
		c = queue_owner(m, s);
	else if (s->conf == NULL)
		why = "is stopped, and its file has errors: nobody knows where its queue is";
	else if (m->stopping || s->removed)
		why = m->stopping ? "belongs to a service that is stopping" : "has been removed";
	else
		c = maintenance_post_call(s, control_rights_server(s, cmd->peer) >= CONTROL_OPERATE,
		    evacuates, &why);
	if (c == NULL && why != NULL)
		say_reason(cmd, EX_UNAVAILABLE, why, s->name);
	else if (c == NULL)
		queue_words_trailer_format(&cmd->text, &not_yet);
	return c;
}

struct child *
queue_request_call(struct control_command *cmd, struct master *m, struct server *s)
{
	return call(cmd, m, s, false);
}

/* The process that takes what is moved to `name`, as queue_request_call does. */
static struct child *
call_target(struct control_command *cmd, struct master *m, const struct server *s, const char *name)
{
	struct server *to = server_list_find(m, name);

	if (to == NULL || to == s || to->conf == NULL)
		say_reason(cmd, CONTROL_NO_MATCH, to == s ? "is the virtual server that has them" :
		    to == NULL ? "is no virtual server" : "has no usable configuration", name);
	else if (!control_answer_covers(cmd, to, NULL))
		say_reason(cmd, EX_NOPERM, "is not yours to control", name);
	else
		return queue_request_call(cmd, m, to);
	return NULL;
}

/* Text of the event: the command and its selection as the operator gave it. Owned by the caller. */
static char *
describe_request(const struct server *s, const struct control_words *w)
{
	struct buf said = BUF_INIT(1024);
	char *text;

	for (size_t i = 3; i < w->count; i++)
		if (strncmp(w->word[i], "at=", 3) != 0)
			buf_printf(&said, "%s%s", said.len > 0 ? " " : "", w->word[i]);
	text = mem_printf("server=%s command=%s action=%s selection=%s", s->name, w->word[0], w->word[2],
	    log_safe(buf_text(&said)));
	buf_done(&said);
	return text;
}

/* When a page is over; not when the worker says that it is to be asked again. */
static void
log_request(struct queue_request *r)
{
	static struct queue_outcomes outcomes;
	struct buf result = BUF_INIT(4 * LOG_SAFE_SIZE);

	if (r->said != NULL && r->fault != NULL)
		log_event(LOG_FACT, NULL, "operator", "%s %s result=failed reason=%s", r->said, r->who,
		    log_safe(r->fault));
	else if (r->said != NULL && r->q.over && r->page.state == MSG_QUEUE_OK &&
	    queue_outcome_add(&outcomes, r->said, &r->ask, &r->page, r->text_len, &result))
		log_event(LOG_FACT, NULL, "operator", "%s %s %s", r->said, r->who, buf_text(&result));
	buf_done(&result);
	free(r->said);
	r->said = NULL;
}

/* --- the page --- */

static void
end_request(struct queue_request *r, const char *fault)
{
	r->fault = fault;
	control_question_end(&r->q);
	log_request(r);
}

/* The target takes nothing more of this page. Of one that is late it does: what was begun goes on. */
static void
end_channel(const struct queue_request *r)
{
	struct child *to = r->q.parts > TARGET ? r->q.part[TARGET].child : NULL;
	struct ctl_channel over = { .helper = CTL_HELPER_DELIVER };

	if (to == NULL)
		return;
	memcpy(over.server, r->server, sizeof(r->server));
	child_send(to, CTL_MOVES, r->channel, &over, sizeof(over), -1);
	if (maintenance_post_has(to))
		maintenance_post_answered(to->server, false);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct queue_request *r = request_of(q);
	struct child *c = q->part[part].child;
	const char *fault = NULL;

	if (part != OWNER)
		return;		/* the target was not asked */
	if (!msg_queue_page_take(&r->page, m->data, m->len, &r->text_len))
		fault = "the delivery process gave no proper answer";
	end_channel(r);
	end_request(r, fault);
	if (maintenance_post_has(c))
		maintenance_post_answered(c->server, fault == NULL && r->page.state == MSG_QUEUE_OK);
}

/* When the target has gone, the owner tells what became of the messages. */
static void
on_gone(struct control_question *q, size_t part)
{
	if (part == OWNER)
		end_request(request_of(q), "the delivery process ended before it answered; ask again");
}

static void
on_late(struct control_question *q)
{
	end_request(request_of(q), "the delivery process did not answer in time; what was begun goes on");
}

/* With the last page: mail of a stopped virtual server was made due or bounced, but does not leave. */
static void
remind_of_stop(struct control_command *cmd, const struct queue_request *r)
{
	static const bool sends[MSG_QUEUE_VERBS] = { [MSG_QUEUE_RETRY] = true, [MSG_QUEUE_RELEASE] = true,
	    [MSG_QUEUE_BOUNCE] = true, [MSG_QUEUE_MOVE] = true,
		[MSG_QUEUE_BADMAIL_RETRY] = true };
	const char *name = r->ask.verb == MSG_QUEUE_MOVE ? r->ask.to : r->server;
	const struct server *s = server_list_find(r->q.m, name);

	if (sends[r->ask.verb] && r->page.done > 0 && r->page.next[0] == '\0' && s != NULL &&
	    s->state == STATE_STOPPED)
		say_reason(cmd, cmd->status, "is stopped: nothing leaves its queue until it is started",
		    name);
}

static void
put_trailer(struct control_command *cmd, pid_t pid, const struct msg_queue_page *p)
{
	struct queue_words_trailer t = { .sums = { p->matched, p->done, p->busy, p->failed, p->recipients },
	    .state = p->state };

	snprintf(t.at, sizeof(t.at), "%d:%s", (int)pid, p->next);
	queue_words_trailer_format(&cmd->text, &t);
}

/* The answer: the rows of the page, then the trailer. */
static bool
update_request(struct control_question *q, struct control_command *cmd)
{
	const struct queue_request *r = request_of(q);

	if (!q->over)
		return false;
	if (r->fault != NULL) {
		say_reason(cmd, EX_TEMPFAIL, r->fault, NULL);
		return true;
	}
	buf_add(&cmd->text, r->page.text, r->text_len);
	remind_of_stop(cmd, r);
	put_trailer(cmd, r->pid, &r->page);
	return true;
}

static void
free_request(struct control_question *q)
{
	struct queue_request *r = request_of(q);

	if (!r->q.over)
		r->fault = "the operator left before the answer; what was begun goes on";
	log_request(r);
	free(r);
}

static const struct control_question_ops queue_ops = {
	.ask = CTL_QUEUE, .answer = CTL_QUEUE_PAGE, .text = CTL_QUEUE_PAGE,
	.page = on_page, .gone = on_gone, .late = on_late, .update = update_request, .free = free_request,
};

/* --- the command --- */

/*
 * Joins the two for one page. No worker can ask for such a channel, and a message goes over no other way, so
 * that each opens the folders of its own virtual server alone. The end for the owner; -1: there is none.
 */
static int
join(const struct child *owner, struct child *target, uint32_t number)
{
	struct ctl_channel channel = { .helper = CTL_HELPER_DELIVER };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		log_event(LOG_FAULT, NULL, "trouble", "server=%s doing=move reason=%s", owner->server->name,
		    log_safe(strerror(errno)));
		return -1;
	}
	snprintf(channel.server, sizeof(channel.server), "%s", owner->server->name);
	snprintf(channel.role, sizeof(channel.role), "%s", roster_roles[owner->role].name);
	child_send(target, CTL_MOVES, number, &channel, sizeof(channel), pair[0]);
	close(pair[0]);
	return pair[1];
}

/* `target` NULL: nothing is moved. */
static void
send_request(struct control_command *cmd, struct master *m, struct child *c, struct child *target,
    const struct msg_queue_ask *ask, char *said)
{
	struct queue_request *r = mem_new(struct queue_request);
	int fd = -1;

	r->channel = ++m->requests;
	if (target != NULL)
		fd = join(c, target, r->channel);
	control_question_init(&r->q, m, &queue_ops);
	r->said = said;
	control_answer_who(r->who, cmd);
	snprintf(r->server, sizeof(r->server), "%s", c->server->name);
	r->pid = c->pid;
	r->ask = *ask;
	snprintf(r->ask.author, sizeof(r->ask.author), "%s", cmd->peer->author);
	control_question_wait(&r->q, ask->verb == MSG_QUEUE_EVACUATE ? EVACUATE_WAIT_MS :
	    QUEUE_REQUEST_WAIT_MS);
	cmd->question = &r->q;
	cmd->waiting = true;
	control_question_add(&r->q, c);
	if (target != NULL)
		control_question_add(&r->q, target);
	control_question_hand(&r->q, OWNER, &r->ask, sizeof(r->ask), fd);
	if (fd != -1)
		close(fd);
}

/* Its first page is an event: who operates no more than a virtual server cannot fill the log with them. */
static bool
comes_too_fast(struct control_command *cmd, const struct master *m)
{
	static struct author_rate rate = { .burst = EVENTS_AT_ONCE, .each_ms = EVENTS_MS };

	if (control_rights_service(m, cmd->peer) >= CONTROL_OPERATE ||
	    author_rate_take(&rate, cmd->peer->author, clock_mono_ms()))
		return false;
	say_reason(cmd, CONTROL_REFUSED, CONTROL_TOO_FAST, NULL);
	return true;
}

void
queue_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	struct msg_queue_ask ask;
	struct child *c, *target = NULL;
	bool begins;
	pid_t pid;

	if (s == NULL) {
		list_servers(cmd, m);
		return;
	}
	if (!queue_words_parse(&ask, &pid, w)) {
		say_reason(cmd, EX_USAGE, "the service does not understand this selection", NULL);
		return;
	}
	begins = pid == 0 && msg_queue_rows[ask.verb].acts;
	if (begins && comes_too_fast(cmd, m))
		return;
	if (ask.verb == MSG_QUEUE_MOVE && (target = call_target(cmd, m, s, ask.to)) == NULL)
		return;
	c = call(cmd, m, s, ask.verb == MSG_QUEUE_EVACUATE);
	if (c == NULL)
		return;
	if (pid != 0 && pid != c->pid)
		say_reason(cmd, EX_TEMPFAIL, "has a new delivery process; ask again", s->name);
	else
		send_request(cmd, m, c, target, &ask, msg_queue_rows[ask.verb].acts ? describe_request(s, w) :
		    NULL);
}
