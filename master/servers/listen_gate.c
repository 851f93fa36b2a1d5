/*
 * listen_gate - refuses connections while no listener is there to take them
 *
 * Runs in:  master
 * Owns:     server.shut, server.reopen
 * Promise:  a client that connects is taken soon or refused at once, so that it can try another host: it does
 *           not hang in the kernel's queue while a listener that crashes again and again waits for its next
 *           start. The port is kept
 * Fails by: trying again, with an event
 */
#include "common/base/buf.h"
#include "common/base/log.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define AGAIN_MS 1000U

static void
on_reopen(void *arg)
{
	listen_gate_update(arg);
}

void
listen_gate_open(struct server *s)
{
	s->reopen = loop_timer_new(s->m->loop, on_reopen, s);
}

void
listen_gate_close(struct server *s)
{
	loop_timer_free(s->reopen);
}

void
listen_gate_forget(struct server *s)
{
	s->shut = false;
	loop_timer_stop(s->reopen);
}

/* It takes connections, or will soon: one that is new counts as long as the sockets are open. */
static bool
child_serves(const struct child *c, const struct server *s)
{
	return c->role == ROLE_LISTENER &&
	    (c->phase == CHILD_READY || (c->phase == CHILD_BORN && !s->shut));
}

static bool
is_served(const struct server *s)
{
	const struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server)
		if (child_serves(c, s))
			return true;
	return false;
}

/* The next listener has to wait. One that follows at once finds the clients in the kernel's queue. */
static bool
next_has_to_wait(const struct server *s)
{
	for (size_t i = 0; i < s->posts; i++)
		if (s->post[i].role == ROLE_LISTENER && s->post[i].child == NULL &&
		    loop_timer_is_set(s->post[i].again) && s->post[i].waits)
			return true;
	return false;
}

static void
open_again(struct server *s)
{
	struct buf why = BUF_INIT(1024);
	struct child *c;

	if (listen_continue(s->m, &s->sockets, &why) == -1) {
		log_event(LOG_FAULT, NULL, "trouble", "server=%s doing=listen reason=%s", s->name,
		    log_safe(buf_text(&why)));
		loop_timer_set(s->reopen, AGAIN_MS);
	} else {
		listen_gate_forget(s);
		TAILQ_FOREACH(c, &s->children, of_server)
			if (child_serves(c, s))
				child_require(c, CTL_CONTINUE);
	}
	buf_done(&why);
}

void
listen_gate_update(struct server *s)
{
	if (s->state != STATE_STARTING && s->state != STATE_STARTED)
		return;
	if (s->shut && is_served(s)) {
		open_again(s);
	} else if (!s->shut && !is_served(s) && next_has_to_wait(s)) {
		listen_pause(s->m, &s->sockets);
		listen_pause(s->m, &s->leaving);
		s->shut = true;
	}
}
