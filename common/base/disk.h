/* disk - whole writes, syncs, crash points. With spool the only caller of fsync and fdatasync */
#ifndef COMMON_BASE_DISK_H
#define COMMON_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* All return 0, or -1 with errno. A short write is continued; a full disk is ENOSPC. */
int disk_write(int fd, const void *data, size_t len) __attribute__((warn_unused_result));
int disk_writev(int fd, struct iovec *iov, int count) __attribute__((warn_unused_result)); /* changes iov */
int disk_pwrite(int fd, const void *data, size_t len, off_t at) __attribute__((warn_unused_result));
int disk_sync(int fd) __attribute__((warn_unused_result));		/* data and size (fdatasync) */
/* Data, size, mode and times (fsync). */
int disk_sync_whole(int fd) __attribute__((warn_unused_result));
int disk_sync_folder(int fd) __attribute__((warn_unused_result));	/* names (fsync of a folder) */
/* The same by its path. */
int disk_sync_folder_at(const char *folder) __attribute__((warn_unused_result));
void disk_close(int fd);	/* -1 is fine; errno stays, for what failed before it */
void disk_start(int fd);	/* begins to write back: a disk_sync or disk_wait has less to do then */
/*
 * Writes back and waits: the device has the data, perhaps in a cache, and no name or size is on disk. What
 * that is good for: common/spool/commit_way.c.
 */
int disk_wait(int fd) __attribute__((warn_unused_result));
/* Reads up to `len` bytes at `at`; the count read (short only at end of file), or -1. */
ssize_t disk_pread(int fd, void *data, size_t len, off_t at) __attribute__((warn_unused_result));

/*
 * The bytes of a file, with a NUL behind them, owned by the caller; *len: without it. NULL and errno; EFBIG:
 * it has more than `most` bytes.
 */
char *disk_read_whole(int fd, size_t most, size_t *len) __attribute__((warn_unused_result));

/*
 * The file system, where a queue should not lie: "tmpfs", "ramfs" and "overlay", which do not outlive the
 * host or the container, and those of other hosts, as "nfs"; `why` has words. For a path that is not there
 * yet, that of the folder above it. NULL: another, or not known. Static.
 */
const char *disk_unfit(const char *path, const char **why);
const char *disk_unfit_kind(uint32_t magic, const char **why);	/* pure: the same by f_type of statfs(2) */

/*
 * Why the file or folder `path` cannot be made or used, for operators: strerror(3), and where the unit of
 * systemd may be the cause, what to change. Static.
 */
const char *disk_reason(const char *path, int error);

/*
 * Replaces the file `path`, whole or not at all, by way of `part` in the same folder; what a process that
 * died left there is overwritten. The bytes are synced, the name is not. 0 or -1.
 */
int disk_replace(const char *part, const char *path, mode_t mode, const void *data,
    size_t len) __attribute__((warn_unused_result));

/*
 * A named instant at which the crash tests may end the process with SIGKILL:
 * POSTERN_CRASH="name[:count]" in the environment. Nothing in a release build.
 */
#ifdef POSTERN_TEST
void disk_crash_point(const char *name);
/* Whether such a call is to do nothing, for a test to see: POSTERN_LEAVE_OUT="sync", "wait" or "folder". */
bool disk_leaves_out(const char *call);
#else
static inline void
disk_crash_point(const char *name)
{
}
static inline bool
disk_leaves_out(const char *call)
{
	return false;
}
#endif

#endif
