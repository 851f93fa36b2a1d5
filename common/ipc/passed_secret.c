/*
 * passed_secret - a password that goes to another process as a descriptor
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  who hands it on reads none of it
 * Fails by: -1, false
 */
#include "common/ipc/passed_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/base/disk.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int
passed_secret_make(const char *data, size_t len)
{
	int fd = memfd_create("postern-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd != -1 && disk_write(fd, data, len) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	disk_close(fd);
	return -1;
}

bool
passed_secret_is_one(int fd, size_t most)
{
	struct stat st;
	int seals = fd != -1 ? fcntl(fd, F_GET_SEALS) : -1;

	return seals != -1 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 && (size_t)st.st_size <= most;
}
