/*
 * boot_fence - a worker has the home of its virtual server only as long as no other service has taken it
 *
 * Runs in:  metrics, web, listener, auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  workers of one virtual server are one holder: those of a supervisor, of its upgrades, and of the
 *           one that was killed before it in the same run folder. A process that finds the home lost ends in
 *           that very call: it sends, writes and answers nothing more, and clients hear from their listener
 *           that it cannot take mail
 * Fails by: exit status BOOT_HOME_LOST
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/spool/fence.h"
#include "common/spool/fence_holder.h"

void
boot_fence_name(struct boot *b)
{
	fence_holder_name(b->holder, getenv(BOOT_SUPERVISOR), b->config->service.run, b->server->id);
}

_Noreturn void
boot_fence_end(const char *why)
{
	size_t len = strlen(why);

	(void)!ctl_send_now(BOOT_MASTER, CTL_REASON, 0, why, len < CTL_REASON_MAX ? len : CTL_REASON_MAX - 1);
	_exit(BOOT_HOME_LOST);
}

/* Also on a thread of the pool: nothing is waited for. */
static void
on_lost(void *arg, const char *why)
{
	const struct boot *b = arg;

	log_event(LOG_FAULT, NULL, "home-lost", "path=%s reason=%s", log_safe(b->server->queue),
	    log_safe(why));
	boot_fence_end(why);
}

void
boot_fence_words(const struct boot *b, const struct fence_record *r, char why[CTL_REASON_MAX])
{
	if (fence_holder_is_sibling(b->holder, r->holder))
		snprintf(why, CTL_REASON_MAX, "a process of this very service has its home still (generation "
		    "%llu), for another virtual server; it ends by itself: start it again in a moment",
		    (unsigned long long)r->generation);
	else
		snprintf(why, CTL_REASON_MAX, "its home is that of %.60s (generation %llu), whose processes "
		    "have it; posternctl adopt --force %.150s %.63s takes it", r->host,
		    (unsigned long long)r->generation, log_safe(b->server->home), b->server->name);
}

struct fence *
boot_fence_new(struct boot *b)
{
	return fence_new(b->holder, b->config->service.hostname, on_lost, b);
}
