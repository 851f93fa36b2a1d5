/*
 * directory_channel - one worker process: its channel to the directory helper and its open questions
 *
 * Runs in:  directory
 * Owns:     its questions
 * Promise:  every question is answered with its request number; at most DIRECTORY_CHANNEL_QUESTIONS_MAX are
 *           open, more are told to come later
 * Fails by: a malformed question ends this channel only
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

static void
refuse(struct directory_channel *p, uint32_t request, const char *why)
{
	struct msg_directory a = { 0 };

	msg_directory_set(&a, DIRECTORY_TROUBLE, "4.4.3", "%s", why);
	msg_directory_send(p->ctl_server, request, &a);
}

static bool
on_question(void *arg, const struct ctl_message *m)
{
	struct directory_channel *p = arg;
	struct msg_directory_query query;
	struct directory_server_question *q;
	struct directory_server *r;

	if (m->type != CTL_DIRECTORY_ASK || !msg_directory_query_take(&query, m->data, m->len))
		return false;
	r = directory_server_find(p->directory, ctl_server_server(p->ctl_server));
	if (r == NULL || p->count == DIRECTORY_CHANNEL_QUESTIONS_MAX) {
		refuse(p, m->request, r == NULL ? "this virtual server has no directory" :
		    "too many questions at once");
		return true;
	}
	q = mem_new(struct directory_server_question);
	q->realm = r;
	q->channel = p;
	q->request = m->request;
	q->query = query;
	LIST_INSERT_HEAD(&p->open, q, link);
	p->count++;
	directory_server_ask(r, q);
	return true;
}

static void
on_gone(void *arg)
{
	directory_channel_free(arg);
}

static const struct ctl_server_kind kind = { .part = "directory", .asked = on_question, .gone = on_gone };

struct directory_channel *
directory_channel_new(struct directory *d, int fd, const char *server)
{
	struct directory_channel *p = mem_new(struct directory_channel);

	p->directory = d;
	LIST_INIT(&p->open);
	TAILQ_INSERT_TAIL(&d->patrons, p, link);
	p->ctl_server = ctl_server_new(d->boot->loop, &kind, fd, server, p);
	return p;
}

/* What is under way is worked on to its end, for nobody. */
void
directory_channel_free(struct directory_channel *p)
{
	struct directory_server_question *q;

	while ((q = LIST_FIRST(&p->open)) != NULL) {
		LIST_REMOVE(q, link);
		q->channel = NULL;
	}
	TAILQ_REMOVE(&p->directory->patrons, p, link);
	ctl_server_free(p->ctl_server);
	free(p);
}
