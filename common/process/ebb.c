/*
 * ebb - gives freed memory back to the kernel when what a process holds has fallen far below its height, and
 * until then keeps some of it
 *
 * Runs in:  master, listener, deliver
 * Owns:     struct ebb
 * Promise:  once for each fall to a quarter or less of at least EBB_LEAST that lasts `wait_ms`; a process at
 *           rest is not woken
 * Fails by: never
 */
#include <malloc.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/process/ebb.h"

struct ebb {
	size_t height, held;		/* since memory was given back last; now. Bytes */
	struct loop_timer *timer;	/* set: the fall is to be looked at again */
	uint64_t wait_ms;
	void (*give_back)(void *arg);
	void *arg;
};

static bool
is_low(const struct ebb *e)
{
	return e->height >= EBB_LEAST && e->held <= e->height / 4;
}

static void
on_time(void *arg)
{
	struct ebb *e = arg;

	if (!is_low(e))
		return;
	e->height = e->held;
	e->give_back(e->arg);
}

/* glibc gives the end of its heap back with each large buffer that is freed, and fetches it anew. */
void
ebb_keep(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, EBB_KEPT);
	(void)mallopt(M_MMAP_THRESHOLD, EBB_KEPT);
}

struct ebb *
ebb_new(struct loop *l, uint64_t wait_ms, void (*give_back)(void *arg), void *arg)
{
	struct ebb *e = mem_new(struct ebb);

	ebb_keep();
	e->timer = loop_timer_new(l, on_time, e);
	e->wait_ms = wait_ms;
	e->give_back = give_back;
	e->arg = arg;
	return e;
}

void
ebb_free(struct ebb *e)
{
	if (e == NULL)
		return;
	loop_timer_free(e->timer);
	free(e);
}

void
ebb_held(struct ebb *e, size_t bytes)
{
	e->held = bytes;
	if (bytes > e->height)
		e->height = bytes;
	if (is_low(e) && !loop_timer_is_set(e->timer))
		loop_timer_set(e->timer, e->wait_ms);
}

void
ebb_give_back(void *arg)
{
	(void)malloc_trim(0);
}
