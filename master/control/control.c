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
#include "common/ipc/control_words.h"
#include "master/control/control.h"
#include "master/servers/servers.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_RESERVE 16	/* more than that, for those who operate the service */
#define CONTROL_PER_UID 16	/* of one user who may not operate the service */
#define CONTROL_IDLE_MS 60000U
#define CONTROL_QUICK_MS 1000U	/* a stop that takes no longer says nothing of its progress */
#define CONTROL_PROGRESS_MS 250U	/* from a change to the message that tells it */
#define CONTROL_PAUSE_MS 1000U	/* when descriptors run out: time to the next accept */

struct control_connection {
	TAILQ_ENTRY(control_connection) link;
	struct control *control;
	struct ctl *ctl;
	struct loop_timer *idle;
	struct control_peer peer;
	struct control_command command;
	uint32_t request;
	bool busy;		/* its command waits for the answer */
	bool told;		/* what the command waits for */
};

struct control {
	struct master *m;
	int fd;
	char *path;
	struct loop_io *io;
	struct loop_timer *pause, *progress;
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
	control_answer_done(&c->command);
	free(c->peer.gid);
	free(c);
}

/* The text in pieces of one message, then the status. False when the client does not read. */
static bool
send_answer(struct control_connection *c, const char *text, size_t len, int32_t status)
{
	while (len > 0) {
		size_t n = len < CTL_PAYLOAD_MAX ? len : CTL_PAYLOAD_MAX;

		if (ctl_send(c->ctl, CTL_TEXT, c->request, text, n, -1) == -1)
			return false;
		text += n;
		len -= n;
	}
	return ctl_send(c->ctl, CTL_END, c->request, &status, sizeof(status), -1) == 0;
}

static void
answer_client(struct control_connection *c)
{
	bool sent = send_answer(c, buf_text(&c->command.text), c->command.text.len, c->command.status);

	control_answer_done(&c->command);
	c->busy = false;
	if (sent)
		loop_timer_set(c->idle, CONTROL_IDLE_MS);
	else
		free_client(c);
}

static void
on_client_message(void *arg, const struct ctl_message *m)
{
	struct control_connection *c = arg;
	struct master *master = c->control->m;
	struct control_words w;

	if (c->busy || !control_words_parse(&w, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "operator", "uid=%u result=refused reason=%s",
		    (unsigned)c->peer.uid,
		    log_safe(c->busy ? "a command before the last was answered" : "not a command"));
		free_client(c);
		return;
	}
	c->busy = true;
	c->told = false;
	c->request = m->request;
	loop_timer_stop(c->idle);
	control_answer_init(&c->command, &c->peer);
	control_commands_run(&c->command, master, &w);
	if (!c->command.waiting && !c->command.ends_service)
		answer_client(c);
	master->ops->changed(master); /* may answer and free this client */
}

static void
on_client_gone(void *arg, bool bad)
{
	struct control_connection *c = arg;

	if (bad)
		log_event(LOG_WARN, NULL, "operator", "uid=%u result=refused reason=%s",
		    (unsigned)c->peer.uid, log_safe("a message that fits no row"));
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
		if (!c->busy && (uid != NULL ? c->peer.uid == *uid :
		    control_rights_service(control->m, &c->peer) < CONTROL_OPERATE)) {
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
		own += c->peer.uid == peer->uid;
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
		free(peer.gid);
		close(fd);
		return;
	}
	c = mem_new(struct control_connection);
	*c = (struct control_connection){ .control = control, .peer = peer };
	control_answer_init(&c->command, &c->peer);
	c->ctl = ctl_new(control->m->loop, fd, CTL_FROM_OPERATOR, on_client_message, on_client_gone, c);
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

/* --- what a stop waits for --- */

static bool
waits_for_stop(const struct control_connection *c)
{
	return c->busy && (c->command.ends_service ||
	    (c->command.waiting && c->command.goal == STATE_STOPPED));
}

static void
on_progress(void *arg)
{
	struct control *control = arg;
	struct control_connection *c;
	struct ctl_progress p;

	/* A client that does not read misses it; the end of its answer finds that out. */
	TAILQ_FOREACH(c, &control->clients, link)
		if (waits_for_stop(c) && stop_progress_get(&c->command, control->m, &p))
			c->told = ctl_send(c->ctl, CTL_PROGRESS, c->request, &p, sizeof(p), -1) == 0;
}

void
control_progress(struct control *control)
{
	struct control_connection *c;

	if (loop_timer_is_set(control->progress))
		return;
	TAILQ_FOREACH(c, &control->clients, link)
		if (waits_for_stop(c)) {
			loop_timer_set(control->progress, c->told ? CONTROL_PROGRESS_MS : CONTROL_QUICK_MS);
			return;
		}
}

/* --- begin and end --- */

struct control *
control_open(struct master *m)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct control *control = mem_new(struct control);

	control->m = m;
	control->path = control_words_socket(m->snapshot->config->service.run);
	TAILQ_INIT(&control->clients);
	if (strlen(control->path) >= sizeof(sun.sun_path))
		die(EX_CONFIG, "%s: too long for a socket (%zu bytes at the most); choose another run folder",
		    control->path, sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, control->path);
	unlink(control->path); /* we have the lock of the pid file: no other master uses it */
	control->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd == -1 || bind(control->fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(control->path, 0666) == -1 || listen(control->fd, CONTROL_CLIENTS_MAX) == -1)
		die(EX_OSERR, "%s: %s", control->path, strerror(errno));
	control->io = loop_io_new(m->loop, control->fd, LOOP_READ, on_listening, control);
	control->pause = loop_timer_new(m->loop, on_pause_over, control);
	control->progress = loop_timer_new(m->loop, on_progress, control);
	return control;
}

void
control_update(struct control *control)
{
	struct control_connection *c, *next;

	change_request_update(control->m);
	TAILQ_FOREACH_SAFE(c, &control->clients, link, next)
		if (c->busy && c->command.waiting && control_commands_update(&c->command, control->m))
			answer_client(c);
	control_progress(control);
}

/* The last step of the service: commands that wait for its end are answered now. */
void
control_close(struct control *control, const char *last_words)
{
	struct control_connection *c, *next;

	TAILQ_FOREACH_SAFE(c, &control->clients, link, next) {
		if (c->busy)
			(void)send_answer(c, last_words, strlen(last_words),
			    c->command.ends_service ? EX_OK : EX_UNAVAILABLE);
		free_client(c);
	}
	change_request_close(control->m);
	loop_io_free(control->io);
	loop_timer_free(control->pause);
	loop_timer_free(control->progress);
	close(control->fd);
	free(control->path);
	free(control);
}
