/*
 * etrn_server - answers the listeners' ETRN, ATRN and XEVACUATE requests
 *
 * Runs in:  deliver, on the loop
 * Owns:     the channels of the listeners
 * Promise:  each request is answered at once. The listener has judged who may ask for which domains
 * Fails by: MSG_ETRN_LATER, also until the queue has been read after a start
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_etrn.h"
#include "deliver/admin/admin.h"

struct etrn_server {
	struct ctl_server_list channels;
	struct schedule *schedule;
	struct evacuate_taker *evacuations;	/* NULL: nothing is taken */
	bool open;
};

static void
start_etrn(struct etrn_server *k, const struct msg_etrn *d, struct msg_etrn_answer *a)
{
	const char *domain;
	bool running = false;

	for (size_t at = 0; (domain = msg_etrn_next(d, &at)) != NULL;)
		a->messages += schedule_etrn(k->schedule, domain, &running);
	a->more = running;
	a->result = a->messages > 0 || running ? MSG_ETRN_STARTED : MSG_ETRN_NOTHING;
}

static void
start_atrn(struct etrn_server *k, const struct msg_etrn *p, struct msg_etrn_answer *a, int *fd)
{
	size_t n = 0;

	a->result = atrn_begin(k->schedule, p, &n, fd);
	a->messages = n;
}

static void
start_evacuation(struct etrn_server *k, const struct msg_etrn *p, struct msg_etrn_answer *a, int *fd)
{
	if (k->evacuations != NULL)
		a->result = evacuate_taker_begin(k->evacuations, p, fd);
}

static bool
on_asked(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct etrn_server *k = arg;
	struct msg_etrn d;
	struct msg_etrn_answer a = { .result = MSG_ETRN_LATER };
	int fd = -1;

	if (m->type != CTL_ETRN || !msg_etrn_take(&d, m->data, m->len))
		return false;
	if (k->open && d.turn == MSG_ETRN_EVACUATE)
		start_evacuation(k, &d, &a, &fd);
	else if (k->open && d.turn == MSG_ETRN_TURN)
		start_atrn(k, &d, &a, &fd);
	else if (k->open)
		start_etrn(k, &d, &a);
	ctl_server_answer(s, CTL_ETRN_ANSWER, m->request, &a, sizeof(a), fd);
	if (fd != -1)
		close(fd);
	return true;
}

static const struct ctl_server_kind kind = { .part = "deliver", .questions_max = 1, .asked = on_asked };

void
etrn_server_channel(struct etrn_server *k, const struct ctl_message *m, const struct ctl_channel *of)
{
	ctl_server_join(&k->channels, &kind, m, of);
}

void
etrn_server_evacuations(struct etrn_server *k, struct evacuate_taker *t)
{
	k->evacuations = t;
}

void
etrn_server_open(struct etrn_server *k, bool open)
{
	k->open = open;
}

struct etrn_server *
etrn_server_new(struct loop *l, struct schedule *s)
{
	struct etrn_server *k = mem_new(struct etrn_server);

	ctl_server_list_init(&k->channels, l, k);
	k->schedule = s;
	return k;
}

void
etrn_server_free(struct etrn_server *k)
{
	if (k == NULL)
		return;
	ctl_server_list_done(&k->channels);
	free(k);
}
