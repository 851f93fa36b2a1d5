/* loop - events of one process: descriptors, timers, signals. libevent stays behind this header */
#ifndef COMMON_PROCESS_LOOP_H
#define COMMON_PROCESS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;

/* LOOP_CLOSED: the peer of a stream socket sends no more; also behind bytes that are not read */
enum loop_what { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_CLOSED = 4 };

struct loop *loop_new(void);		/* dies when the system refuses */
/* One that looks for descriptors of loop_io_first after at most so many other callbacks. */
struct loop *loop_new_first(int others);
void loop_free(struct loop *l);
void loop_run(struct loop *l);		/* until loop_stop */
void loop_stop(struct loop *l);
/* The struct event_base, for a library that shares the loop: libunbound, evhttp. */
void *loop_base(struct loop *l);
/*
 * LOOP_SCRATCH bytes of the loop, for what is too large for the stack. Good until the callback returns to the
 * loop; one user at a time: the channel that reads a message.
 */
#define LOOP_SCRATCH 57344
void *loop_scratch(struct loop *l);

/*
 * Watches `fd` (not owned) for `what` (0: nothing yet); level-triggered, persistent. The callback may free
 * the object.
 */
struct loop_io *loop_io_new(struct loop *l, int fd, unsigned what, void (*cb)(void *arg, unsigned what),
    void *arg);
void loop_io_want(struct loop_io *io, unsigned what);	/* no system call when unchanged */
/* Its callback comes before all others that are due, on a loop of loop_new_first; for short work only. */
void loop_io_first(struct loop_io *io, bool first);
void loop_io_free(struct loop_io *io);			/* NULL is fine; before close(fd) */

/* One-shot; may be set again at any time, also from its callback. */
struct loop_timer *loop_timer_new(struct loop *l, void (*cb)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *t, uint64_t after_ms);	/* replaces an earlier time */
/*
 * In this turn, after the callbacks that are due already: a wait of 0 ms costs a turn of the loop. Not for
 * what may set itself anew without end: other events get their turn only afterwards.
 */
void loop_timer_now(struct loop_timer *t);
/*
 * As _now, on a loop of loop_new_first after the first descriptors that are due and before all others:
 * without another turn of the loop. From then on it is one of the first ones.
 */
void loop_timer_first(struct loop_timer *t);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);		/* NULL is fine */

/*
 * Signals as events (signalfd): blocks those in the 0-ended list and calls back with each; `value` is what
 * sigqueue(3) sent, `queued` whether it did. Once a loop, before threads are made.
 */
void loop_signals(struct loop *l, const int *signals,
    void (*cb)(void *arg, int signo, bool queued, int value), void *arg);

/* May be called from any thread: `cb` runs soon on the loop, once for any number of wakes. */
struct loop_waker;
struct loop_waker *loop_waker_new(struct loop *l, void (*cb)(void *arg), void *arg);
/* Runs so many ms after the first wake: the loop is not woken before. */
struct loop_waker *loop_waker_new_after(struct loop *l, unsigned ms, void (*cb)(void *arg), void *arg);
void loop_waker_wake(struct loop_waker *w);
void loop_waker_free(struct loop_waker *w);

#endif
