/* trace_files - where the event log lies: its files, with those that were rotated or packed */
#ifndef COMMON_TRACE_TRACE_FILES_H
#define COMMON_TRACE_TRACE_FILES_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define TRACE_FILES_SYSLOG "/var/log/mail.log"	/* where syslog daemons of Debian put facility mail */

struct trace_files_one { char *path; ino_t inode; struct timespec written; };
struct trace_files { struct trace_files_one *one; size_t count; };	/* the oldest first */

/* "PATH", "PATH.1", "PATH.2.gz", "PATH-20261130": those that there are. */
void trace_files_find(struct trace_files *t, const char *path);
void trace_files_done(struct trace_files *t);

#endif
