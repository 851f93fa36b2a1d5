/* pickup - private header of the pickup worker; one block a file, alphabetical, the worker last */
#ifndef PICKUP_PICKUP_H
#define PICKUP_PICKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/mail/message.h"
#include "common/mail/pickup_form.h"
#include "common/spool/spool.h"
#include "common/boot/boot.h"
#include "common/spool/enqueue.h"
#include "common/process/look_timer.h"
#include "common/process/pool.h"

/* --- body: bytes of a file made into CRLF lines without dot-stuffing. Pure --- */

/* Kinds of lines that begin with dots: what body_survey finds. */
enum body_dots {
	BODY_ONE = 1,		/* one dot, alone or not */
	BODY_ONE_LAST = 2,	/* one dot alone as the last line: it may be the end of SMTP's content */
	BODY_TWO = 4,		/* two, then neither a slash (a path) nor a blank */
	BODY_TWO_ALONE = 8,	/* two, and nothing else */
	BODY_TWO_BLANK = 16,	/* two and a blank, also in the next line: a pause, or reStructuredText */
	BODY_THREE = 32,
	BODY_FOUR = 64,		/* four, and more behind them */
};
/* What a first pass over all bytes found. Zeroed at first. */
struct body_survey {
	unsigned dots;		/* enum body_dots */
	bool eightbit, nul;
	unsigned char alone;	/* private from here on; the line before is so many dots, one or two */
	unsigned char state, crs;
};
/* Bytes of a UTF-8 byte order mark at the start of the file: 3 or 0. */
size_t body_mark(const char *in, size_t len);
void body_survey_add(struct body_survey *s, const char *in, size_t len);
void body_survey_end(struct body_survey *s);

enum body_writer {
	BODY_WRITER_UNKNOWN,
	BODY_WRITER_SERVER,	/* an SMTP server: a drop file, whose dots are as they are sent */
	BODY_WRITER_FOR_IIS,	/* a program that may double dots, as IIS wants them */
	BODY_WRITER_SENDMAIL,	/* says itself that its dots are as they are sent */
};
/* Whether leading dots were doubled, by pickup-dots. With auto and without evidence: no. */
bool body_is_stuffed(enum config_dots rule, unsigned dots, enum body_writer writer);

/*
 * Zeroed at first, but for `unstuff`: then one leading dot of a line is removed, and a single dot ends the
 * message (what follows is not part of it).
 */
struct body {
	bool unstuff;
	bool ended;
	unsigned char state, crs;	/* private */
};
void body_add(struct body *b, const char *in, size_t len, struct buf *out);
void body_end(struct body *b, struct buf *out);

/* --- pickup_flow: files on their way from the folder to the queue --- */

struct pickup_flow; struct pickup; struct pickup_filter; struct pickup_filters;
/* `changed` is called with `p` when a file has ended, or none is due. */
struct pickup_flow *pickup_flow_new(struct pickup *p, void (*changed)(void *arg));
void pickup_flow_free(struct pickup_flow *f);		/* after pool_free */
void pickup_flow_more(struct pickup_flow *f);		/* starts all that is due and allowed */
void pickup_flow_retry(struct pickup_flow *f);		/* removes files that could not be removed before */
size_t pickup_flow_active(const struct pickup_flow *f);	/* files on their way */
void pickup_flow_hurry(struct pickup_flow *f);		/* puts large files back that are still being read */
void pickup_flow_give_up(struct pickup_flow *f);	/* forgets what could not be removed: no folder */

/* --- judge: which file is taken. Pure --- */

/* How a file's name became known: from the kernel, or from the scan. */
enum judge_evidence {
	JUDGE_RENAMED,		/* renamed into the folder */
	JUDGE_CLOSED,		/* closed after writing */
	JUDGE_CREATED,		/* a new name */
	JUDGE_OPEN,		/* a new name, and it was opened: being written */
	JUDGE_REOPENED,		/* opened again after it was closed */
	JUDGE_UNSURE,		/* as JUDGE_OPEN, but news of a close may be lost */
	JUDGE_SCANNED,		/* found by the scan */
	JUDGE_LEFT,		/* under a claimed name: the process that took it ended */
	JUDGE_EVIDENCE_COUNT
};

enum judge_reason {
	JUDGE_GOOD,
	JUDGE_LINK, JUDGE_DEVICE, JUDGE_SECOND_NAME, JUDGE_EMPTY, JUDGE_LARGE, JUDGE_UNREADABLE,
	JUDGE_NUL, JUDGE_NO_HEADER, JUDGE_LONG_HEADER, JUDGE_TWO_SENDERS, JUDGE_BAD_SENDER, JUDGE_NO_SENDER,
	    JUDGE_BAD_RECIPIENT,
	JUDGE_MANY_RECIPIENTS, JUDGE_NO_RECIPIENTS, JUDGE_FILTER,
	JUDGE_REASON_COUNT
};
const char *judge_words(enum judge_reason reason);

enum judge_answer {
	JUDGE_TAKE,
	JUDGE_WAIT,		/* look again after wait_ms */
	JUDGE_REFUSE,		/* to badmail */
	JUDGE_IGNORE,		/* gone, or not for us */
	JUDGE_BACK_OFF,		/* we lack memory or descriptors: take no file for a while */
};
struct judge_verdict {
	enum judge_answer answer;
	enum judge_reason reason;	/* JUDGE_REFUSE */
	unsigned wait_ms;		/* JUDGE_WAIT */
	const char *trouble;		/* JUDGE_WAIT: a reason that the operator should know, or NULL */
};

struct judge_rules {
	uint64_t max_size, settle_ms;
	bool remote;		/* a network file system: there is no news of writes by other hosts */
};
struct judge_facts {
	uint32_t mode, nlink;
	uint64_t size;
	int64_t mtime_us, ctime_us, now_us;
	uint64_t now_ms;	/* monotonic */
	bool stepped;		/* the clock was set since we started: the file's times may be wrong */
	bool sealed;		/* immutable or append-only: it could not be removed, so it is not sent */
};
/* What earlier looks at the same file found. Zeroed at first. */
struct judge_memory {
	bool known;
	uint64_t size;
	int64_t mtime_us, ctime_us;
	uint64_t since_ms, first_ms, quiet_ms;
};
/* What was seen of a file's writer. Zeroed at first. */
struct judge_writer {
	bool locked;		/* it held a lock while it wrote */
	uint64_t closed_ms;	/* when it last closed the file; 0 never */
	uint64_t pause_ms;	/* the longest time from one close to the next */
};
enum judge_part { JUDGE_IN_HEADER, JUDGE_NO_TEXT, JUDGE_WHOLE };	/* how far a file has come */
bool judge_ignores(const char *name);
/* ms after the news */
uint64_t judge_first_look(enum judge_evidence evidence, uint64_t settle_ms, const struct judge_writer *w);
struct judge_verdict judge_file(const struct judge_rules *r, enum judge_evidence evidence,
    const struct judge_facts *f, struct judge_memory *m);
/* JUDGE_TAKE or JUDGE_WAIT; after judge_file has said JUDGE_TAKE. */
struct judge_verdict judge_progress(enum judge_evidence evidence, enum judge_part part,
    const struct judge_memory *m);
/* After a step that failed with `error`; counts the tries of what may be over in a moment. */
struct judge_verdict judge_error(int error, unsigned *tries);

/* --- compose: envelope and header from a file's header. Pure --- */

#define COMPOSE_DETAIL_SIZE 256

struct compose_rules {
	const char *fqdn, *domain;	/* `domain` completes bare addresses */
	const struct config_server *server;	/* whose address literals are `domain`, too; NULL: none are */
	const char *id, *date;		/* of this message */
	uid_t owner;			/* of the file: who put it there, whatever it says of itself */
};
/* Offsets in the normalised bytes (CRLF lines). */
struct compose_header {
	size_t start;		/* behind empty lines at the top */
	size_t fields;		/* behind the leading x- lines */
	size_t end;		/* behind the last field */
	size_t body;		/* behind the empty line, when there is one */
};
/* 1 found; 0 needs more bytes (never with `whole`); -1 over a limit. */
int compose_split(const char *data, size_t len, bool whole,
    struct compose_header *h) __attribute__((warn_unused_result));
enum judge_part compose_part(const char *raw, size_t len);	/* by the first bytes of a file */
/*
 * Fills `e` (zeroed; the caller frees it, also after a refusal) and appends to `out` our Received field, the
 * header as it is sent, and the empty line. `detail` (COMPOSE_DETAIL_SIZE) says in words what is wrong.
 */
enum judge_reason compose_message(const struct compose_rules *rules, const char *data,
    const struct compose_header *h,
    struct message_envelope *e, struct buf *out, char *detail) __attribute__((warn_unused_result));

/* --- pickup_names: names in the folder that are not taken yet --- */

struct pickup_names;
struct pickup_name {
	char *name;		/* owned by the table */
	enum judge_evidence evidence;
	struct judge_memory memory;
	struct judge_writer writer;
	unsigned tries;
};
struct pickup_names *pickup_names_new(size_t max, uint64_t settle_ms);
void pickup_names_free(struct pickup_names *k);
#define PICKUP_NAMES_NOBODY 0		/* the owner is not known */
/* `owner` counts for a new name. False: full, and this name, or one of who has the most, is not in it. */
bool pickup_names_news(struct pickup_names *k, const char *name, enum judge_evidence evidence, uid_t owner,
    uint64_t now_ms) __attribute__((warn_unused_result));
/*
 * The next file whose time has come, or NULL. The caller ends the look with pickup_names_look_again or
 * pickup_names_forget; the name stays until then.
 */
struct pickup_name *pickup_names_take_due(struct pickup_names *k, uint64_t now_ms);
uint64_t pickup_names_next_due(const struct pickup_names *k);		/* monotonic ms; UINT64_MAX: none */
void pickup_names_look_again(struct pickup_names *k, struct pickup_name *f, uint64_t now_ms,
    uint64_t after_ms);
/* We rename a file back to `name`, or did so while looking: no news of its writer. False as for news. */
bool pickup_names_put_back(struct pickup_names *k, const char *name, unsigned tries, uint64_t now_ms);
/* News were lost: files may have been closed. */
void pickup_names_doubt(struct pickup_names *k, uint64_t now_ms);
/* Taken, refused or gone; news that came meanwhile make it a new file. */
void pickup_names_forget(struct pickup_names *k, struct pickup_name *f, uint64_t now_ms);
size_t pickup_names_count(const struct pickup_names *k);

/* --- pickup_file: one file from its name to bytes for the queue, on pool threads --- */

#define PICKUP_FILE_PIECE (128U << 10)		/* files up to this size are read at once */

struct pickup_file_rules {
	struct judge_rules judge;
	enum config_dots dots;
	int64_t clock_us;		/* wall clock less monotonic clock at our start */
	const char *fqdn, *domain;
	const struct config_server *server;
	bool sign;			/* what is taken is signed when it goes to other hosts */
};

struct pickup_file {
	const struct pickup_file_rules *rules;
	struct spool *folder, *queue;
	struct pickup_name *file;	/* while it is looked at; then NULL */
	char name[SPOOL_PICKUP_NAME_SIZE];	/* the name from its writer */
	char current[SPOOL_PICKUP_NAME_SIZE];	/* its name now */
	char id[MESSAGE_ID_SIZE];
	bool left;			/* `current` is a name claimed by a process that ended */
	bool put_back;			/* pickup_file_clear renames it back, instead of removing it */
	/* what was found out */
	struct judge_verdict verdict;
	int error;			/* for the operator; 0 nothing */
	const char *doing;		/* what failed with that error */
	char detail[COMPOSE_DETAIL_SIZE];
	char bad_id[MESSAGE_ID_SIZE];
	unsigned tries;			/* as in struct pickup_name */
	bool big;			/* TAKE: call pickup_file_read next */
	bool was_queued;		/* TAKE: by the process that ended; only the file is to be removed */
	bool claimed;
	bool unclaimed;			/* was claimed, and has its old name again */
	struct message_envelope envelope;
	char message_id[256];		/* its Message-ID, as it is sent */
	struct buf content;		/* made by pickup_file_read and pickup_file_piece */
	bool at_end;			/* content is the last piece */
	/* private to pickup_file */
	int fd;				/* locked; -1 none */
	uint64_t size, at; int64_t mtime_us;
	uid_t owner;
	struct body body;
	/* private to pickup_flow */
	struct pickup *pickup;
	struct enqueue_message *message; struct pickup_filter *filter; bool filter_refused;
	uint64_t sent;			/* bytes given to the queue */
	struct pickup_file *next, **self;
};
/* `queue` shows whether the message of a left file is there. */
struct pickup_file *pickup_file_new(const struct pickup_file_rules *rules, struct spool *folder,
    struct spool *queue, struct pickup_name *file, int64_t now_us);
void pickup_file_free(struct pickup_file *t);		/* closes; the file keeps its present name */
/* Opens, judges, locks and claims the file; a refused one is in badmail then. A small one is read, too. */
void pickup_file_look(struct pickup_file *t);
/* Reads the whole file once, then its header again: envelope and first content; or refuses it. */
void pickup_file_read(struct pickup_file *t);
/* Replaces `content` by the next piece; `error` when the file has changed. */
void pickup_file_piece(struct pickup_file *t);
/* Removes the file, or renames it back; `error` when that failed. */
void pickup_file_clear(struct pickup_file *t);

/* --- pickup_scan: reads the folder in portions, on pool threads --- */

enum pickup_scan_end {
	PICKUP_SCAN_MORE,		/* there is more: pickup_scan_go_on */
	PICKUP_SCAN_DONE,		/* the whole folder was read */
	PICKUP_SCAN_GONE,		/* the folder is no longer at its path */
	PICKUP_SCAN_FAILED,		/* error: errno */
};
struct pickup_scan;
/* `name`: for each file that judge_ignores does not ignore, or that is claimed; `end`: for each portion. */
struct pickup_scan *pickup_scan_new(struct pool *pool,
    void (*name)(void *arg, const char *name, uid_t owner),
    void (*end)(void *arg, enum pickup_scan_end end, int error), void *arg);
void pickup_scan_free(struct pickup_scan *w);				/* after pool_free */
/*
 * Starts at the folder's beginning; does nothing when a pass is at work. Without `force` a folder that did
 * not change since the last pass is not read.
 */
void pickup_scan_begin(struct pickup_scan *w, struct spool *folder, bool force);
void pickup_scan_go_on(struct pickup_scan *w);
/* No pass at work or waiting for pickup_scan_go_on. */
bool pickup_scan_is_idle(const struct pickup_scan *w);
/* Gives up the pass; false while a job is at work. */
bool pickup_scan_stop(struct pickup_scan *w);

/* --- pickup_trouble: events about what hinders --- */

/* One event a minute for each `doing` (a literal). */
void pickup_trouble_log(struct pickup *p, const char *doing, const char *file, const char *reason);
void pickup_trouble_owner(struct pickup_file *t);	/* `detail`: whose it is; on a pool thread */

/* --- watch: what the kernel tells about the folder --- */

struct watch_events {
	void (*news)(void *arg, const char *name, enum judge_evidence evidence);
	void (*batch)(void *arg);	/* after some news */
	void (*lost)(void *arg);	/* news were lost: scan the folder */
	void (*gone)(void *arg);	/* the folder was removed or renamed */
};
/* Without inotify it reports nothing (and logs that once): the scan is enough. */
struct watch *watch_new(struct loop *l, const struct watch_events *events, void *arg);
void watch_folder(struct watch *w, const char *path);	/* instead of the folder before */
bool watch_is_on(const struct watch *w);		/* news of the folder come */
bool watch_again(struct watch *w, const char *path);	/* true: it is told of news now, and was not before */
void watch_free(struct watch *w);

/* --- writer: which kind of program wrote a file. Pure --- */

enum body_writer writer_find(const char *raw, size_t len);	/* the first bytes of the file */

/* --- pickup: the worker --- */

extern const struct boot_role pickup_role;

/* The worker. `folder` is opened again when the pickup folder was removed; `spool`, with the queue, stays. */
struct pickup {
	struct boot *boot;
	struct spool *spool, *folder; struct fence *fence;
	struct pool *pool; struct pool_lane *reopen;
	struct enqueue *enqueue; struct pickup_filters *filters;
	struct spool_server *server; struct local_mail *local_mail;
	struct disk_reserve *reserve; struct log_keep *log_keep;
	struct pickup_names *names; struct watch *watch;
	struct pickup_scan *scan; struct pickup_flow *flow;
	struct loop_timer *due, *grace; struct look_timer tick;
	struct pickup_file_rules rules;
	int64_t started_us;	/* claimed names with an older id belong to other processes */
	bool missed;		/* names did not fit, or news were lost: scan again */
	bool gone, opening;	/* the folder must be opened again; a job does it */
	struct spool *opened; int open_error;	/* results of that job */
	bool stopping, draining, ended;
	bool open_remote;
	struct pickup_trouble { const char *doing; uint64_t next_ms; } trouble[16];
};

#endif
