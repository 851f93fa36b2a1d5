/*
 * watchdog - tells systemd that the loop turns, and that a long start or reload gets on
 *
 * Runs in:  master
 * Owns:     its timer
 * Promise:  without WATCHDOG_USEC (WatchdogSec= of the unit) nothing happens. A loop that hangs says nothing,
 *           so systemd restarts the service; work on many virtual servers in one turn says that it gets on
 * Fails by: sending nothing
 */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/loop.h"
#include "master/master.h"

#define PING "WATCHDOG=1"
#define EXTENSION "EXTEND_TIMEOUT_USEC=120000000"	/* until then a start or reload gets on again */

/* The environment of the supervisor is written by systemd or an operator. 0: unset, or no number. */
static uint64_t
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	uint64_t value = text != NULL && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;

	return end != NULL && *end == '\0' ? value : 0;
}

static void
ping(void *arg)
{
	struct watchdog *w = arg;

	w->told_ms = clock_mono_ms();
	notify_send(PING);
	loop_timer_set(w->timer, w->every_ms);
}

/* WATCHDOG_PID names the process that is meant: sd_watchdog_enabled(3). */
void
watchdog_open(struct watchdog *w, struct loop *loop)
{
	uint64_t most = number_of("WATCHDOG_USEC") / 1000;

	if (most == 0 || (getenv("WATCHDOG_PID") != NULL && number_of("WATCHDOG_PID") != (uint64_t)getpid()))
		return;
	w->every_ms = most / 3 + 1;
	w->timer = loop_timer_new(loop, ping, w);
	loop_timer_set(w->timer, 0);
}

void
watchdog_progress(struct watchdog *w, bool extend)
{
	uint64_t now;

	if (w->timer == NULL || (now = clock_mono_ms()) < w->told_ms + w->every_ms)
		return;
	w->told_ms = now;
	notify_send(extend ? PING "\n" EXTENSION : PING);
}

void
watchdog_close(struct watchdog *w)
{
	loop_timer_free(w->timer);
	*w = (struct watchdog){ 0 };
}
