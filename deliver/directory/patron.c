/*
 * patron - one worker process: its channel to the directory helper and its open questions
 *
 * Runs in:  directory
 * Owns:     the channel
 * Promise:  every question is answered with its request number; at most PATRON_QUESTIONS_MAX are open, more are told to come later
 * Fails by: a malformed question ends this channel only
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

static void
end_soon(struct patron *p, const char *why)
{
	if (p->broken)
		return;
	p->broken = true;
	if (why != NULL)
		log_event(LOG_WARN, NULL, "trouble", "part=directory client=%s reason=%s", log_safe(p->server), log_safe(why));
	loop_timer_set(p->end, 0);
}

void
patron_answer(struct patron *p, uint32_t request, const struct addressee *a)
{
	if (!p->broken && addressee_send(p->ctl, request, a) == -1)
		end_soon(p, "does not read its answers");
}

static void
refuse(struct patron *p, uint32_t request, const char *why)
{
	struct addressee a = { 0 };

	addressee_set(&a, ADDRESSEE_TROUBLE, "4.4.3", "%s", why);
	patron_answer(p, request, &a);
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct patron *p = arg;
	struct addressee_query query;
	struct realm_question *q;
	struct realm *r;

	if (p->broken)
		return;
	if (m->type != CTL_SEEK || !addressee_query_take(&query, m->data, m->len)) {
		end_soon(p, "sent a malformed question");
		return;
	}
	r = realm_find(p->directory, p->server);
	if (r == NULL || p->count == PATRON_QUESTIONS_MAX) {
		refuse(p, m->request, r == NULL ? "this virtual server has no directory" : "too many questions at once");
		return;
	}
	q = mem_new(struct realm_question);
	q->realm = r;
	q->patron = p;
	q->request = m->request;
	q->query = query;
	LIST_INSERT_HEAD(&p->open, q, link);
	p->count++;
	realm_ask(r, q);
}

static void
on_end(void *arg)
{
	patron_free(arg);
}

static void
on_close(void *arg, bool bad)
{
	end_soon(arg, bad ? "misbehaved" : NULL);
}

struct patron *
patron_new(struct directory *d, int fd, const char *server)
{
	struct patron *p = mem_new(struct patron);

	p->directory = d;
	snprintf(p->server, sizeof(p->server), "%s", server);
	LIST_INIT(&p->open);
	TAILQ_INSERT_TAIL(&d->patrons, p, link);
	p->end = loop_timer_new(d->boot->loop, on_end, p);
	p->ctl = ctl_new(d->boot->loop, fd, CTL_FROM_CLIENT, on_message, on_close, p);
	return p;
}

/* What is under way is worked on to its end, for nobody. */
void
patron_free(struct patron *p)
{
	struct realm_question *q;

	while ((q = LIST_FIRST(&p->open)) != NULL) {
		LIST_REMOVE(q, link);
		q->patron = NULL;
	}
	TAILQ_REMOVE(&p->directory->patrons, p, link);
	ctl_free(p->ctl);
	loop_timer_free(p->end);
	free(p);
}
