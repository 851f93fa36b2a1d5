/*
 * offer_server - takes the messages that pickup offers before they are stored, and says what came of them
 *
 * Runs in:  deliver, on the loop
 * Owns:     the channels of pickups, what is offered on them
 * Promise:  one verdict for each offer, unless its pickup has stored it before. When a pickup ends, the queue
 *           tells which of its offers are messages
 * Fails by: MSG_OFFER_PUT_OFF, also until the queue has been read after a start
 */
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_offer.h"
#include "deliver/admin/admin.h"

struct offer_server {
	struct ctl_server_list channels;
	struct schedule *schedule;
	const bool *ready;
	bool ended;
};

struct offer_question {
	struct ctl_server_question open;
	struct offer_server *k;
	struct schedule_offer *offer;
};

static void
tell(void *arg, enum msg_offer_what what, const char *words)
{
	struct offer_question *q = arg;
	struct msg_offer_verdict v = { .what = what };

	strlcpy(v.words, words, sizeof(v.words));
	if (q->open.server != NULL)
		ctl_server_answer(q->open.server, CTL_OFFER_VERDICT, q->open.request, &v, sizeof(v), -1);
}

static void
put_off(struct ctl_server *s, uint32_t request)
{
	struct msg_offer_verdict v = { .what = MSG_OFFER_PUT_OFF };

	ctl_server_answer(s, CTL_OFFER_VERDICT, request, &v, sizeof(v), -1);
}

/* Its descriptor is closed, unless it is taken. */
static bool
take_offer(struct offer_server *k, struct ctl_server *s, const struct ctl_message *m)
{
	char id[MESSAGE_ID_SIZE];
	struct offer_question *q;

	if (ctl_server_find(s, m->request) != NULL || (m->fd == -1 && !m->lost) ||
	    !msg_spool_id(id, m->data, m->len))
		return false;
	if (m->lost || !*k->ready || ctl_server_is_full(s)) {
		put_off(s, m->request);
		return true;
	}
	q = mem_new(struct offer_question);
	q->k = k;
	ctl_server_open(s, &q->open, m->request);
	q->offer = schedule_offer(k->schedule, id, ctl_take_fd(m), tell, q);
	if (q->offer != NULL)
		return true;
	put_off(s, m->request);
	ctl_server_close(&q->open);
	free(q);
	return true;
}

/* One that was put off at once is known no more. */
static void
take_over(struct ctl_server *s, const struct ctl_message *m)
{
	struct offer_question *q = (struct offer_question *)ctl_server_find(s, m->request);
	struct schedule_offer *offer;
	struct msg_offer_over over;

	if (q == NULL)
		return;
	memcpy(&over, m->data, sizeof(over));
	offer = q->offer;
	ctl_server_close(&q->open);
	free(q);
	if (over.stored)
		schedule_offer_stored(offer);
	else
		schedule_offer_gone(offer);
}

static bool
on_asked(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	if (m->type == CTL_OFFER)
		return take_offer(arg, s, m);
	take_over(s, m);
	return true;
}

static void
on_left(struct ctl_server_question *open)
{
	struct offer_question *q = (struct offer_question *)open;
	struct schedule_offer *offer = q->offer;
	bool ended = q->k->ended;

	free(q);
	if (!ended)
		schedule_offer_left(offer);
}

static const struct ctl_server_kind kind = {
	.part = "deliver", .questions_max = MSG_OFFER_MAX, .asked = on_asked, .left = on_left,
};

void
offer_server_channel(struct offer_server *k, const struct ctl_message *m, const struct ctl_channel *of)
{
	if (m->fd != -1)
		ctl_server_join(&k->channels, &kind, m, of);
}

struct offer_server *
offer_server_new(struct loop *l, struct schedule *s, const bool *ready)
{
	struct offer_server *k = mem_new(struct offer_server);

	k->schedule = s;
	k->ready = ready;
	ctl_server_list_init(&k->channels, l, k);
	return k;
}

void
offer_server_free(struct offer_server *k)
{
	if (k == NULL)
		return;
	k->ended = true;
	ctl_server_list_done(&k->channels);
	free(k);
}
