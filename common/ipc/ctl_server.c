/*
 * ctl_server - the answering side of the channels to a helper: the channels of all workers, and their open
 * questions
 *
 * Runs in:  auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     the channels; the list of open questions, not the questions
 * Promise:  a worker gets answers to what its role may ask (channel_rights). One that misbehaves loses its
 *           channel at the next turn of the loop, so a channel is never freed while its worker asks or is
 *           answered. It has one: no worker takes the places of others. Questions may be secret and are wiped
 *           from the receive buffer
 * Fails by: kind.left for each open question
 */
#include "common/ipc/ctl_server.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/channel_rights.h"

enum { BUCKETS = 256 };

struct ctl_server {
	TAILQ_ENTRY(ctl_server) link;
	struct ctl_server_list *list;
	const struct ctl_server_kind *kind;
	struct ctl *ctl;
	struct ctl_channel of;
	uint32_t number;		/* 0: it has none */
	bool broken;			/* ends at the next turn */
	struct loop_timer *end;
	LIST_HEAD(, ctl_server_question) open[BUCKETS];	/* by request number */
	size_t count, life;		/* open; all that have been opened */
};

static void
end_soon(struct ctl_server *s, const char *why)
{
	if (s->broken)
		return;
	s->broken = true;
	if (why != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=%s client=%s role=%s reason=%s", s->kind->part,
		    log_safe(s->of.server), log_safe(s->of.role), log_safe(why));
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
on_worker_message(void *arg, const struct ctl_message *m)
{
	struct ctl_server *s = arg;

	if (s->broken)
		;
	else if (!channel_rights_ask(s->of.role, (enum ctl_helper)s->of.helper, m->type))
		end_soon(s, "asked what its role may not ask");
	else if (!s->kind->asked(s->list->arg, s, m))
		end_soon(s, "sent a malformed question");
	ctl_wipe(m);
}

static void
on_worker_close(void *arg, bool bad)
{
	end_soon(arg, bad ? "misbehaved" : NULL);
}

static void
on_channel_end(void *arg)
{
	struct ctl_server *s = arg;
	const struct ctl_server_kind *kind = s->kind;
	void *helper = s->list->arg;

	ctl_server_free(s);
	if (kind->gone != NULL)
		kind->gone(helper);
}

const char *
ctl_server_server(const struct ctl_server *s)
{
	return s->of.server;
}

/* --- questions --- */

bool
ctl_server_is_full(const struct ctl_server *s)
{
	return s->count >= s->kind->questions_max ||
	    (s->kind->life_max > 0 && s->life >= s->kind->life_max);
}

void
ctl_server_open(struct ctl_server *s, struct ctl_server_question *q, uint32_t request)
{
	q->server = s;
	q->request = request;
	LIST_INSERT_HEAD(&s->open[request % BUCKETS], q, bucket);
	s->count++;
	s->life++;
}

struct ctl_server_question *
ctl_server_find(const struct ctl_server *s, uint32_t request)
{
	struct ctl_server_question *q;

	LIST_FOREACH(q, &s->open[request % BUCKETS], bucket)
		if (q->request == request)
			break;
	return q;
}

void
ctl_server_close(struct ctl_server_question *q)
{
	if (q->server == NULL)
		return;
	LIST_REMOVE(q, bucket);
	q->server->count--;
	q->server = NULL;
}

/* --- channels --- */

void
ctl_server_list_init(struct ctl_server_list *l, struct loop *loop, void *arg)
{
	l->loop = loop;
	l->arg = arg;
	l->count = 0;
	TAILQ_INIT(&l->channels);
}

void
ctl_server_list_done(struct ctl_server_list *l)
{
	struct ctl_server *s;

	while ((s = TAILQ_FIRST(&l->channels)) != NULL)
		ctl_server_free(s);
}

void
ctl_server_number(struct ctl_server *s, uint32_t number)
{
	s->number = number;
}

void
ctl_server_list_end(struct ctl_server_list *l, uint32_t number)
{
	struct ctl_server *s, *next;

	TAILQ_FOREACH_SAFE(s, &l->channels, link, next)
		if (s->number == number)
			ctl_server_free(s);
}

struct ctl_server *
ctl_server_new(struct ctl_server_list *l, const struct ctl_server_kind *kind, int fd,
    const struct ctl_channel *of)
{
	struct ctl_server *s = mem_new(struct ctl_server);

	s->list = l;
	s->kind = kind;
	s->of = *of;
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&s->open[i]);
	s->end = loop_timer_new(l->loop, on_channel_end, s);
	s->ctl = ctl_new(l->loop, fd, CTL_FROM_CLIENT, on_worker_message, on_worker_close, s);
	TAILQ_INSERT_TAIL(&l->channels, s, link);
	l->count++;
	return s;
}

/* Nobody asks there any more, whatever is still to be read. */
static bool
is_over(const struct ctl_server *s)
{
	struct pollfd p = { .fd = ctl_descriptor(s->ctl), .events = POLLRDHUP };

	return s->broken || poll(&p, 1, 0) == 1;
}

struct ctl_server *
ctl_server_join(struct ctl_server_list *l, const struct ctl_server_kind *kind, const struct ctl_message *m,
    const struct ctl_channel *of)
{
	struct ctl_server *s, *next;

	TAILQ_FOREACH_SAFE(s, &l->channels, link, next) {
		if (m->request == 0 || s->number != m->request)
			continue;
		if (!is_over(s))
			return NULL;
		ctl_server_free(s);
	}
	s = ctl_server_new(l, kind, ctl_take_fd(m), of);
	s->number = m->request;
	return s;
}

static void
leave_questions(struct ctl_server *s)
{
	struct ctl_server_question *q;

	for (size_t i = 0; i < BUCKETS; i++)
		while ((q = LIST_FIRST(&s->open[i])) != NULL) {
			ctl_server_close(q);
			if (s->kind->left != NULL)
				s->kind->left(q);
		}
}

void
ctl_server_free(struct ctl_server *s)
{
	leave_questions(s);
	TAILQ_REMOVE(&s->list->channels, s, link);
	s->list->count--;
	ctl_free(s->ctl);
	loop_timer_free(s->end);
	free(s);
}
