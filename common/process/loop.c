/*
 * loop - events of one process: descriptors, timers, signals, wakes from other threads
 *
 * Runs in:  every process but posternctl; one loop, one thread
 * Owns:     the event base; not the descriptors it watches
 * Promise:  no other file names libevent; no handler runs in signal context
 * Fails by: die() while it is set up; afterwards never
 */
#include "common/process/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"

struct loop {
	struct event_base *base;
	struct loop_io *signal_io;
	int signal_fd;
	void (*signal_cb)(void *arg, int signo, bool queued, int value);
	void *signal_arg;
	char *scratch;			/* not cleared: a page costs memory and time from its first use on */
};

struct loop_io {
	struct event event;
	struct loop *loop;
	unsigned want;
	bool first;
	void (*cb)(void *arg, unsigned what);
	void *arg;
};

struct loop_timer {
	struct event event;
	void (*cb)(void *arg);
	void *arg;
};

struct loop_waker {
	struct loop_io *io;
	int fd;
	long after_ms;		/* 0: an eventfd; else a timerfd, which sleeps on its own until then */
	atomic_bool awake;
	void (*cb)(void *arg);
	void *arg;
};

/* Priorities of libevent; a loop that knows no first ones has one priority only. */
enum { PRIORITY_FIRST, PRIORITY_OTHERS, PRIORITIES };

struct loop *
loop_new_first(int others)
{
	struct loop *l = mem_new(struct loop);
	struct event_config *ec = event_config_new();

	if (ec == NULL || event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK) == -1 || (others > 0 &&
	    event_config_set_max_dispatch_interval(ec, NULL, others, PRIORITY_OTHERS) == -1))
		die(EX_OSERR, "cannot set up an event loop");
	l->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (l->base == NULL || (others > 0 && event_base_priority_init(l->base, PRIORITIES) == -1))
		die(EX_OSERR, "cannot make an event loop: %s", strerror(errno));
	l->signal_fd = -1;
	l->scratch = mem_array(NULL, 1, LOOP_SCRATCH);
	return l;
}

struct loop *
loop_new(void)
{
	return loop_new_first(0);
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	loop_io_free(l->signal_io);
	if (l->signal_fd != -1)
		close(l->signal_fd);
	event_base_free(l->base);
	free(l->scratch);
	free(l);
}

void *
loop_base(struct loop *l)
{
	return l->base;
}

void *
loop_scratch(struct loop *l)
{
	return l->scratch;
}

void
loop_run(struct loop *l)
{
	if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) == -1)
		bug("event loop failed: %s", strerror(errno));
}

void
loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

static void
io_ready(evutil_socket_t fd, short events, void *arg)
{
	struct loop_io *io = arg;
	unsigned what = ((events & EV_READ) ? LOOP_READ : 0) | ((events & EV_WRITE) ? LOOP_WRITE : 0) |
	    ((events & EV_CLOSED) ? LOOP_CLOSED : 0);

	io->cb(io->arg, what & io->want);
}

static void
io_assign(struct loop_io *io, int fd)
{
	short events = (short)(EV_PERSIST | ((io->want & LOOP_READ) ? EV_READ : 0) |
	    ((io->want & LOOP_WRITE) ? EV_WRITE : 0) | ((io->want & LOOP_CLOSED) ? EV_CLOSED : 0));

	event_assign(&io->event, io->loop->base, fd, events, io_ready, io);
	if (io->first)
		(void)event_priority_set(&io->event, PRIORITY_FIRST);
	if (io->want != 0 && event_add(&io->event, NULL) == -1)
		log_event(LOG_FAULT, NULL, "trouble", "doing=watch fd=%d reason=%s", fd,
		    log_safe(strerror(errno)));
}

struct loop_io *
loop_io_new(struct loop *l, int fd, unsigned what, void (*cb)(void *arg, unsigned what), void *arg)
{
	struct loop_io *io = mem_new(struct loop_io);

	io->loop = l;
	io->want = what;
	io->cb = cb;
	io->arg = arg;
	io_assign(io, fd);
	return io;
}

void
loop_io_want(struct loop_io *io, unsigned what)
{
	int fd;

	if (io->want == what)
		return;
	fd = (int)event_get_fd(&io->event);
	if (io->want != 0)
		event_del(&io->event);
	io->want = what;
	io_assign(io, fd);
}

void
loop_io_first(struct loop_io *io, bool first)
{
	if (io->first == first)
		return;
	io->first = first;
	/* -1: it waits for its callback in this turn, or the loop has one priority */
	(void)event_priority_set(&io->event, first ? PRIORITY_FIRST : PRIORITY_OTHERS);
}

void
loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	event_del(&io->event);
	free(io);
}

static void
timer_ready(evutil_socket_t fd, short events, void *arg)
{
	struct loop_timer *t = arg;

	t->cb(t->arg);
}

struct loop_timer *
loop_timer_new(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct loop_timer *t = mem_new(struct loop_timer);

	t->cb = cb;
	t->arg = arg;
	evtimer_assign(&t->event, l->base, timer_ready, t);
	return t;
}

void
loop_timer_set(struct loop_timer *t, uint64_t after_ms)
{
	struct timeval tv;

	if (after_ms > UINT64_C(1000) * 86400 * 3650)
		after_ms = UINT64_C(1000) * 86400 * 3650;
	tv = (struct timeval){ .tv_sec = (time_t)(after_ms / 1000),
	    .tv_usec = (suseconds_t)(after_ms % 1000 * 1000) };
	evtimer_add(&t->event, &tv);
}

void
loop_timer_now(struct loop_timer *t)
{
	evtimer_del(&t->event);
	event_active(&t->event, EV_TIMEOUT, 0);
}

void
loop_timer_first(struct loop_timer *t)
{
	evtimer_del(&t->event);
	(void)event_priority_set(&t->event, PRIORITY_FIRST);
	event_active(&t->event, EV_TIMEOUT, 0);
}

void
loop_timer_stop(struct loop_timer *t)
{
	evtimer_del(&t->event);
}

bool
loop_timer_is_set(const struct loop_timer *t)
{
	return evtimer_pending(&t->event, NULL) != 0;
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	evtimer_del(&t->event);
	free(t);
}

static void
signal_ready(void *arg, unsigned what)
{
	struct loop *l = arg;
	struct signalfd_siginfo si;

	while (read(l->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		l->signal_cb(l->signal_arg, (int)si.ssi_signo, si.ssi_code == SI_QUEUE, si.ssi_int);
}

void
loop_signals(struct loop *l, const int *signals, void (*cb)(void *arg, int signo, bool queued, int value),
    void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *signals != 0; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		die(EX_OSERR, "cannot block signals: %s", strerror(errno));
	l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd == -1)
		die(EX_OSERR, "cannot watch signals: %s", strerror(errno));
	l->signal_cb = cb;
	l->signal_arg = arg;
	l->signal_io = loop_io_new(l, l->signal_fd, LOOP_READ, signal_ready, l);
}

static void
waker_ready(void *arg, unsigned what)
{
	struct loop_waker *w = arg;
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
		bug("eventfd: %s", strerror(errno));
	atomic_store(&w->awake, false); /* before the work: no wake during it is lost */
	w->cb(w->arg);
}

struct loop_waker *
loop_waker_new_after(struct loop *l, unsigned ms, void (*cb)(void *arg), void *arg)
{
	struct loop_waker *w = mem_new(struct loop_waker);

	w->after_ms = (long)ms;
	w->fd = ms > 0 ? timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC) :
	    eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd == -1)
		die(EX_OSERR, "cannot make a descriptor to wake the loop: %s", strerror(errno));
	w->cb = cb;
	w->arg = arg;
	w->io = loop_io_new(l, w->fd, LOOP_READ, waker_ready, w);
	return w;
}

struct loop_waker *
loop_waker_new(struct loop *l, void (*cb)(void *arg), void *arg)
{
	return loop_waker_new_after(l, 0, cb, arg);
}

void
loop_waker_wake(struct loop_waker *w)
{
	struct itimerspec at = { .it_value = { w->after_ms / 1000, w->after_ms % 1000 * 1000000 } };
	uint64_t one = 1;

	if (atomic_exchange(&w->awake, true))
		return;
	if (w->after_ms > 0 ? timerfd_settime(w->fd, 0, &at, NULL) == -1 :
	    write(w->fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		bug("eventfd: %s", strerror(errno));
}

void
loop_waker_free(struct loop_waker *w)
{
	if (w == NULL)
		return;
	loop_io_free(w->io);
	close(w->fd);
	free(w);
}
