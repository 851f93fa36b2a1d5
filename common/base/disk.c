/*
 * disk - whole writes, syncs, crash points
 *
 * Runs in:  every process; each call may block, so workers make them on pool threads; the master, which has
 *           no pool, writes its few small files on its loop
 * Owns:     nothing
 * Promise:  0 means all bytes were taken, or the sync was answered by the disk
 * Fails by: -1 and errno
 */
#include "common/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/mem.h"

#ifdef POSTERN_TEST
#include <signal.h>
#include <stdatomic.h>
#endif

void
disk_close(int fd)
{
	int saved = errno;

	if (fd != -1)
		close(fd);
	errno = saved;
}

/* Folders that ProtectHome of the unit closes. */
static bool
is_private(const char *path)
{
	static const char *const closed[] = { "/home/", "/root/", "/run/user/" };

	for (size_t i = 0; i < nitems_of(closed); i++)
		if (strncmp(path, closed[i], strlen(closed[i])) == 0)
			return true;
	return false;
}

const char *
disk_unfit_kind(uint32_t magic, const char **why)
{
	static const char fleeting[] =
	    "accepted mail that waits there is lost when the host, or its container, is started anew";
	static const char elsewhere[] =
	    "a queue has to be on a disk of this host: locks and syncs of another one's end with the network";
	static const struct { uint32_t magic; const char *name, *why; } rows[] = {
		{ TMPFS_MAGIC, "tmpfs", fleeting }, { RAMFS_MAGIC, "ramfs", fleeting },
		{ OVERLAYFS_SUPER_MAGIC, "overlay", fleeting }, { NFS_SUPER_MAGIC, "nfs", elsewhere },
		{ SMB_SUPER_MAGIC, "smb", elsewhere }, { SMB2_SUPER_MAGIC, "smb", elsewhere },
		{ CIFS_SUPER_MAGIC, "cifs", elsewhere }, { V9FS_MAGIC, "9p", elsewhere },
		{ CEPH_SUPER_MAGIC, "ceph", elsewhere }, { AFS_SUPER_MAGIC, "afs", elsewhere },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].magic == magic) {
			*why = rows[i].why;
			return rows[i].name;
		}
	return NULL;
}

const char *
disk_unfit(const char *path, const char **why)
{
	char *part = mem_strdup(path), *slash;
	struct statfs st;
	int result;

	while ((result = statfs(part, &st)) == -1 && errno == ENOENT && (slash = strrchr(part, '/')) != NULL)
		slash[slash == part] = '\0';
	free(part);
	return result == 0 ? disk_unfit_kind((uint32_t)st.f_type, why) : NULL;
}

const char *
disk_reason(const char *path, int error)
{
	if (error == EROFS)
		return "Read-only file system (under systemd: ReadWritePaths, see postern(8))";
	if (error == EACCES && is_private(path))
		return "Permission denied (under systemd: ProtectHome, ReadWritePaths, see postern(8))";
	return strerror(error);
}

int
disk_write(int fd, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = mem_unconst(data), .iov_len = len };

	return disk_writev(fd, &iov, 1);
}

int
disk_writev(int fd, struct iovec *iov, int count)
{
	while (count > 0) {
		ssize_t n;

		if (iov->iov_len == 0) {
			iov++;
			count--;
			continue;
		}
		n = writev(fd, iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		while (n > 0) {
			size_t part = (size_t)n < iov->iov_len ? (size_t)n : iov->iov_len;

			iov->iov_base = (char *)iov->iov_base + part;
			iov->iov_len -= part;
			n -= (ssize_t)part;
			if (iov->iov_len == 0 && count > 1) {
				iov++;
				count--;
			}
		}
		if (iov->iov_len == 0) {
			iov++;
			count--;
		}
	}
	return 0;
}

int
disk_pwrite(int fd, const void *data, size_t len, off_t at)
{
	const char *from = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		from += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

void
disk_start(int fd)
{
	/* a hint: disk_sync and disk_wait tell of errors */
	if (!disk_leaves_out("wait") && !disk_leaves_out("sync"))
		(void)!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int
disk_wait(int fd)
{
	return disk_leaves_out("wait") ? 0 : sync_file_range(fd, 0, 0,
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

int
disk_sync(int fd)
{
	return disk_leaves_out("sync") ? 0 : fdatasync(fd);
}

int
disk_sync_whole(int fd)
{
	return fsync(fd);
}

int
disk_sync_folder(int fd)
{
	return disk_leaves_out("folder") ? 0 : fsync(fd);
}

int
disk_sync_folder_at(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (fd == -1)
		return -1;
	result = disk_sync_folder(fd);
	disk_close(fd);
	return result;
}

ssize_t
disk_pread(int fd, void *data, size_t len, off_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)data + got, len - got, at + (off_t)got);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

char *
disk_read_whole(int fd, size_t most, size_t *len)
{
	struct stat st;
	char *data;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return NULL;
	if ((uint64_t)st.st_size > most) {
		errno = EFBIG;
		return NULL;
	}
	data = mem_zalloc((size_t)st.st_size + 1);
	n = disk_pread(fd, data, (size_t)st.st_size, 0);
	if (n == -1) {
		int saved = errno;

		explicit_bzero(data, (size_t)st.st_size); /* a key may be there in part */
		free(data);
		errno = saved;
		return NULL;
	}
	*len = (size_t)n;
	return data;
}

static int
write_new_file(const char *part, const char *path, mode_t mode, const void *data, size_t len)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int result;

	if (fd == -1)
		return -1;
	result = disk_write(fd, data, len);
	if (result == 0)
		result = disk_sync(fd);
	disk_close(fd);
	return result == 0 ? rename(part, path) : -1;
}

int
disk_replace(const char *part, const char *path, mode_t mode, const void *data, size_t len)
{
	int result, saved;

	unlink(part);
	result = write_new_file(part, path, mode, data, len);
	saved = errno;
	if (result == -1)
		unlink(part);
	errno = saved;
	return result;
}

#ifdef POSTERN_TEST
bool
disk_leaves_out(const char *call)
{
	const char *left_out = getenv("POSTERN_LEAVE_OUT");

	return left_out != NULL && strcmp(left_out, call) == 0;
}

void
disk_crash_point(const char *name)
{
	static atomic_int hits;
	const char *want = getenv("POSTERN_CRASH");
	size_t len;
	int count;

	if (want == NULL)
		return;
	len = strcspn(want, ":");
	if (strlen(name) != len || strncmp(want, name, len) != 0)
		return;
	count = want[len] == ':' ? atoi(want + len + 1) : 1;
	if (atomic_fetch_add(&hits, 1) + 1 == count)
		kill(getpid(), SIGKILL);
}
#endif
