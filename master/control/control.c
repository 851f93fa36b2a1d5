/*
 * control - control.sock: takes commands from operators and sends the answers
 *
 * Runs in:  master
 * Owns:     the socket and its clients
 * Promise:  nothing that a client sends ends the master; a bad message closes the channel of its client only.
 *           A user has CONTROL_PER_UID connections at the most, and one unanswered command on each
 * Fails by: die() while opening; afterwards by closing one client
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_RESERVE 16	/* more than that, for those who operate the service */
#define CONTROL_PER_UID 16	/* of one user who may not operate the service */
#define CONTROL_IDLE_MS 60000U
#define CONTROL_QUICK_MS 1000U	/* a stop that takes no longer says nothing of its progress */
#define CONTROL_PROGRESS_MS 250U	/* from a change to the message that tells it */
#define CONTROL_HELD_MS 20U	/* to the next try when a caller could not take its answer */
#define CONTROL_PAUSE_MS 1000U	/* when descriptors run out: time to the next accept */

struct control_connection {
	struct control_caller caller;	/* first */
	TAILQ_ENTRY(control_connection) link;
	struct control *control;
	struct ctl *ctl;
	struct loop_timer *idle;
	uint32_t request;
};

struct control {
	struct master *m;
	int fd;
	char *path;
	struct loop_io *io;
	struct loop_timer *pause, *progress, *held;
	TAILQ_HEAD(, control_connection) clients;
	unsigned count;
};

static void
free_client(struct control_connection *c)
{
	struct control *control = c->control;

	TAILQ_REMOVE(&control->clients, c, link);
	control->count--;
	ctl_free(c->ctl);
	loop_timer_free(c->idle);
	control_caller_done(&c->caller);
	free(c);
}

static struct control_connection *
connection_of(struct control_caller *caller)
{
	return (struct control_connection *)caller;	/* its first member */
}

static bool
send_to_client(struct control_caller *caller, enum ctl_type type, const void *data, size_t len)
{
	struct control_connection *c = connection_of(caller);

	return ctl_send(c->ctl, type, c->request, data, len, -1) == 0;
}

static void
on_answered(struct control_caller *caller, bool sent)
{
	struct control_connection *c = connection_of(caller);

	if (sent)
		loop_timer_set(c->idle, CONTROL_IDLE_MS);
	else
		free_client(c);
}

static bool
hand_to_client(struct control_caller *caller, int fd)
{
	struct control_connection *c = connection_of(caller);

	return ctl_send(c->ctl, CTL_WATCH, c->request, NULL, 0, fd) == 0;
}

static void
end_client(struct control_caller *caller)
{
	free_client(connection_of(caller));
}

static const struct control_caller_ops client_ops = { .send = send_to_client, .hand = hand_to_client,
    .answered = on_answered, .end = end_client };

static void
tell_refusal(const struct control_connection *c, const char *why)
{
	char left_out[REFUSAL_EVENT_SIZE];

	if (refusal_event_may_tell(c->caller.peer.author, left_out))
		log_event(LOG_WARN, NULL, "operator", "uid=%u result=refused%s reason=%s",
		    (unsigned)c->caller.peer.uid, left_out, log_safe(why));
}

static void
on_client_message(void *arg, const struct ctl_message *m)
{
	struct control_connection *c = arg;
	struct master *master = c->control->m;
	struct control_words w;

	if (c->caller.busy || !control_words_parse(&w, m->data, m->len)) {
		tell_refusal(c, c->caller.busy ? "a command before the last was answered" : "not a command");
		free_client(c);
		return;
	}
	c->request = m->request;
	c->caller.input = ctl_take_fd(m);
	loop_timer_stop(c->idle);
	control_caller_run(&c->caller, &w);
	master->ops->changed(master); /* may answer and free this client */
}

static void
on_client_gone(void *arg, bool bad)
{
	struct control_connection *c = arg;

	if (bad)
		tell_refusal(c, "a message that fits no row");
	free_client(c);
}

static void
on_client_idle(void *arg)
{
	free_client(arg);
}

/* The oldest client without a command; `uid`: of that user, else one who may not operate the service. */
static bool
close_oldest(struct control *control, const uid_t *uid)
{
	struct control_connection *c;

	TAILQ_FOREACH(c, &control->clients, link)
		if (!c->caller.busy && (uid != NULL ? c->caller.peer.uid == *uid :
		    control_rights_service(control->m, &c->caller.peer) < CONTROL_OPERATE)) {
			free_client(c);
			return true;
		}
	return false;
}

/*
 * So a user cannot lock the operators out by keeping connections open, nor an operator of one virtual server
 * those of the service by commands that take their time. False: there is no room.
 */
static bool
make_room(struct control *control, const struct control_peer *peer)
{
	const struct control_connection *c;
	unsigned own = 0;
	bool operates = control_rights_service(control->m, peer) >= CONTROL_OPERATE;

	TAILQ_FOREACH(c, &control->clients, link)
		own += c->caller.peer.uid == peer->uid;
	if (own >= CONTROL_PER_UID && !operates)
		return close_oldest(control, &peer->uid);
	return control->count < CONTROL_CLIENTS_MAX || close_oldest(control, NULL) ||
	    (control->count < CONTROL_CLIENTS_MAX + CONTROL_RESERVE && operates);
}

static void
accept_client(struct control *control, int fd)
{
	struct control_peer peer;
	struct control_connection *c;

	if (control_rights_peer_get(&peer, fd) == -1) {
		close(fd);
		return;
	}
	if (!make_room(control, &peer)) {
		control_rights_peer_done(&peer);
		close(fd);
		return;
	}
	c = mem_new(struct control_connection);
	*c = (struct control_connection){ .control = control };
	control_caller_init(&c->caller, control->m, &client_ops, &peer);
	c->ctl = ctl_new(control->m->loop, fd, CTL_FROM_OPERATOR, on_client_message, on_client_gone, c);
	ctl_any_version(c->ctl);	/* no command: it is refused as others are, and no event of its own */
	c->idle = loop_timer_new(control->m->loop, on_client_idle, c);
	loop_timer_set(c->idle, CONTROL_IDLE_MS);
	TAILQ_INSERT_TAIL(&control->clients, c, link);
	control->count++;
}

static void
on_listening(void *arg, unsigned what)
{
	struct control *control = arg;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd != -1) {
		accept_client(control, fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		loop_io_want(control->io, 0);
		loop_timer_set(control->pause, CONTROL_PAUSE_MS);
	}
}

static void
on_pause_over(void *arg)
{
	struct control *control = arg;

	loop_io_want(control->io, LOOP_READ);
}

/* --- what a command waits for --- */

static void
on_progress(void *arg)
{
	control_caller_tell_progress(((struct control *)arg)->m);
}

void
control_progress(struct control *control)
{
	struct control_caller *c;

	if (loop_timer_is_set(control->progress))
		return;
	TAILQ_FOREACH(c, &control->m->callers, link)
		if (control_caller_may_wait_long(c)) {
			loop_timer_set(control->progress, c->told ? CONTROL_PROGRESS_MS : CONTROL_QUICK_MS);
			return;
		}
}

static void
on_held(void *arg)
{
	control_update(arg);
}

/* --- begin and end --- */

static void
open_socket(struct control *control)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(control->path) >= sizeof(sun.sun_path))
		die(EX_CONFIG, "%s: too long for a socket (%zu bytes at the most); choose another run folder",
		    control->path, sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, control->path);
	unlink(control->path); /* we have the lock of the pid file: no other master uses it */
	control->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd == -1 || bind(control->fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(control->path, 0666) == -1 || listen(control->fd, CONTROL_CLIENTS_MAX) == -1)
		die(EX_OSERR, "%s: %s", control->path, strerror(errno));
}

struct control *
control_open(struct master *m, int fd)
{
	struct control *control = mem_new(struct control);

	control->m = m;
	control->path = control_words_socket(m->snapshot->config->service.run);
	control->fd = fd;
	TAILQ_INIT(&control->clients);
	if (fd == -1)
		open_socket(control);
	control->io = loop_io_new(m->loop, control->fd, LOOP_READ, on_listening, control);
	control->pause = loop_timer_new(m->loop, on_pause_over, control);
	control->progress = loop_timer_new(m->loop, on_progress, control);
	control->held = loop_timer_new(m->loop, on_held, control);
	return control;
}

void
control_update(struct control *control)
{
	if (control->m->web.sockets.count == 0)	/* the manager was taken out of the configuration */
		web_sessions_end_all(control->m->web_sessions);
	if (control->m->snapshot->config->service.manager.accounts == NULL)
		web_sessions_end_way(control->m->web_sessions, WEB_WAY_PASSWORD);
	if (control->m->snapshot->config->service.manager.keytab == NULL)
		web_sessions_end_way(control->m->web_sessions, WEB_WAY_KERBEROS);
	change_request_update(control->m);
	if (control_caller_update(control->m))
		loop_timer_set(control->held, CONTROL_HELD_MS);
	control_progress(control);
}

int
control_descriptor(const struct control *control)
{
	return control->fd;
}

void
control_each(const struct control *control, control_each_cb *cb, void *arg)
{
	const struct control_connection *c;

	TAILQ_FOREACH(c, &control->clients, link)
		if (c->caller.command.upgrades || !c->caller.busy)
			cb(arg, ctl_descriptor(c->ctl), c->caller.command.upgrades, c->request);
}

void
control_adopt(struct control *control, int fd)
{
	accept_client(control, fd);
}

/* The last step of the service: commands that wait for its end are answered now. */
void
control_close(struct control *control, const char *last_words)
{
	control_caller_end_all(control->m, last_words);
	change_request_close(control->m);
	loop_io_free(control->io);
	loop_timer_free(control->pause);
	loop_timer_free(control->progress);
	loop_timer_free(control->held);
	close(control->fd);
	free(control->path);
	free(control);
}
