/* spool_mend - a home that comes from another host, where users have other numbers */
#ifndef COMMON_SPOOL_SPOOL_MEND_H
#define COMMON_SPOOL_SPOOL_MEND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spool_mend {
	uid_t uid; gid_t gid;		/* whose everything is to be */
	bool dry;			/* only looks */
	size_t mended, left;		/* out: files and folders; left: links, and what is no file */
};

/*
 * The folder and what lies in it, two levels deep, as mail folders are. A file with a second name is left: it
 * may be one of this host that somebody has put there. -1 and errno; ENOENT: there is no such folder.
 */
int spool_mend(const char *folder, struct spool_mend *m) __attribute__((warn_unused_result));

#endif
