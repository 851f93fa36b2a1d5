/*
 * desk - takes the listeners' demands for held mail
 *
 * Runs in:  deliver, on the loop
 * Owns:     the channels of the listeners
 * Promise:  each demand is answered at once; who may demand what was judged by the listener
 * Fails by: DEMAND_LATER, also until the queue has been read after a start
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/demand.h"
#include "deliver/deliver.h"

struct desk_client {
	LIST_ENTRY(desk_client) link;
	struct desk *desk;
	struct ctl *ctl;
};

struct desk {
	struct loop *loop;
	struct schedule *schedule;
	LIST_HEAD(, desk_client) clients;
	bool open;
};

static void
ask(struct desk *k, const struct demand *d, struct demand_answer *a)
{
	const char *domain;
	bool running = false;

	for (size_t at = 0; (domain = demand_next(d, &at)) != NULL;)
		a->messages += schedule_ask(k->schedule, domain, &running);
	a->more = running;
	a->result = a->messages > 0 || running ? DEMAND_STARTED : DEMAND_NOTHING;
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct desk_client *c = arg;
	struct desk *k = c->desk;
	struct demand d;
	struct demand_answer a = { .result = DEMAND_LATER };

	if (m->type != CTL_DEMAND || !demand_take(&d, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=listener reason=%s", log_safe("malformed demand"));
		return;
	}
	if (k->open && !d.turn)
		ask(k, &d, &a);
	(void)!ctl_send(c->ctl, CTL_DEMANDED, m->request, &a, sizeof(a), -1);	/* one that does not read waits in vain */
}

static void
close_client(struct desk_client *c)
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
desk_channel(struct desk *k, int fd)
{
	struct desk_client *c = mem_new(struct desk_client);

	c->desk = k;
	c->ctl = ctl_new(k->loop, fd, CTL_FROM_CLIENT, on_message, on_close, c);
	LIST_INSERT_HEAD(&k->clients, c, link);
}

void
desk_open(struct desk *k, bool open)
{
	k->open = open;
}

struct desk *
desk_new(struct loop *l, struct schedule *s)
{
	struct desk *k = mem_new(struct desk);

	k->loop = l;
	k->schedule = s;
	LIST_INIT(&k->clients);
	return k;
}

void
desk_free(struct desk *k)
{
	if (k == NULL)
		return;
	while (!LIST_EMPTY(&k->clients))
		close_client(LIST_FIRST(&k->clients));
	free(k);
}
