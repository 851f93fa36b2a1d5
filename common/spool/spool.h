/*
 * spool - where messages live, and how they move. The only files that spell a path below a home
 *
 * A call may block on the disk. Workers make calls from pool jobs (common/process/pool), never from the loop,
 * but for spool_open(), spool_scan() at start, and spool_load().
 * All return 0, or -1 with errno, unless they say otherwise; none logs, none exits.
 *
 *   pickup/.taken-ID-NAME      a pickup file being taken: its message is being written, or in the queue
 *   queue/new/TAG.ID           being written, not accepted yet. TAG is that of the writing process
 *                              A scratch file is there for a moment at most: it has no name
 *   queue/new/TAG.lock         flock of that process for its life: spool_scan removes files of an
 *                              unlocked TAG, also in drop
 *   queue/BBB/ID               accepted: whole, synced; mtime = next due time; sticky bit (ls shows T): an
 *                              operator holds it
 *   queue/owner                whose home it is: see fence.h
 *   queue/BBB/ID.note          lines about it (failures, deferrals); never without its ID for long
 *   queue/BBB/ID.gone          a message of another node that is done (spool_gone)
 *   queue/tls-reports          what was counted for reports about TLS (spool_tally)
 *   drop/.TAG.part             a drop file being written by the process that owns the queue
 *   drop/.TAG.XXXXXXXX.part    one being written by the process of that TAG, see queue/new/TAG.lock
 *   drop/ID-N.eml              a drop file, whole
 *   badmail/ID.bad .bdr .bdp   message, reason in words, envelope for machines; .bad comes last
 */
#ifndef COMMON_SPOOL_SPOOL_H
#define COMMON_SPOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/mail/message.h"

struct commit_way;
struct fence;
struct fence_record;
struct spool;

struct spool_paths {
	const char *pickup, *queue, *drop, *badmail;
};

enum spool_which { SPOOL_QUEUE, SPOOL_DROP, SPOOL_BADMAIL, SPOOL_PICKUP, SPOOL_FOLDERS };

/*
 * Opens (and makes, mode 0700, drop 0750, pickup 0770) the folders; a NULL path is left out, and then must
 * not be used. A folder that cannot be opened is tried again when it is needed: until then what needs it
 * fails with that errno.
 */
struct spool *spool_new(const struct spool_paths *paths);
/* The same, but the queue has to be there: NULL and errno; `*where` is its path. */
struct spool *spool_open(const struct spool_paths *paths,
    const char **where) __attribute__((warn_unused_result));
/*
 * Whether a folder can be used. A drop or badmail folder that was made or mounted anew is opened again; a
 * queue is not (ESTALE): that takes a new process. Not from the loop. -1 and errno.
 */
int spool_folder_check(struct spool *s, enum spool_which which) __attribute__((warn_unused_result));
void spool_close(struct spool *s);
void spool_fence(struct spool *s, struct fence *f);	/* before the first write; see fence.h. Not owned */
/*
 * What is written to folders on that file system is committed as a batch, see commit_way.h: a folder's sync
 * stands for all files. Before the first write.
 */
void spool_commit_as(struct spool *s, const struct commit_way *way);
/* Whether drafts are: then a second commit at the same time only makes both smaller. */
bool spool_commit_is_batch(const struct spool *s);
/* False and errno: the home is not ours any more, or that is not known. What is final asks before it is. */
bool spool_folder_is_ours(struct spool *s) __attribute__((warn_unused_result));
/* Whose the home is by its record, as fence_read says; for words, when it is not ours. */
int spool_owner(const struct spool *s, struct fence_record *r) __attribute__((warn_unused_result));
/* Takes lock and home: deliver owns the queue until spool_close. -1 EWOULDBLOCK: another process has it. */
int spool_own_queue(struct spool *s) __attribute__((warn_unused_result));

/* --- spool_room: the file system of the queue --- */
struct spool_room {
	uint64_t bytes, bytes_free;	/* free: for users other than root */
	uint64_t files, files_free;	/* inodes; `files` 0: it has no fixed number of them */
};
int spool_room(struct spool *s, struct spool_room *r) __attribute__((warn_unused_result));
/* The same of any file system: `fd` is a file or folder of it. */
int spool_room_of(int fd, struct spool_room *r) __attribute__((warn_unused_result));
/*
 * Bytes to be left free: `percent` of all, or 16 messages of `message_size` bytes where these are at most a
 * tenth of all, but not more than 1G; 0 when `percent` is.
 */
uint64_t spool_room_reserve(const struct spool_room *r, unsigned percent, uint64_t message_size);
/* Bytes or inodes are below the reserve; `was_short`: or not yet a quarter of it above. */
bool spool_room_is_short(const struct spool_room *r, unsigned percent, uint64_t message_size, bool was_short);

/* --- writing a message into the queue --- */
struct spool_draft;

/* A draft in memory: formats `e` now, so `e` may be freed after. NULL and errno (EINVAL: bad value). */
struct spool_draft *spool_draft_new(struct spool *s,
    const struct message_envelope *e) __attribute__((warn_unused_result));
/*
 * Gives the draft a fixed id instead of a fresh one: a commit then fails with EEXIST when that id is in the
 * queue (its name is synced). Before any write.
 */
void spool_draft_name(struct spool_draft *d, const char *id);
/* Held (by an operator) from its first moment in the queue. Before any write. */
void spool_draft_hold(struct spool_draft *d);
bool spool_draft_is_held(const struct spool_draft *d);
/* Due at this time, in wall seconds; else now. Before the commit. */
void spool_draft_due(struct spool_draft *d, int64_t due);
/*
 * A draft of the message `id` whose whole file, with envelope and end record, somebody else has formatted:
 * spool_draft_write and _end write bytes of it as they are. A commit fails with EEXIST when that id is in the
 * queue.
 */
struct spool_draft *spool_draft_whole(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Opens the file now; another descriptor of it, for writing only, which the caller owns. -1 and errno. */
int spool_draft_open(struct spool_draft *d) __attribute__((warn_unused_result));
/* Appends content. Opens the file on first use. After a failure all further calls fail alike. */
int spool_draft_write(struct spool_draft *d, const void *data,
    size_t len) __attribute__((warn_unused_result));
/* Writes the last piece of content and the end record at once. Optional: the commit does it otherwise. */
int spool_draft_end(struct spool_draft *d, const void *data, size_t len) __attribute__((warn_unused_result));
/*
 * Ends, syncs, renames and folder-syncs `n` drafts of one spool as one group. The result of each is
 * spool_draft_error() (0 accepted). A failed one leaves no file behind. The objects stay until
 * spool_draft_free.
 */
void spool_draft_commit(struct spool_draft **drafts, size_t n);
int spool_draft_error(const struct spool_draft *d);
const char *spool_draft_id(const struct spool_draft *d);	/* known from the beginning */
/* Frees; removes the file when it was not committed. NULL is fine. */
void spool_draft_free(struct spool_draft *d);

/*
 * A file without a name in the file system of the queue, for reading and writing: what is no message yet. It
 * goes with its last descriptor. -1 and errno.
 */
int spool_draft_scratch(struct spool *s) __attribute__((warn_unused_result));

/* --- reading the queue --- */
struct spool_entry {
	char id[MESSAGE_ID_SIZE];
	int64_t due;		/* wall seconds (mtime) */
	bool held;		/* by an operator */
};

/*
 * Calls `each` for every message in buckets that changed since the last scan of this object (all, the first
 * time or with `all`). Also removes files that a dead writer left in new/ and notes without message, and
 * moves files that are no queue files to badmail. `each` may get ids that the caller knows already. How many
 * calls, or -1.
 */
ssize_t spool_scan(struct spool *s, bool all, void (*each)(void *arg, const struct spool_entry *entry),
    void *arg);

/*
 * Opens a message and reads its envelope; `*fd` (then owned by the caller) is for the content. -1: ENOENT
 * gone, EBADMSG damaged (*why). Also of a home that is lost: reading changes nothing, and all that does asks.
 */
int spool_load(struct spool *s, const char *id, struct message_envelope *e, int *fd, const char **why)
	__attribute__((warn_unused_result));
/*
 * The same. `whole` is empty; after a success it holds the file when that is so small (16 KiB) that it was
 * read with its envelope: the content begins at e->content_at. Then the caller frees it.
 */
int spool_load_small(struct spool *s, const char *id, struct message_envelope *e, int *fd,
    struct buf *whole, const char **why) __attribute__((warn_unused_result));
/*
 * At most `want` bytes of the content at `at`, of which there are so many; -1 and errno. `content`: of a
 * small message, see above; NULL: it is read from `fd`.
 */
ssize_t spool_read_content(const struct message_envelope *e, int fd, const char *content, char *piece,
    size_t want, off_t at);

/* Overwrites the mark of recipient `index`; `fd` is from spool_load. Not synced: use spool_sync. */
int spool_mark(int fd, const struct message_envelope *e, size_t index,
    char mark) __attribute__((warn_unused_result));
int spool_sync(int fd) __attribute__((warn_unused_result));
/* Sets the next due time (wall seconds). Not synced: a lost one means an earlier attempt. */
int spool_set_due(struct spool *s, const char *id, int64_t due) __attribute__((warn_unused_result));
/*
 * Holds or releases a message: a held one is not tried until it is released, also after a restart. A loaded
 * message is not touched. Many are marked first and then synced, so that one journal commit serves them all.
 * -1 ENOENT: gone.
 */
int spool_hold(struct spool *s, const char *id, bool held) __attribute__((warn_unused_result));
int spool_hold_sync(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Appends `text` (whole lines) to the note of the message; synced when `sync`. */
int spool_note_add(struct spool *s, const char *id, const char *text,
    bool sync) __attribute__((warn_unused_result));
/* The whole note into `out`; 1 read, 0 there is none, -1. */
int spool_note_read(struct spool *s, const char *id, struct buf *out) __attribute__((warn_unused_result));
/* Removes the message. Not synced: after a power cut it may return and be delivered twice, never be lost. */
int spool_remove(struct spool *s, const char *id) __attribute__((warn_unused_result));
/* Removes its note, if any; after spool_remove (the scan removes notes without message). */
int spool_remove_note(struct spool *s, const char *id) __attribute__((warn_unused_result));

/* --- spool_tally: what was counted for reports about TLS; by the owner of the queue --- */
/* To be freed; NULL and errno: ENOENT there is none, EFBIG. */
char *spool_tally_read(struct spool *s, size_t most, size_t *len) __attribute__((warn_unused_result));
/* Not from the loop. */
int spool_tally_write(struct spool *s, const void *data, size_t len) __attribute__((warn_unused_result));
int spool_tally_put_aside(struct spool *s) __attribute__((warn_unused_result));	/* it is damaged */

/* --- drop --- */
struct spool_drop {
	const char *id;				/* message id; with `part` the file name ID-part.eml */
	unsigned part;				/* tells the files of one message apart */
	int source_fd;				/* from spool_load */
	const char *content;			/* all of it; NULL: it is read from source_fd */
	const struct message_envelope *e;
	const size_t *index; size_t count;	/* the recipients of this file */
	const char *return_path;		/* text after "Return-Path: " without brackets */
	/* Its writer does not own the queue: the part has its tag, and a name in use is an error (EEXIST) */
	bool straight;
	int error;				/* out: 0, or errno */
	char other[MESSAGE_ID_SIZE];		/* out: in place of `id`, where a file has that name; "" */
};
/*
 * Writes `n` drop files as one group: write, sync, rename to the visible name, folder sync. No file is ever
 * replaced: the very same one (a repeat after a crash) counts, beside another the new one has a fresh id.
 */
#define SPOOL_DROP_BATCH 64	/* of straight ones: at most */
void spool_drop_write(struct spool *s, struct spool_drop **drops, size_t n);
/* The visible name, "ID-N.eml"; `dst` has 64 bytes. */
void spool_drop_name(char *dst, const struct spool_drop *d);
/* Removes .part files that dead processes left; called once at start by the owner of the queue. */
void spool_drop_sweep(struct spool *s);
/* Bytes of the visible drop files (for the quota); -1. */
int64_t spool_drop_size(struct spool *s);

/* --- drop: for operators --- */
#define SPOOL_DROP_FILE_SIZE 32
struct spool_drop_file {
	char name[SPOOL_DROP_FILE_SIZE];	/* ID-N, without ".eml" */
	int64_t since, since_us;		/* when it was written, wall seconds and microseconds */
	int64_t size;
};
/* Up to `n` files whose names stand before `before` ("" all), the newest first. How many, or -1. */
ssize_t spool_drop_admin_list(struct spool *s, const char *before, struct spool_drop_file *list, size_t n);
/* All of them, in no order, with their times and sizes. 0 or -1. */
int spool_drop_admin_walk(struct spool *s, void (*take)(void *arg, const struct spool_drop_file *f),
    void *arg) __attribute__((warn_unused_result));
/* Fills in since and size. 1; 0: there is none, or its name is none of ours; -1. */
int spool_drop_admin_find(struct spool *s, struct spool_drop_file *f) __attribute__((warn_unused_result));
int spool_drop_admin_open(struct spool *s,
    const struct spool_drop_file *f) __attribute__((warn_unused_result));
int spool_drop_admin_remove(struct spool *s,
    const struct spool_drop_file *f) __attribute__((warn_unused_result));

/* --- badmail --- */
struct counters;
/*
 * From now on badmail stays within `limit` bytes (UINT64_MAX: no limit): before something is added, whole
 * messages go, the oldest first. The sum is in the counters, which all processes of the server share.
 */
void spool_badmail_trim_limit(struct spool *s, struct counters *counters, uint64_t limit);
/* Files that went so since the last call; does not wait. */
size_t spool_badmail_trim_count(struct spool *s);
/*
 * Writes ID.bdp, ID.bdr, then ID.bad, synced. `e` may be NULL when it is unknown; the content is copied from
 * source_fd at [at, at+size); -1: the caller moves so much there. 1: larger than the limit, nothing is kept.
 */
int spool_badmail_write(struct spool *s, const char *id, const struct message_envelope *e, const char *reason,
    const char *details, int source_fd, off_t at, off_t size) __attribute__((warn_unused_result));

/*
 * Moves the queue file `id`, whatever it is, to badmail unchanged: when spool_load said EBADMSG. 1: larger
 * than the limit, and so removed.
 */
int spool_badmail_move(struct spool *s, const char *id, const char *reason,
    const char *details) __attribute__((warn_unused_result));
/*
 * Removes whole messages of badmail older than `keep_seconds`, then the oldest ones until all are within
 * `limit` bytes. How many files.
 */
size_t spool_badmail_trim(struct spool *s, int64_t keep_seconds, uint64_t limit);

/* One message of badmail. */
#define SPOOL_BADMAIL_SIZE 32
struct spool_badmail {
	char name[SPOOL_BADMAIL_SIZE];	/* ID, or ID-2 ... */
	bool foreign;			/* no message, but a file that was found in the queue */
	int64_t since;			/* when it came here, wall seconds */
	int64_t size;
};
/* Up to `n` messages whose names follow `after` ("" the first), in order. How many, or -1. */
ssize_t spool_badmail_admin_list(struct spool *s, const char *after, struct spool_badmail *list, size_t n);
/* All of them, in no order. 0 or -1. */
int spool_badmail_admin_walk(struct spool *s, void (*take)(void *arg, const struct spool_badmail *b),
    void *arg) __attribute__((warn_unused_result));
/* The envelope: 1, 0 unknown (perhaps damaged), -1. Free with message_envelope_done. */
int spool_badmail_admin_envelope(struct spool *s, const struct spool_badmail *b,
    struct message_envelope *e) __attribute__((warn_unused_result));
/* The text of .bdr, up to the cap of the buffer. 0 or -1. */
int spool_badmail_admin_words(struct spool *s, const struct spool_badmail *b,
    struct buf *out) __attribute__((warn_unused_result));
/* Opens the message for reading. -1 EINVAL: it is no regular file. */
int spool_badmail_admin_open(struct spool *s,
    const struct spool_badmail *b) __attribute__((warn_unused_result));
/*
 * Puts it into the queue as a new message with all recipients pending, and removes it here when that is on
 * disk. `id` is out.
 */
int spool_badmail_admin_retry(struct spool *s, const struct spool_badmail *b,
    char *id) __attribute__((warn_unused_result));
int spool_badmail_admin_purge(struct spool *s,
    const struct spool_badmail *b) __attribute__((warn_unused_result));

/* --- pickup --- */
int spool_pickup_folder(struct spool *s);	/* descriptor, owned by the spool */
const char *spool_pickup_path(const struct spool *s);	/* for inotify_add_watch */

/*
 * A file that is being taken is called .taken-ID-NAME (NAME is cut when too long): a writer that uses the old
 * name again makes another file, and after a crash the id is known, so that a message in the queue is not
 * queued twice. Do not trust the id further: every user who may write to the folder may make such a name.
 */
#define SPOOL_PICKUP_NAME_SIZE 256
/* `claimed` has SPOOL_PICKUP_NAME_SIZE bytes. */
void spool_pickup_claim_name(char *claimed, const char *name, const char *id);
/* Whether `claimed` is such a name; then its id (MESSAGE_ID_SIZE bytes) and where the old name begins. */
bool spool_pickup_claim_parse(const char *claimed, char *id, const char **name);
/* Renames, never over another file (EEXIST). Not synced: after a power cut either name is fine. */
int spool_pickup_claim(struct spool *s, const char *name,
    const char *claimed) __attribute__((warn_unused_result));
int spool_pickup_unclaim(struct spool *s, const char *claimed,
    const char *name) __attribute__((warn_unused_result));
/* Removes the pickup file `name`, whose message is in the queue; not synced (a repeat is a duplicate). */
int spool_pickup_remove(struct spool *s, const char *name) __attribute__((warn_unused_result));
/*
 * Moves the pickup file `name` (whatever it is: link, device, bad text) to badmail as ID.bad, by rename, or
 * across file systems by copy (regular files only), with .bdr and .bdp beside it. `id` is out,
 * MESSAGE_ID_SIZE bytes. 1: larger than badmail may be, and so removed.
 */
int spool_pickup_refuse(struct spool *s, const char *name, const char *reason, const char *details, char *id)
	__attribute__((warn_unused_result));

#endif
