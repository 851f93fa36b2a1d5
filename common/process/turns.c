/*
 * turns - long steps of many: one in each turn of the loop, of the one that waits longest
 *
 * Runs in:  listener
 * Owns:     the order of those that wait; their places are the caller's
 * Promise:  between two steps all other events that are due are served, so that they wait for one step,
 *           however many want one at once; and each turn has its step, so that no other events keep them up
 * Fails by: cannot
 */
#include "common/process/turns.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/process/loop.h"

struct turns {
	struct loop_timer *next;	/* while `taken`: in the next turn, after what else is due */
	TAILQ_HEAD(, turns_place) waiting;
	bool taken;			/* this turn has had its step */
};

static void
take(struct turns *t)
{
	t->taken = true;
	loop_timer_set(t->next, 0);
}

static void
on_next(void *arg)
{
	struct turns *t = arg;
	struct turns_place *p = TAILQ_FIRST(&t->waiting);

	t->taken = false;
	if (p == NULL)
		return;
	turns_leave(t, p);
	take(t);
	p->go_on(p->arg);
}

struct turns *
turns_new(struct loop *l)
{
	struct turns *t = mem_new(struct turns);

	TAILQ_INIT(&t->waiting);
	t->next = loop_timer_new(l, on_next, t);
	return t;
}

void
turns_free(struct turns *t)
{
	loop_timer_free(t->next);
	free(t);
}

bool
turns_enter(struct turns *t, struct turns_place *p)
{
	if (p->waits)
		return false;
	if (!t->taken) {
		take(t);
		return true;
	}
	p->waits = true;
	TAILQ_INSERT_TAIL(&t->waiting, p, entry);
	return false;
}

void
turns_leave(struct turns *t, struct turns_place *p)
{
	if (p->waits)
		TAILQ_REMOVE(&t->waiting, p, entry);
	p->waits = false;
}
