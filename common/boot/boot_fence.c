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
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/spool/fence.h"

/* Of a supervisor of a version that says nothing; it has the lock of that file, too. */
static void
find_lock(const struct boot *b, char *supervisor, size_t size)
{
	char path[PATH_MAX];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/postern.pid", b->config->service.run);
	(void)!lstat(path, &st);
	snprintf(supervisor, size, "%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

/* Without its dashes: all has to fit. "": /proc is not there. */
static void
find_kernel(char kernel[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	memset(kernel, 0, 40);
	if (fd == -1)
		return;
	(void)!disk_pread(fd, kernel, 36, 0);
	close(fd);
	for (const char *c = kernel; *c != '\0'; c++)
		if (strchr("0123456789abcdef", *c) != NULL)
			kernel[len++] = *c;
	kernel[len] = '\0';
}

/*
 * The running kernel, the lock that one supervisor at a time has, and the virtual server. Whoever has the
 * same name as a worker whose supervisor was killed sees the locks of that worker: on one kernel they are
 * enough, as they were among the workers of a reload. So that worker ends what it has begun, and the next
 * one of its kind waits where a lock says so, and not for the whole home. Of the supervisors of two
 * containers, or of two hosts, each has another lock or another kernel, and is another holder.
 */
void
boot_fence_name(struct boot *b)
{
	const char *said = getenv(BOOT_SUPERVISOR);
	char kernel[40], supervisor[28];

	find_kernel(kernel);
	if (said != NULL && strspn(said, "0123456789abcdef-") == strlen(said))
		snprintf(supervisor, sizeof(supervisor), "%s", said);
	else
		find_lock(b, supervisor, sizeof(supervisor));
	snprintf(b->holder, sizeof(b->holder), "%s-%s-%x", kernel[0] != '\0' ? kernel : "kernel", supervisor,
	    (unsigned)b->server->id);
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

	log_event(LOG_FAULT, NULL, "home-lost", "server=%s path=%s reason=%s", b->server->name,
	    log_safe(b->server->queue), log_safe(why));
	boot_fence_end(why);
}

void
boot_fence_words(const struct boot *b, const struct fence_record *r, char why[CTL_REASON_MAX])
{
	snprintf(why, CTL_REASON_MAX, "its home is that of %.60s (generation %llu), whose processes have it; "
	    "posternctl adopt --force %.150s %.63s takes it", r->host, (unsigned long long)r->generation,
	    log_safe(b->server->home), b->server->name);
}

struct fence *
boot_fence_new(struct boot *b)
{
	return fence_new(b->holder, b->config->service.hostname, on_lost, b);
}
