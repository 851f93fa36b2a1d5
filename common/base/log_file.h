/* log_file - a named file that takes events: opened so that it is the one that is meant */
#ifndef COMMON_BASE_LOG_FILE_H
#define COMMON_BASE_LOG_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Opens `path` for appending, and makes it (mode 0640, group `gid`) when it is missing. The file must be a
 * regular one with one name, of root, of the caller or of `uid`, that others cannot write to; -1: no further
 * owner, the group of the caller. The descriptor, or -1 and the reason in words in `why`.
 */
int log_file_open(const char *path, uid_t uid, gid_t gid, char *why,
    size_t size) __attribute__((warn_unused_result));
/* Whether a file that is there would be taken, and one that is missing could be made: 0, or -1 and `why`. */
int log_file_judge(const char *path, uid_t uid, char *why, size_t size) __attribute__((warn_unused_result));

#endif
