/*
 * boot_fence - a worker has the home of its virtual server only as long as no other service has taken it
 *
 * Runs in:  metrics, web, listener, auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  workers of one virtual server, of one run of the supervisor and of its upgrades, are one holder.
 *           A process that finds the home lost ends in that very call: it sends, writes and answers nothing
 *           more, and clients hear from their listener that it cannot take mail
 * Fails by: exit status BOOT_HOME_LOST
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/spool/fence.h"

/*
 * The memory of the counters is made by the supervisor for each virtual server, all its workers inherit it,
 * and no two of them on a running kernel have the same number.
 */
void
boot_fence_name(struct boot *b)
{
	char kernel[40] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct stat st = { 0 };

	if (fd != -1) {
		if (disk_pread(fd, kernel, 36, 0) == -1)
			kernel[0] = '\0';
		close(fd);
	}
	(void)!fstat(BOOT_COUNTERS, &st);
	for (char *c = kernel; *c != '\0'; c++)
		if (strchr("0123456789abcdef-", *c) == NULL)
			*c = '-';
	snprintf(b->holder, sizeof(b->holder), "%s-%llx-%llx", kernel[0] != '\0' ? kernel : "kernel",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

/* Also on a thread of the pool: nothing is waited for. */
static void
on_lost(void *arg, const char *why)
{
	struct boot *b = arg;
	size_t len = strlen(why);

	log_event(LOG_FAULT, NULL, "home-lost", "server=%s path=%s reason=%s", b->server->name,
	    log_safe(b->server->queue), log_safe(why));
	(void)!ctl_send_now(BOOT_MASTER, CTL_REASON, 0, why, len < CTL_REASON_MAX ? len : CTL_REASON_MAX - 1);
	_exit(BOOT_HOME_LOST);
}

struct fence *
boot_fence_new(struct boot *b)
{
	return fence_new(b->holder, b->config->service.hostname, on_lost, b);
}
