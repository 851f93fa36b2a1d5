/* spool_private - shared by the files of spool*; no other file includes it */
#ifndef COMMON_SPOOL_SPOOL_PRIVATE_H
#define COMMON_SPOOL_SPOOL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#include "common/process/counters.h"
#include "common/spool/spool.h"

/* By arrival time, about 8 s each: one group of commits has one folder to sync */
#define SPOOL_BUCKETS 1024
#define SPOOL_TAG_LEN 8
#define SPOOL_NAME_SIZE 64	/* the longest name below any folder of ours */
#define SPOOL_COPY (128U << 10)	/* content is copied in pieces of this size */

struct spool {
	int pickup, queue, fresh, drop, badmail;	/* folders; fresh is queue/new */
	char *path[SPOOL_FOLDERS];	/* NULL: left out */
	struct fence *fence;		/* NULL: nobody else can take the home */
	_Atomic int error[SPOOL_FOLDERS];	/* errno: not to be used, although it is open; 0 */
	dev_t batch_device;		/* with `batches`: of the file system whose journal carries a batch */
	bool batches;
	atomic_bool batch[SPOOL_FOLDERS];	/* the folder is there */
	bool owner;
	struct counters *counters;	/* NULL: the sum is our own */
	uint64_t bad_limit;		/* of badmail, in bytes; 0 none */
	int64_t bad_sum;
	pthread_mutex_t bad_lock;	/* recursive, `bad_depth` deep; guards bad_trimmed */
	unsigned bad_depth;
	size_t bad_trimmed;		/* files, not yet told */
	pthread_mutex_t lock;		/* guards tag, tag_fd, kept and the opening of folders */
	char tag[SPOOL_TAG_LEN + 1];	/* "" until the first draft */
	int tag_fd;
	atomic_bool replaces;		/* the file system of drop cannot refuse to replace a name */
	struct spool_bucket *kept;	/* with `lock`; NULL */
	struct timespec seen[SPOOL_BUCKETS];	/* spool_scan: a bucket's mtime when last read; 0 never */
};

/* The descriptor of a folder, opened now when it could not be before. -1 and errno. */
int spool_folder_open(struct spool *s, enum spool_which which);
/* "BBB/ID" and "BBB/ID.note"; `dst` has SPOOL_NAME_SIZE bytes. A bad id is a bug of the caller. */
void spool_name_message(char *dst, const char *id);
void spool_name_note(char *dst, const char *id);
#define SPOOL_HELD S_ISVTX	/* in the mode of a queue file */
/* As spool_load_small (`whole` NULL: as spool_load), of a file that another process may have opened. */
int spool_load_open(int fd, const char *id, struct message_envelope *e, struct buf *whole, const char **why)
	__attribute__((warn_unused_result));

/* --- spool_commit --- */
/* With the lock: `fd`, -1 none, is the folder now. */
void spool_commit_judge(struct spool *s, enum spool_which which, int fd);
/* Before a file gets its name there: data and size are on disk, or will be when the folder is synced. */
int spool_commit_file(struct spool *s, enum spool_which which, int fd) __attribute__((warn_unused_result));

/* The tag of this process, locked; NULL and errno. */
const char *spool_draft_tag(struct spool *s);
/* Its process has gone, or never was. `tag`: SPOOL_TAG_LEN bytes. */
bool spool_draft_tag_is_dead(struct spool *s, const char *tag);
/* Removes the parts of drop files that its process left. */
void spool_drop_sweep_tag(struct spool *s, const char *tag);

/*
 * Before a group is written: opens the drop folder that is at the path now, when that is another one than
 * before. Whether it is on the file system of the queue: then it makes nothing wait that the queue does not.
 */
bool spool_drop_follow(struct spool *s);
/* While spool_draft_fd() is -1: its envelope, when that is ours. */
const struct buf *spool_draft_head(const struct spool_draft *d);

/* --- spool_bucket --- */

unsigned spool_bucket_of(const char *id);
void spool_bucket_name(char *dst, unsigned number);	/* SPOOL_NAME_SIZE bytes */
/* Moves a file into its bucket, making that when needed; EEXIST when the id is taken. */
int spool_bucket_put(struct spool *s, int from_folder, const char *from,
    const char *id) __attribute__((warn_unused_result));
/*
 * The same; *error is 0 or errno. The bucket, to be left: also with EEXIST, as the name is in it then. NULL:
 * it cannot be opened.
 */
struct spool_bucket *spool_bucket_place(struct spool *s, int from_folder, const char *from,
    const char *id, int *error);
void spool_bucket_leave(struct spool *s, struct spool_bucket *b);
/* That of this id; it may be there. */
int spool_bucket_make(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* To a name that nothing has there, also by NFS. 0; -1 and errno: EEXIST. */
int spool_bucket_rename(int from_folder, const char *from, int to_folder,
    const char *to) __attribute__((warn_unused_result));
/* After it the names that were placed in it are on disk. */
int spool_bucket_sync(const struct spool_bucket *b) __attribute__((warn_unused_result));
/* The same for a name that something else has put there. */
int spool_bucket_sync_name(struct spool *s, const char *id) __attribute__((warn_unused_result));
void spool_bucket_close(struct spool *s);

/* Copies size bytes at `at` of `from` to the end of `to`. */
int spool_copy(int from, off_t at, off_t size, int to) __attribute__((warn_unused_result));
/* Whether two open files have the same bytes; both are so large. */
bool spool_same_bytes(int a, int b, off_t size);
/* Adds `n` to the bytes of badmail as far as they are known, of all processes. The new sum. */
int64_t spool_badmail_trim_sum(struct spool *s, int64_t n);
/*
 * Held while something is added or trimmed, by one thread of all processes: what another one has counted, but
 * not written yet, would not be seen by the trimming. May be taken again by the same thread.
 */
void spool_badmail_trim_lock(struct spool *s);
void spool_badmail_trim_unlock(struct spool *s);		/* errno survives */
/* What a file of so many bytes takes of the limit. Pure. */
uint64_t spool_badmail_trim_cost(uint64_t size);
/* With the lock held, before files of these sizes are added: makes room. -1 EFBIG: they never fit. */
int spool_badmail_trim_make_room(struct spool *s, const uint64_t *file,
    size_t files) __attribute__((warn_unused_result));
/*
 * A file of another folder as it is, under the name `to`. From another file system a regular one is copied;
 * what is none is removed, as its words are all that can be kept.
 */
int spool_badmail_take(struct spool *s, int folder, const char *name,
    const char *to) __attribute__((warn_unused_result));
/* Removes .bdp and .bdr of `base` when no message comes beside them; errno survives. */
void spool_badmail_remove_words(struct spool *s, const char *base);
/* A fresh id of now and chance. */
void spool_fresh_id(char *id);

/* --- spool_scan --- */
/* One of `parts`, which may run at a time; all of them are the same as spool_scan. */
ssize_t spool_scan_part(struct spool *s, bool all, unsigned part, unsigned parts,
    void (*each)(void *arg, const struct spool_entry *entry), void *arg);

#endif
