/*
 * decoy_key - the key in STATE/decoy-key from which salts for unknown names are drawn
 *
 * Runs in:  master; for the auth helper, which may open no file. Syncs on the loop, one small file once
 * Owns:     that file; only the master can read it
 * Promise:  the same key over restarts: SCRAM shows the same salt for a name, whether it has an account or
 *           not. A file that is damaged or that others may read is replaced
 * Fails by: -1, and an errno and words in the answer
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "master/processes/processes.h"

static int
open_key(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* NULL, or what is wrong with it. */
static const char *
judge_key(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || st.st_size != CTL_DECOY_KEY_SIZE)
		return "the file is damaged";
	return (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 ? "others may read the file" : NULL;
}

/* 0, or -1 and errno. */
static int
make_key(const char *folder, const char *path)
{
	uint8_t key[CTL_DECOY_KEY_SIZE];
	char *part = mem_printf("%s/.decoy-key.part", folder);
	int result = getrandom(key, sizeof(key), 0) == sizeof(key) ?
	    disk_replace(part, path, 0600, key, sizeof(key)) : -1;
	int saved = errno;

	explicit_bzero(key, sizeof(key));
	free(part);
	errno = saved;
	return result;
}

int
decoy_key_open(const char *folder, struct ctl_opened *answer)
{
	char *path = mem_printf("%s/decoy-key", folder);
	int fd = open_key(path);
	const char *bad = fd != -1 ? judge_key(fd) : NULL;

	if (bad != NULL) {
		log_event(LOG_WARN, NULL, "trouble", "file=%s reason=%s", log_safe(path), log_safe(bad));
		close(fd);
		fd = -1;
	}
	if (fd == -1 && make_key(folder, path) == 0)
		fd = open_key(path);
	if (fd == -1) {
		answer->error = errno;
		snprintf(answer->why, sizeof(answer->why), "%s: %s", path, strerror(answer->error));
	}
	free(path);
	return fd;
}
