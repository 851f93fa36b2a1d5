/*
 * watch_request - posternctl watch: copies of the events of all processes, or of those of one virtual server
 *
 * Runs in:  master
 * Owns:     the end of the socket pair into which events are written
 * Promise:  the supervisor hands the two ends out and copies nothing: a watcher that does not read costs the
 *           service nothing. A process that is born later gets the end, too
 * Fails by: an answer that says so; also when a reload takes the right
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define ROOM (128 << 10)	/* bytes of events that wait for the watcher; some hundred events */

#define AGAIN_MS 10000U
#define PER_USER 4	/* watchers of one who may not operate the service */
#define KEPT 4		/* places for those who may */

struct watch_request {
	struct control_question q;
	struct control_peer peer;	/* who watches */
	int in;				/* events go in here */
	struct loop_io *io;		/* tells when the watcher has gone */
	struct loop_timer *timer;	/* asks again whether it may go on: a session ends by time */
	char server[CONFIG_NAME_MAX + 1];	/* "" all */
};

/* A reload may have taken the right, and a session may be over. */
static bool
may_go_on(const struct watch_request *w, const struct control_command *cmd)
{
	const struct server *s = w->server[0] != '\0' ? server_list_find(w->q.m, w->server) : NULL;

	if (cmd->over)
		return false;
	if (w->server[0] == '\0')
		return control_rights_service(w->q.m, cmd->peer) >= CONTROL_LOOK;
	return s != NULL && control_rights_server(s, cmd->peer) >= CONTROL_LOOK;
}

static bool
update(struct control_question *q, struct control_command *cmd)
{
	struct watch_request *w = (struct watch_request *)q;

	if (!q->over && may_go_on(w, cmd))
		return false;	/* until the watcher goes */
	if (!q->over && cmd->over)
		control_answer_say(cmd, EX_NOPERM, "watch: the session is over");
	else if (!q->over)
		control_answer_say(cmd, EX_NOPERM, "watch: you may not look there any more");
	return true;
}

/* Nobody reads any more; or somebody writes, who is no watcher. */
static void
on_gone(void *arg, unsigned what)
{
	struct watch_request *w = arg;

	loop_io_free(w->io);
	w->io = NULL;
	control_question_end(&w->q);
	w->q.m->ops->changed(w->q.m);
}

static void
on_time(void *arg)
{
	struct watch_request *w = arg;

	loop_timer_set(w->timer, AGAIN_MS);
	w->q.m->ops->changed(w->q.m);	/* may free it */
}

static void
free_request(struct control_question *q)
{
	struct watch_request *w = (struct watch_request *)q;

	loop_io_free(w->io);
	loop_timer_free(w->timer);
	(void)shutdown(w->in, SHUT_RDWR);	/* other processes have it, too */
	close(w->in);
	control_rights_peer_done(&w->peer);
	free(w);
}

static const struct control_question_ops ops = { .update = update, .free = free_request };

/* A child that does not read what it was sent before is passed over: it must not collect descriptors. */
static void
tell_child(const struct watch_request *w, struct child *c)
{
	bool is_about = w->server[0] == '\0' ||
	    (c->server != NULL && strcmp(c->server->name, w->server) == 0);

	if (is_about && c->ctl != NULL && ctl_waiting(c->ctl) == 0)
		child_send(c, CTL_WATCH, 0, NULL, 0, w->in);
}

/* Those who operate the service can watch whatever others do. */
static bool
has_place(const struct master *m, const struct control_peer *peer)
{
	bool operates = control_rights_service(m, peer) >= CONTROL_OPERATE;
	const struct control_question *q;
	unsigned own = 0, all = 0;

	TAILQ_FOREACH(q, &m->questions, link)
		if (q->ops == &ops) {
			all++;
			own += control_rights_peer_same(&((const struct watch_request *)q)->peer, peer);
		}
	return operates ? all < LOG_WATCH_MAX : own < PER_USER && all < LOG_WATCH_MAX - KEPT;
}

void
watch_request_greet(struct child *c)
{
	struct control_question *q;

	TAILQ_FOREACH(q, &c->m->questions, link)
		if (q->ops == &ops)
			tell_child((struct watch_request *)q, c);
}

static int
watch_here(const struct watch_request *w)
{
	int copy = fcntl(w->in, F_DUPFD_CLOEXEC, 3);

	if (copy == -1)
		return -1;
	errno = EBUSY;
	return log_watch_add(copy, w->server);
}

void
watch_request_run(struct control_command *cmd, struct master *m, struct server *only)
{
	struct watch_request *w;
	const int room = ROOM, yes = 1;
	struct child *c;
	int pair[2];

	if (!has_place(m, cmd->peer)) {
		control_answer_say(cmd, EX_TEMPFAIL, "watch: there are too many who watch");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		control_answer_say(cmd, EX_OSERR, "watch: %s", strerror(errno));
		return;
	}
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	(void)setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
	w = mem_new(struct watch_request);
	w->in = pair[0];
	control_rights_peer_copy(&w->peer, cmd->peer);
	w->timer = loop_timer_new(m->loop, on_time, w);
	loop_timer_set(w->timer, AGAIN_MS);
	w->io = loop_io_new(m->loop, w->in, LOOP_READ, on_gone, w);
	snprintf(w->server, sizeof(w->server), "%s", only != NULL ? only->name : "");
	control_question_init(&w->q, m, &ops);
	cmd->question = &w->q;
	cmd->fd = pair[1];
	if (watch_here(w) == -1) {
		control_answer_say(cmd, EX_TEMPFAIL, "watch: %s", errno == EBUSY ?
		    "there are too many who watch" : strerror(errno));
		return;
	}
	cmd->waiting = true;
	TAILQ_FOREACH(c, &m->children, link)
		tell_child(w, c);
}
