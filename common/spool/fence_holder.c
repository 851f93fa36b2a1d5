/*
 * fence_holder - the name of a virtual server of a supervisor, as the holder of its home
 *
 * Runs in:  metrics, web, listener, auth, filter, limits, deliver, resolver, directory, fetch, pickup,
 *           posternctl
 * Owns:     nothing
 * Promise:  workers of one virtual server have one name: those of a supervisor, of its upgrades, and of the
 *           one that was killed before it in the same run folder; and posternctl, when it writes beside them
 * Fails by: a name that no other process has
 */
#include "common/spool/fence_holder.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"

/* Of a supervisor of a version that says nothing; it has the lock of that file, too. */
static void
find_lock(const char *run, char *supervisor, size_t size)
{
	char path[PATH_MAX];
	struct stat st = { 0 };

	snprintf(path, sizeof(path), "%s/postern.pid", run);
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
fence_holder_name(char holder[FENCE_HOLDER_SIZE], const char *supervisor, const char *run, uint32_t id)
{
	char kernel[40], found[36];

	find_kernel(kernel);
	if (supervisor != NULL && strspn(supervisor, "0123456789abcdef-") == strlen(supervisor))
		snprintf(found, sizeof(found), "%s", supervisor);
	else
		find_lock(run, found, sizeof(found));
	snprintf(holder, FENCE_HOLDER_SIZE, "%s-%.27s-%x", kernel[0] != '\0' ? kernel : "kernel", found,
	    (unsigned)id);
}

bool
fence_holder_is_sibling(const char *a, const char *b)
{
	const char *end = strrchr(a, '-');
	size_t len = end != NULL ? (size_t)(end - a) + 1 : 0;

	return len > 0 && strncmp(a, b, len) == 0 && strchr(b + len, '-') == NULL && strcmp(a, b) != 0;
}
