/*
 * nfs_lock - flock(2) in place of the library's, with the rule of NFS: what locks a file that it may only read fails
 */
#ifndef NFS_LOCK_H
#define NFS_LOCK_H

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NFS gives an exclusive lock of a file only to who may write it. */
int
flock(int fd, int operation)
{
	struct stat st;

	if ((operation & LOCK_EX) != 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode)) {
		errno = EBADF;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

#endif
