/*
 * ctl_server - the helper's side of consult: the channel of one worker, and how it ends
 *
 * Runs in:  resolver, auth, directory, fetch
 * Owns:     the channel
 * Promise:  a worker that misbehaves loses its channel, at the next turn of the loop: nobody is freed while
 *           he asks or is answered. Questions may be secret and do not stay in the receive buffer
 * Fails by: kind.gone
 */
#include "common/ipc/ctl_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"

struct ctl_server {
	const struct ctl_server_kind *kind;
	void *arg;
	struct ctl *ctl;
	char server[64];
	bool broken;			/* ends at the next turn */
	struct loop_timer *end;
};

static void
end_soon(struct ctl_server *s, const char *why)
{
	if (s->broken)
		return;
	s->broken = true;
	if (why != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=%s client=%s reason=%s", s->kind->part,
		    log_safe(s->server), log_safe(why));
	loop_timer_set(s->end, 0);
}

void
ctl_server_answer(struct ctl_server *s, enum ctl_type type, uint32_t request, const void *data, size_t len,
    int fd)
{
	if (!s->broken && ctl_send(s->ctl, type, request, data, len, fd) == -1)
		end_soon(s, "does not read its answers");
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct ctl_server *s = arg;

	if (!s->broken && !s->kind->asked(s->arg, m))
		end_soon(s, "sent a malformed question");
	if (m->len > 0)
		explicit_bzero((void *)(uintptr_t)m->data, m->len);
}

static void
on_close(void *arg, bool bad)
{
	end_soon(arg, bad ? "misbehaved" : NULL);
}

static void
on_end(void *arg)
{
	struct ctl_server *s = arg;

	s->kind->gone(s->arg);
}

const char *
ctl_server_server(const struct ctl_server *s)
{
	return s->server;
}

struct ctl_server *
ctl_server_new(struct loop *l, const struct ctl_server_kind *kind, int fd, const char *server, void *arg)
{
	struct ctl_server *s = mem_new(struct ctl_server);

	s->kind = kind;
	s->arg = arg;
	snprintf(s->server, sizeof(s->server), "%s", server);
	s->end = loop_timer_new(l, on_end, s);
	s->ctl = ctl_new(l, fd, CTL_FROM_CLIENT, on_message, on_close, s);
	return s;
}

void
ctl_server_free(struct ctl_server *s)
{
	ctl_free(s->ctl);
	loop_timer_free(s->end);
	free(s);
}
