/*
 * look_timer - looks at something again and again: often while things happen, seldom at rest
 *
 * A process with nothing to do is not woken by each of its safety nets every few seconds: of a thousand
 * virtual servers that would be a tenth of a processor.
 */
#ifndef COMMON_PROCESS_LOOK_TIMER_H
#define COMMON_PROCESS_LOOK_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;

struct look_timer {
	struct loop_timer *timer;
	uint64_t often_ms, wait_ms;
	unsigned quiet;		/* looks since something happened */
	bool stirred;		/* since the last look_timer_again */
};

#define LOOK_TIMER_AWAKE 40	/* looks after the last stir that come as often as ever */
#define LOOK_TIMER_MOST 20	/* then the wait doubles, up to so many times that */

/* `look` is called once for each look_timer_again(), `often_ms` later or, at rest, more. */
void look_timer_init(struct look_timer *t, struct loop *l, uint64_t often_ms, void (*look)(void *arg),
    void *arg);
void look_timer_done(struct look_timer *t);
/* The last look is over; the next one shall come. `busy`: it has found a reason to look often. */
void look_timer_again(struct look_timer *t, bool busy);
/* Something happens: the next look comes within `often_ms`, and those after it. For each event: cheap. */
void look_timer_stir(struct look_timer *t);
bool look_timer_is_set(const struct look_timer *t);

#endif
