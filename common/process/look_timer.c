/*
 * look_timer - looks at something again and again: often while things happen, seldom at rest
 *
 * Runs in:  deliver, pickup; on the loop
 * Owns:     a timer of the loop
 * Promise:  no look is missed, only later, by at most LOOK_TIMER_MOST times as long
 * Fails by: never
 */
#include "common/process/look_timer.h"
#include "common/process/loop.h"

void
look_timer_init(struct look_timer *t, struct loop *l, uint64_t often_ms, void (*look)(void *arg), void *arg)
{
	*t = (struct look_timer){ .timer = loop_timer_new(l, look, arg), .often_ms = often_ms,
	    .wait_ms = often_ms };
}

void
look_timer_done(struct look_timer *t)
{
	loop_timer_free(t->timer);
}

static void
wake(struct look_timer *t)
{
	t->quiet = 0;
	t->wait_ms = t->often_ms;
}

void
look_timer_again(struct look_timer *t, bool busy)
{
	if (busy || t->stirred)
		wake(t);
	else if (t->quiet < LOOK_TIMER_AWAKE)
		t->quiet++;
	else if (t->wait_ms < t->often_ms * LOOK_TIMER_MOST / 2)
		t->wait_ms *= 2;
	else
		t->wait_ms = t->often_ms * LOOK_TIMER_MOST;
	t->stirred = false;
	loop_timer_set(t->timer, t->wait_ms);
}

void
look_timer_stir(struct look_timer *t)
{
	t->stirred = true;
	if (t->wait_ms == t->often_ms)
		return;
	wake(t);
	if (loop_timer_is_set(t->timer))
		loop_timer_set(t->timer, t->often_ms);
}

bool
look_timer_is_set(const struct look_timer *t)
{
	return loop_timer_is_set(t->timer);
}
