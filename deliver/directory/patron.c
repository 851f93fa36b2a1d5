/*
 * patron - one worker process: its channel to the directory helper and its open questions
 *
 * Runs in:  directory
 * Owns:     its questions
 * Promise:  every question is answered with its request number; at most PATRON_QUESTIONS_MAX are open, more are told to come later
 * Fails by: a malformed question ends this channel only
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

static void
refuse(struct patron *p, uint32_t request, const char *why)
{
	struct addressee a = { 0 };

	addressee_set(&a, ADDRESSEE_TROUBLE, "4.4.3", "%s", why);
	addressee_send(p->counsel, request, &a);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct patron *p = arg;
	struct addressee_query query;
	struct realm_question *q;
	struct realm *r;

	if (m->type != CTL_SEEK || !addressee_query_take(&query, m->data, m->len))
		return false;
	r = realm_find(p->directory, counsel_server(p->counsel));
	if (r == NULL || p->count == PATRON_QUESTIONS_MAX) {
		refuse(p, m->request, r == NULL ? "this virtual server has no directory" : "too many questions at once");
		return true;
	}
	q = mem_new(struct realm_question);
	q->realm = r;
	q->patron = p;
	q->request = m->request;
	q->query = query;
	LIST_INSERT_HEAD(&p->open, q, link);
	p->count++;
	realm_ask(r, q);
	return true;
}

static void
on_gone(void *arg)
{
	patron_free(arg);
}

static const struct counsel_kind kind = { .part = "directory", .asked = on_question, .gone = on_gone };

struct patron *
patron_new(struct directory *d, int fd, const char *server)
{
	struct patron *p = mem_new(struct patron);

	p->directory = d;
	LIST_INIT(&p->open);
	TAILQ_INSERT_TAIL(&d->patrons, p, link);
	p->counsel = counsel_new(d->boot->loop, &kind, fd, server, p);
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
	counsel_free(p->counsel);
	free(p);
}
