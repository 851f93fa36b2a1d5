/*
 * policy_store - the MTA-STS policies that were fetched, in STATE/mta-sts over restarts
 *
 * Runs in:  master; for the fetch helper, which may open no file, and writes into this one
 * Owns:     that file; only the master can open it
 * Promise:  one regular file of ours, that others may not read. What is in it is policy_file's
 * Fails by: -1, and an errno and words in the answer
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl.h"
#include "master/processes/processes.h"

#define FILE_NAME "mta-sts"

/* 0, or an errno. */
static int
judge_store(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return errno;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 ? 0 : EINVAL;
}

int
policy_store_open(const char *folder, struct ctl_opened *answer)
{
	char *path = mem_printf("%s/" FILE_NAME, folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	answer->error = fd == -1 ? errno : judge_store(fd);
	if (answer->error != 0)
		snprintf(answer->why, sizeof(answer->why), "%s: %s", path, strerror(answer->error));
	if (answer->error != 0 && fd != -1) {
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

void
policy_store_tell(struct master *m)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->role == ROLE_DELIVER)
			child_send(c, CTL_POLICIES, 0, NULL, 0, -1);
}

bool
policy_store_has_some(const char *folder)
{
	char *path = mem_printf("%s/" FILE_NAME, folder);
	struct stat st;
	bool some = lstat(path, &st) == 0 && st.st_size > 0;

	free(path);
	return some;
}
