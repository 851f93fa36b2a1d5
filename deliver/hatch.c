/*
 * hatch - takes the listeners' pleas for held mail
 *
 * Runs in:  deliver, on the loop
 * Owns:     the channels of the listeners
 * Promise:  each plea is answered at once; who may have what was judged by the listener
 * Fails by: PLEA_LATER, also until the queue has been read after a start
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/plea.h"
#include "deliver/deliver.h"

struct hatch_client {
	LIST_ENTRY(hatch_client) link;
	struct hatch *hatch;
	struct ctl *ctl;
};

struct hatch {
	struct loop *loop;
	struct schedule *schedule;
	LIST_HEAD(, hatch_client) clients;
	bool open;
};

static void
ask(struct hatch *k, const struct plea *d, struct plea_answer *a)
{
	const char *domain;
	bool running = false;

	for (size_t at = 0; (domain = plea_next(d, &at)) != NULL;)
		a->messages += schedule_ask(k->schedule, domain, &running);
	a->more = running;
	a->result = a->messages > 0 || running ? PLEA_STARTED : PLEA_NOTHING;
}

static void
turn(struct hatch *k, const struct plea *p, struct plea_answer *a, int *fd)
{
	size_t n = 0;

	a->result = turn_begin(k->schedule, p, &n, fd);
	a->messages = n;
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct hatch_client *c = arg;
	struct hatch *k = c->hatch;
	struct plea d;
	struct plea_answer a = { .result = PLEA_LATER };
	int fd = -1;

	if (m->type != CTL_PLEA || !plea_take(&d, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=listener reason=%s", log_safe("malformed plea"));
		return;
	}
	if (k->open && d.turn)
		turn(k, &d, &a, &fd);
	else if (k->open)
		ask(k, &d, &a);
	(void)!ctl_send(c->ctl, CTL_PLEA_ANSWER, m->request, &a, sizeof(a), fd);	/* one that does not read waits in vain */
	if (fd != -1)
		close(fd);
}

static void
close_client(struct hatch_client *c)
{
	LIST_REMOVE(c, link);
	ctl_free(c->ctl);
	free(c);
}

static void
on_close(void *arg, bool bad)
{
	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=listener reason=%s", log_safe("misbehaved"));
	close_client(arg);
}

void
hatch_channel(struct hatch *k, int fd)
{
	struct hatch_client *c = mem_new(struct hatch_client);

	c->hatch = k;
	c->ctl = ctl_new(k->loop, fd, CTL_FROM_CLIENT, on_message, on_close, c);
	LIST_INSERT_HEAD(&k->clients, c, link);
}

void
hatch_open(struct hatch *k, bool open)
{
	k->open = open;
}

struct hatch *
hatch_new(struct loop *l, struct schedule *s)
{
	struct hatch *k = mem_new(struct hatch);

	k->loop = l;
	k->schedule = s;
	LIST_INIT(&k->clients);
	return k;
}

void
hatch_free(struct hatch *k)
{
	if (k == NULL)
		return;
	while (!LIST_EMPTY(&k->clients))
		close_client(LIST_FIRST(&k->clients));
	free(k);
}
