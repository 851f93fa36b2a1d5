/* fence_record - the file queue/owner, which says whose home it is; others use the functions of fence.h */
#ifndef COMMON_SPOOL_FENCE_RECORD_H
#define COMMON_SPOOL_FENCE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define FENCE_RECORD_FILE "owner"	/* in the queue folder */
#define FENCE_HOLDER_SIZE 80
#define FENCE_HOST_SIZE 256

struct fence_record {
	uint64_t generation;
	char holder[FENCE_HOLDER_SIZE];	/* words of letters, digits and "-" */
	char host[FENCE_HOST_SIZE];	/* for people; printable */
	bool forced;			/* the lock of the folder is not asked: who had it was given up */
};

/* `flags`: of open(2), beside those for reading and writing. A descriptor; -1 and errno. */
int fence_record_open(int queue, int flags) __attribute__((warn_unused_result));
/* Whether the name leads to another file by now. */
bool fence_record_is_replaced(int queue, int fd);
/* 1; 0: it is empty; -1 and errno: EBADMSG it is torn, or of another version. */
int fence_record_read(int fd, struct fence_record *r) __attribute__((warn_unused_result));
/* In place, and synced. -1 and errno. */
int fence_record_write(int fd, const struct fence_record *r) __attribute__((warn_unused_result));

/* queue/new, whose lock the processes of a holder share that do not own the queue. -1 and errno. */
int fence_record_open_new(int queue) __attribute__((warn_unused_result));
/* 1: another process has the lock; 0: none has; -1 and errno. */
int fence_record_is_locked(int fd) __attribute__((warn_unused_result));
/* The same of a file that was opened for that, and is closed; `fd` -1: its errno, and no file has no lock. */
int fence_record_look(int fd) __attribute__((warn_unused_result));

#endif
