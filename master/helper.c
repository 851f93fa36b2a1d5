/*
 * helper - channels between workers and the resolver, which starts when first needed
 *
 * Runs in:  master
 * Owns:     nothing: a channel's ends belong to the two processes it joins
 * Promise:  a worker that asks without end gets one channel a second and disturbs nobody
 * Fails by: leaving the wish noted; it is served when a resolver runs
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "master/master.h"

#define HELPER_PACE_MS 1000U

static void
helper_join(struct child *worker, struct child *resolver)
{
	int pair[2];
	struct ctl_channel channel = { .helper = CTL_HELPER_RESOLVER };
	worker->wants_resolver = false;
	worker->resolver_ms = clock_mono_ms();
	if (worker->ctl == NULL || resolver->ctl == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		log_event(LOG_FAULT, NULL, "trouble", "server=%s role=resolver reason=%s", worker->server->name,
		    log_safe(strerror(errno)));
		worker->wants_resolver = true;
		return;
	}
	snprintf(channel.server, sizeof(channel.server), "%s", worker->server->name);
	child_send(resolver, CTL_CHANNEL, 0, &channel, sizeof(channel), pair[0]);
	child_send(worker, CTL_CHANNEL, worker->resolver_request, &channel, sizeof(channel), pair[1]);
	close(pair[0]);
	close(pair[1]);
}

void
helper_look(struct master *m)
{
	struct child *c;
	uint64_t now = clock_mono_ms(), wait = 0;
	bool wanted = false;
	TAILQ_FOREACH(c, &m->children, link)
		wanted |= c->wants_resolver;
	if (!wanted || m->stopping)
		return;
	if (m->resolver.child == NULL && !loop_timer_is_set(m->resolver.again))
		roster_start(&m->resolver);
	if (m->resolver.child == NULL)
		return; /* its back-off timer calls again */
	TAILQ_FOREACH(c, &m->children, link) {
		if (!c->wants_resolver)
			continue;
		uint64_t due = c->resolver_ms == 0 ? 0 : c->resolver_ms + HELPER_PACE_MS;
		if (due <= now)
			helper_join(c, m->resolver.child);
		if (c->wants_resolver)
			wait = HELPER_PACE_MS;
	}
	if (wait > 0)
		loop_timer_set(m->resolver_timer, wait);
}

void
helper_request(struct child *worker, uint32_t request)
{
	worker->wants_resolver = true;
	worker->resolver_request = request;
	helper_look(worker->m);
}

/* For stop and for a changed configuration: the workers ask again when they need one. */
void
helper_stop(struct master *m, uint64_t grace_ms)
{
	struct child *c = m->resolver.child;
	m->resolver.record = (struct reap_record){ 0 };
	loop_timer_stop(m->resolver.again);
	if (c == NULL)
		return;
	c->post = NULL;
	m->resolver.child = NULL;
	child_stop(c, grace_ms);
}
