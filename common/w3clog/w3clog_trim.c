/*
 * w3clog_trim - removes files of the protocol log that are older than the administrator wants them
 *
 * Runs in:  pickup; on a pool thread
 * Owns:     nothing
 * Promise:  only regular files whose names the log makes itself; a file that is still written is younger
 *           than any limit
 * Fails by: *error; what could not be removed is tried again at the next turn
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/w3clog/w3clog.h"

static bool
is_old(int folder, const char *name, uint64_t keep_ms, int64_t now_us)
{
	struct stat st;
	int64_t written_us, age_us;

	if (!w3clog_names_is_log(name) || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return false;
	written_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	age_us = now_us - written_us;
	return age_us >= 0 && (uint64_t)age_us / 1000 >= keep_ms;
}

size_t
w3clog_trim(const char *folder, uint64_t keep_ms, int64_t now_us, int *error)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t gone = 0;

	*error = 0;
	if (dir == NULL) {
		*error = errno;
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!is_old(dirfd(dir), entry->d_name, keep_ms, now_us))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			gone++;
		else if (*error == 0)
			*error = errno;
	}
	closedir(dir);
	return gone;
}
