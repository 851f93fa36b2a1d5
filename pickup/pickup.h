/* pickup - private header of the pickup worker; one block a file, alphabetical */
#ifndef PICKUP_PICKUP_H
#define PICKUP_PICKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/mail/message.h"
#include "common/mail/spool.h"
#include "common/process/boot.h"
#include "common/process/intake.h"
#include "common/process/pool.h"

/* --- body: bytes of a file made into CRLF lines without dot-stuffing. Pure --- */

/* What a first pass over all bytes found. Zeroed to begin with. */
struct body_survey {
	uint64_t single;	/* lines that begin with one dot only; a lone dot counts unless it is the last line */
	uint64_t doubled;	/* lines that begin with two */
	bool lone;		/* the last line is a lone dot */
	bool eightbit, nul;
	unsigned char state;	/* private */
	bool cr;
};
size_t body_mark(const char *in, size_t len);	/* bytes of a UTF-8 byte order mark at the start of the file: 3 or 0 */
void body_survey_add(struct body_survey *s, const char *in, size_t len);
void body_survey_end(struct body_survey *s);
/*
 * For pickup-dots = auto: each line that begins with a dot begins with two, but for a lone dot as the last line, and there is such a line.
 */
bool body_is_stuffed(const struct body_survey *s);

/* Zeroed but for `unstuff`: one leading dot of a line is taken away, and a lone dot ends the message (what follows is not part of it). */
struct body {
	bool unstuff;
	bool ended;
	bool cr;		/* private */
	unsigned char state;
};
void body_add(struct body *b, const char *in, size_t len, struct buf *out);
void body_end(struct body *b, struct buf *out);

/* --- feed: files on their way from the folder to the queue --- */

struct feed;
struct pickup;
struct feed *feed_new(struct pickup *p);
void feed_free(struct feed *f);				/* after pool_free */
void feed_more(struct feed *f);				/* starts what is due and allowed */
void feed_retry(struct feed *f);			/* now and then: removes files that could not be removed */
size_t feed_active(const struct feed *f);		/* files on their way */
void feed_hurry(struct feed *f);			/* large files that are still being read are put back */
void feed_give_up(struct feed *f);			/* forgets files that could not be removed: their folder is gone */

/* --- judge: which file is taken. Pure --- */

/* How a file's name came to us: what the kernel told, or the scan. */
enum judge_evidence {
	JUDGE_RENAMED,		/* renamed into the folder */
	JUDGE_CLOSED,		/* closed after writing */
	JUDGE_CREATED,		/* a new name */
	JUDGE_OPEN,		/* a new name, and somebody opened it: being written */
	JUDGE_REOPENED,		/* opened again after it was closed */
	JUDGE_UNSURE,		/* as JUDGE_OPEN, but a close may have been missed */
	JUDGE_SCANNED,		/* found by looking */
	JUDGE_LEFT,		/* under a claimed name: its taker ended */
	JUDGE_EVIDENCE_COUNT
};

enum judge_reason {
	JUDGE_GOOD,
	JUDGE_LINK, JUDGE_DEVICE, JUDGE_SECOND_NAME, JUDGE_EMPTY, JUDGE_LARGE, JUDGE_UNREADABLE,
	JUDGE_NUL, JUDGE_NO_HEADER, JUDGE_LONG_HEADER, JUDGE_TWO_SENDERS, JUDGE_BAD_SENDER, JUDGE_NO_SENDER, JUDGE_BAD_RECIPIENT,
	JUDGE_MANY_RECIPIENTS, JUDGE_NO_RECIPIENTS,
	JUDGE_REASON_COUNT
};
const char *judge_words(enum judge_reason reason);

enum judge_answer {
	JUDGE_TAKE,
	JUDGE_WAIT,		/* look again after wait_ms */
	JUDGE_REFUSE,		/* to badmail */
	JUDGE_IGNORE,		/* gone, or none of our business */
	JUDGE_HOLD,		/* we lack something: take no file for a while */
};
struct judge_verdict {
	enum judge_answer answer;
	enum judge_reason reason;	/* JUDGE_REFUSE */
	unsigned wait_ms;		/* JUDGE_WAIT */
	const char *trouble;		/* JUDGE_WAIT: when the operator should know; else NULL */
};

struct judge_rules {
	uint64_t max_size;
	bool remote;		/* a network file system: others write without our being told */
};
struct judge_facts {
	uint32_t mode, nlink;
	uint64_t size;
	int64_t mtime_us, ctime_us, now_us;
	uint64_t now_ms;	/* monotonic */
	bool sealed;		/* immutable or append-only: could not be removed, so it is not sent */
};
/* What earlier looks at the same file saw. Zeroed to begin with. */
struct judge_memory {
	bool known;
	uint64_t size;
	int64_t mtime_us, ctime_us;
	uint64_t since_ms, first_ms;
};
bool judge_ignores(const char *name);
unsigned judge_first_look(enum judge_evidence evidence);	/* ms after the news */
struct judge_verdict judge_file(const struct judge_rules *r, enum judge_evidence evidence, const struct judge_facts *f,
    struct judge_memory *m);
/* After an open, lock or read that failed with `error`; counts the tries. */
struct judge_verdict judge_error(int error, unsigned *tries);

/* --- compose: envelope and header from a file's header. Pure --- */

#define COMPOSE_FIELDS_MAX (1U << 20)	/* header fields behind the x- lines */
#define COMPOSE_HEADER_MAX (8U << 20)	/* with them */
#define COMPOSE_RECIPIENTS_MAX 200000	/* a bound for memory; more than a queue file's envelope has to hold */
#define COMPOSE_DETAIL_SIZE 256

struct compose_rules {
	const char *fqdn, *domain;	/* `domain` completes bare addresses */
	const char *id, *date;		/* of this message */
};
/*
 * The file's first bytes are those of a drop file: x- lines, then Received. It was written by an SMTP server, without dot-stuffing.
 */
bool compose_is_replayed(const char *raw, size_t len);
/* Places in the normalised bytes (CRLF lines). */
struct compose_header {
	size_t start;		/* behind empty lines at the top */
	size_t fields;		/* behind the leading x- lines */
	size_t end;		/* behind the last field */
	size_t body;		/* behind the empty line, when there is one */
};
/* 1 found; 0 needs more bytes (never with `whole`); -1 over a limit. */
int compose_split(const char *data, size_t len, bool whole, struct compose_header *h) __attribute__((warn_unused_result));
/*
 * Fills `e` (zeroed; done by the caller also after a refusal) and appends to `out` our Received field, the header as it is sent and the
 * empty line. `detail` (COMPOSE_DETAIL_SIZE) says what is wrong, for people.
 */
enum judge_reason compose_message(const struct compose_rules *rules, const char *data, const struct compose_header *h,
    struct message_envelope *e, struct buf *out, char *detail) __attribute__((warn_unused_result));

/* --- known: names in the folder that are not taken yet --- */

struct known;
struct known_file {
	char *name;		/* owned by the table */
	enum judge_evidence evidence;
	struct judge_memory memory;
	unsigned tries;
};
struct known *known_new(size_t max);
void known_free(struct known *k);
/* Tells of a name. False: the table is full and this one is not in it. */
bool known_news(struct known *k, const char *name, enum judge_evidence evidence, uint64_t now_ms) __attribute__((warn_unused_result));
/* The next file whose time has come, or NULL. The caller ends the look by known_look_again or known_forget; its name stays until then. */
struct known_file *known_take_due(struct known *k, uint64_t now_ms);
uint64_t known_next_due(const struct known *k);		/* monotonic ms; UINT64_MAX: none */
void known_look_again(struct known *k, struct known_file *f, uint64_t now_ms, uint64_t after_ms);
/* We ourselves rename, or renamed while looking, a file back to `name`: the kernel's news of it says nothing about its writer. */
void known_put_back(struct known *k, const char *name, uint64_t now_ms);
/* News were lost: perhaps files being written were closed. */
void known_doubt(struct known *k, uint64_t now_ms);
/* Taken, refused or gone; news that came meanwhile make it a new file. */
void known_forget(struct known *k, struct known_file *f, uint64_t now_ms);
size_t known_count(const struct known *k);

/* --- take: one file from its name to bytes for the queue, on pool threads --- */

#define TAKE_PIECE (128U << 10)		/* files up to this size are read at once */

struct take_rules {
	struct judge_rules judge;
	enum config_dots dots;
	const char *fqdn, *domain;
};

struct take {
	const struct take_rules *rules;
	struct spool *folder, *queue;
	struct known_file *file;	/* while it is looked at; then NULL */
	char name[SPOOL_PICKUP_NAME_SIZE];	/* as its writer called it */
	char current[SPOOL_PICKUP_NAME_SIZE];	/* what it is called now */
	char id[MESSAGE_ID_SIZE];
	bool left;			/* `current` is the claimed name of a process that ended */
	bool put_back;			/* take_clear: under its old name, instead of removing */
	/* results */
	struct judge_verdict verdict;
	int error;			/* of what the operator should know; 0 nothing */
	const char *doing;		/* what failed with it */
	char detail[COMPOSE_DETAIL_SIZE];
	char bad_id[MESSAGE_ID_SIZE];
	bool big;			/* TAKE: take_read is still to be called */
	bool was_queued;		/* TAKE: by the process that ended; only the file is left to be removed */
	bool claimed;
	bool unclaimed;			/* was claimed, and has its old name back */
	struct message_envelope envelope;
	struct buf content;		/* what take_read and take_piece made */
	bool at_end;			/* content is the last of it */
	/* private */
	int fd;				/* locked; -1 none */
	uint64_t size, at;
	struct body body;
	/* the owner's */
	struct pickup *pickup;
	struct intake_message *message;
	uint64_t sent;			/* bytes given to the queue */
	struct take *next, **self;
};
/* `queue` tells whether the message of a left file is there. */
struct take *take_new(const struct take_rules *rules, struct spool *folder, struct spool *queue, struct known_file *file, int64_t now_us);
void take_free(struct take *t);		/* closes and forgets; the file stays what it is called */
/* Opens, judges, locks, claims; refused ones are in badmail afterwards. A small file is read as by take_read. */
void take_look(struct take *t);
/* Reads the whole file once, then up to the end of the header: envelope and the first content; or refuses it. */
void take_read(struct take *t);
/* Replaces content by the next piece; `error` when the file is not what it was. */
void take_piece(struct take *t);
/* Removes the file, or puts it back; `error` when that failed. */
void take_clear(struct take *t);

/* --- walk: reads the folder in portions, on pool threads --- */

enum walk_end {
	WALK_MORE,		/* there is more: walk_go_on */
	WALK_DONE,		/* the whole folder was read */
	WALK_GONE,		/* the folder is no longer at its path */
	WALK_FAILED,		/* error: errno */
};
struct walk;
/* `name` for each file that judge_ignores lets through or that is a claimed one; then `end` once a portion. */
struct walk *walk_new(struct pool *pool, void (*name)(void *arg, const char *name),
    void (*end)(void *arg, enum walk_end end, int error), void *arg);
void walk_free(struct walk *w);				/* after pool_free */
/*
 * Starts at the folder's beginning; nothing when one is at work. Without `force` a folder that did not change since it was
 * read is not read again.
 */
void walk_begin(struct walk *w, struct spool *folder, bool force);
void walk_go_on(struct walk *w);
bool walk_is_idle(const struct walk *w);		/* neither at work nor waiting for walk_go_on */
bool walk_stop(struct walk *w);				/* gives up the pass; false while a job is at work */

/* --- watch: what the kernel tells about the folder --- */

struct watch_events {
	void (*news)(void *arg, const char *name, enum judge_evidence evidence);
	void (*batch)(void *arg);	/* after some news */
	void (*lost)(void *arg);	/* some news were lost: the folder is to be scanned */
	void (*gone)(void *arg);	/* the folder was removed or renamed */
};
struct watch;
/* Without the kernel's help it tells nothing (and logs that once): the scan is enough. */
struct watch *watch_new(struct loop *l, const struct watch_events *events, void *arg);
void watch_folder(struct watch *w, const char *path);	/* instead of the one before */
void watch_free(struct watch *w);

/* --- pickup: the role; last because it holds the others --- */

extern const struct boot_role pickup_role;

/* The worker. The folder's spool is opened anew when the folder was removed; the queue's stays. */
struct pickup {
	struct boot *boot;
	struct spool *spool, *folder;
	struct pool *pool;
	struct pool_lane *reopen;
	struct intake *intake;
	struct known *known;
	struct watch *watch;
	struct walk *walk;
	struct feed *feed;
	struct loop_timer *due, *tick, *grace;
	struct take_rules rules;
	int64_t started_us;	/* claimed names with an older id are of others */
	bool missed;		/* names did not fit or news were lost: scan again */
	bool crowded;		/* the scan waits for room */
	bool gone, opening;	/* the folder is to be opened anew; a job does it */
	bool stopping, draining, ended;
	struct spool *opened;	/* the job's */
	int open_error;
	bool open_remote;
	struct pickup_trouble { const char *doing; uint64_t next_ms; } trouble[16];
};
/* One event a minute for each `doing` (a literal). */
void pickup_trouble(struct pickup *p, const char *doing, const char *file, const char *reason);
/* After something ended: ends the process when it was to stop, opens the folder anew, goes on scanning. */
void pickup_settle(struct pickup *p);

#endif
