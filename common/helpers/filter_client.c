/*
 * filter_client - asks the filter helper about the stages of one session
 *
 * Runs in:  listener, pickup
 * Owns:     one question for each session; what was said of its connection, to say it again
 * Promise:  each stage but RESET is answered once, later. A helper that ended is asked anew from the next
 *           MAIL on, after it was told of the connection; until then the answer is that of a lost one. A MAIL
 *           that was with a helper when it ended is asked once more
 * Fails by: an answer with the flag FILTER_TROUBLE
 */
#include "common/helpers/filter_client.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum { PATIENCE_MS = 20000, REPEATS = 2 };

enum filter_client_state {
	FILTER_CLIENT_NEW,	/* the helper knows nothing of this session, or no more */
	FILTER_CLIENT_LOST,	/* the same, in the middle of a message */
	FILTER_CLIENT_KNOWN,
};

struct filter_client {
	struct ctl_client_question base;
	enum msg_filter_verdict lost;
	void (*done)(void *arg, const struct msg_filter_answer *a);
	void *arg;
	enum filter_client_state state;
	struct msg_filter_ask *kept[2];	/* CONNECT and HELO; NULL: not said */
	struct msg_filter_ask *ask;	/* the stage whose answer is wanted; NULL: none */
	int fd;
	enum msg_filter_stage sent;	/* the latest question: it may be one of `kept`, or a RESET */
	bool resetting;			/* the answer to a RESET is to come */
	bool repeated;			/* this MAIL was asked anew: perhaps it ended the helper */
};
static_assert(FILTER_CONNECT == 0 && FILTER_HELO == 1, "the places in `kept`");

static struct msg_filter_ask *
copy_ask(const struct msg_filter_ask *ask)
{
	size_t size = msg_filter_ask_size(ask);

	return memcpy(mem_zalloc(size), ask, size);
}

/* What is said next: first what the helper does not know. */
static const struct msg_filter_ask *
next_ask(const struct filter_client *f)
{
	if (f->sent < FILTER_MAIL && f->ask->stage > f->sent && f->kept[f->sent] != NULL)
		return f->kept[f->sent];
	return f->ask;
}

static int
send_first(struct ctl_client_question *base, struct ctl *c)
{
	struct filter_client *f = (struct filter_client *)base;
	const struct msg_filter_ask *a = next_ask(f);

	return ctl_send(c, CTL_FILTER_ASK, base->request, a, msg_filter_ask_size(a), -1);
}

static void
send_next(struct filter_client *f)
{
	const struct msg_filter_ask *a = next_ask(f);

	f->sent = (enum msg_filter_stage)a->stage;
	ctl_client_step_with(&f->base, CTL_FILTER_ASK, a, msg_filter_ask_size(a),
	    a == f->ask ? f->fd : -1);
}

static void
tell_answer(struct filter_client *f, const struct msg_filter_answer *a)
{
	free(f->ask);
	f->ask = NULL;
	f->done(f->arg, a);	/* may close, or ask */
}

/* The verdict of a stage that the helper cannot be asked about; the content stays as it is. */
static void
answer_lost(struct filter_client *f, const char *why)
{
	struct msg_filter_answer a = { .verdict = (uint8_t)f->lost, .flags = FILTER_TROUBLE };

	if (f->ask->stage == FILTER_HELO && f->lost != FILTER_DISCONNECT)
		a.verdict = FILTER_GO_ON;	/* the next MAIL asks anew */
	a.body.size = f->ask->size;
	a.text_len = (uint16_t)snprintf(a.text, sizeof(a.text), "%s", why);
	tell_answer(f, &a);
}

/* Where a helper that knows nothing of the session begins. */
static bool
may_begin_at(enum msg_filter_stage stage)
{
	return stage == FILTER_CONNECT || stage == FILTER_MAIL;
}

static void
ask_anew(struct filter_client *f)
{
	f->sent = FILTER_CONNECT;
	ctl_client_ask(&f->base);
}

/* The helper has no room for the session, or for its message: it forgets it, and hears of it anew. */
static void
on_no_room(struct filter_client *f, const char *why)
{
	bool reset = f->resetting;

	ctl_client_drop(&f->base);
	f->resetting = false;
	f->state = FILTER_CLIENT_LOST;
	if (f->ask != NULL && reset && may_begin_at((enum msg_filter_stage)f->ask->stage))
		ask_anew(f);
	else if (f->ask != NULL)
		answer_lost(f, why);
}

static bool
on_filter_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	struct filter_client *f = (struct filter_client *)base;
	struct msg_filter_answer a;

	if (!msg_filter_answer_take(&a, m->data, m->len))
		return false;
	if (!f->resetting && f->ask == NULL)
		return false;
	if ((a.flags & FILTER_TROUBLE) && a.filter[0] == '\0') {
		on_no_room(f, a.text);
		return true;
	}
	f->state = FILTER_CLIENT_KNOWN;
	if (f->resetting) {
		f->resetting = false;
		if (f->ask != NULL)
			send_next(f);
	} else if (f->sent < f->ask->stage && f->sent < FILTER_MAIL && a.verdict == FILTER_GO_ON) {
		f->sent++;
		send_next(f);
	} else {
		tell_answer(f, &a);
	}
	return true;
}

static void
on_filter_lost(struct ctl_client_question *base, const char *why)
{
	struct filter_client *f = (struct filter_client *)base;

	bool anew = f->state == FILTER_CLIENT_KNOWN && !f->repeated && f->ask != NULL &&
	    f->ask->stage == FILTER_MAIL;

	f->resetting = false;
	f->state = FILTER_CLIENT_LOST;
	if (anew) {	/* between two messages: nothing is lost with it */
		f->repeated = true;
		ask_anew(f);
	} else if (f->ask != NULL) {
		answer_lost(f, why);
	}
}

static const struct ctl_client_kind kind = {
	.part = "filter", .answer = CTL_FILTER_ANSWER, .cancel = CTL_FILTER_END, .repeats = REPEATS,
	.unhurried = true,
	.silent = "no answer from the filter helper", .ended = "the filter helper ended",
	.send = send_first, .answered = on_filter_answer, .failed = on_filter_lost,
};

struct ctl_client *
filter_client_new(struct loop *loop, void (*need)(void *arg), void *arg)
{
	return ctl_client_new(loop, &kind, PATIENCE_MS, need, arg);
}

struct filter_client *
filter_client_open(struct ctl_client *k, enum msg_filter_verdict lost,
    void (*done)(void *arg, const struct msg_filter_answer *a), void *arg)
{
	struct filter_client *f = ctl_client_add(k, sizeof(*f));

	f->lost = lost;
	f->done = done;
	f->arg = arg;
	f->fd = -1;
	return f;
}

void
filter_client_ask(struct filter_client *f, const struct msg_filter_ask *ask, int fd)
{
	enum msg_filter_stage stage = (enum msg_filter_stage)ask->stage;

	if (stage <= FILTER_HELO) {
		free(f->kept[stage]);
		f->kept[stage] = copy_ask(ask);
	}
	if (stage == FILTER_RESET && (f->state != FILTER_CLIENT_KNOWN || f->resetting))
		return;
	if (stage == FILTER_RESET) {
		f->resetting = true;
		f->sent = FILTER_RESET;
		ctl_client_step(&f->base, CTL_FILTER_ASK, ask, msg_filter_ask_size(ask));
		return;
	}
	free(f->ask);
	f->ask = copy_ask(ask);
	f->fd = fd;
	f->repeated = false;
	if (f->state == FILTER_CLIENT_KNOWN) {
		f->sent = stage;
		if (!f->resetting)
			send_next(f);
	} else if (may_begin_at(stage)) {
		ask_anew(f);
	} else {
		ctl_client_fail(&f->base, kind.ended);
	}
}

size_t
filter_client_held(const struct filter_client *f)
{
	const struct msg_filter_ask *all[] = { f != NULL ? f->kept[0] : NULL, f != NULL ? f->kept[1] : NULL,
	    f != NULL ? f->ask : NULL };
	size_t held = 0;

	for (size_t i = 0; i < nitems_of(all); i++)
		held += all[i] != NULL ? msg_filter_ask_size(all[i]) : 0;
	return held;
}

void
filter_client_close(struct filter_client *f)
{
	if (f == NULL)
		return;
	free(f->kept[FILTER_CONNECT]);
	free(f->kept[FILTER_HELO]);
	free(f->ask);
	ctl_client_cancel(&f->base);
}
