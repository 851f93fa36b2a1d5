/*
 * w3clog - the protocol log of one virtual server: W3C extended lines with the fields of the original, or
 * JSON lines
 *
 * Lines gather in memory, and a pool thread, or pickup for a listener, appends them: whole lines in one
 * write, twice a second or when there are many. So several processes share a file, and no loop waits for a
 * disk. A disk that is full or stuck costs lines, which are counted, never mail.
 */
#ifndef COMMON_W3CLOG_W3CLOG_H
#define COMMON_W3CLOG_W3CLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/config/config.h"
#include "common/process/counters.h"
#include "common/process/pool.h"

enum w3clog_kind {
	W3CLOG_INBOUND,		/* a client's command and the answer to it, or the end of its session */
	W3CLOG_COMMAND,		/* what we sent to a remote host */
	W3CLOG_RESPONSE,	/* what it answered */
	W3CLOG_KIND_COUNT
};

struct w3clog_text {
	const char *text;	/* any bytes; NULL: none */
	size_t len;
};

/* One fact. Everything belongs to the caller. */
struct w3clog_fact {
	int64_t time_us;		/* wall clock */
	enum w3clog_kind kind;
	const char *peer;		/* address of the other side */
	const char *user;		/* inbound: the HELO name; NULL none yet */
	const char *local;		/* inbound: our address; NULL unknown */
	uint16_t port;			/* inbound: ours; outbound: theirs */
	struct w3clog_text method;	/* the verb as typed */
	struct w3clog_text query;	/* inbound: the rest of the line, with the blank before it */
	/* For a message's content: its Message-ID field instead of `query`; the id in the queue. NULL none */
	const char *message_id, *id;
	unsigned reply;			/* code of the answer to a client; 0 none */
	unsigned status;		/* the status in the original's way: 240 for QUIT; 0: as `reply` */
	uint64_t session_ms;		/* at the end of a session: its duration */
	uint64_t sent, received;	/* bytes, counted as the original does */
	uint64_t ms;
};

/* --- w3clog_fields: one fact as a line. Pure --- */

#define W3CLOG_LINE_MAX 32768

struct w3clog_format {
	enum config_log_format format;
	uint32_t fields;		/* a bit a row, in the order of the rows */
	char site[24];			/* "SMTPSVC1" */
	/* The first label of the host's name in upper case, as a NetBIOS name is */
	char computer[64];
	const char *server;		/* belongs to the config */
};

void w3clog_fields_init(struct w3clog_format *f, const struct config *c, const struct config_server *s);
/* The first lines of a file: "#Software" to "#Fields"; none for JSON. */
void w3clog_fields_header(struct buf *out, const struct w3clog_format *f, int64_t now_us);
void w3clog_fields_line(struct buf *out, const struct w3clog_format *f, const struct w3clog_fact *fact);

/* --- w3clog_names: which file. Pure; all in UTC --- */

#define W3CLOG_NAME_SIZE 40

/*
 * "ex261121.log", hourly "ex26112120.log", weekly "ex261103.log" (third week of the month), monthly
 * "ex2611.log".
 */
void w3clog_names_period(char name[W3CLOG_NAME_SIZE], enum config_log_format format,
    enum config_log_roll roll, int64_t time_us);
/* "extend7.log" */
void w3clog_names_number(char name[W3CLOG_NAME_SIZE], enum config_log_format format, unsigned number);
/* Its number; 0: another file. */
unsigned w3clog_names_parse(const char *name, enum config_log_format format);
/* Whether it is a name of this page, of any period and format. */
bool w3clog_names_is_log(const char *name);

/* --- w3clog_file: the file, for pool threads --- */

struct w3clog_batch {
	int64_t time_us;	/* of its lines, which belong to one hour */
	enum config_log_format format;
	uint32_t fields;	/* as in w3clog_format */
	struct buf text;	/* whole lines */
	size_t lines;
	bool reopen;		/* the file may have been moved away */
	int error;		/* out: 0, or errno */
	size_t lost;		/* out: lines */
};
void w3clog_batch_free(struct w3clog_batch *b);

struct w3clog_file;
/* NULL: the virtual server keeps no log. `c` and `s` must outlive it. */
struct w3clog_file *w3clog_file_new(const struct config *c, const struct config_server *s);
void w3clog_file_append(struct w3clog_file *f, struct w3clog_batch *b);	/* fills error and lost */
void w3clog_file_free(struct w3clog_file *f);	/* NULL is fine */

/* --- w3clog_trim: old files go, for pool threads --- */

/*
 * Removes the regular files of `folder` with names of the protocol log that were last written `keep_ms` ago
 * or earlier. How many; *error: errno of the first that could not be removed, or of the folder; 0 none.
 */
size_t w3clog_trim(const char *folder, uint64_t keep_ms, int64_t now_us, int *error);

/* --- w3clog: the lines of a process --- */

struct w3clog;
/* NULL when the virtual server keeps no log; all functions below accept NULL. `pool` needs a spare thread. */
struct w3clog *w3clog_new(struct loop *l, struct pool *pool, const struct config *c,
    const struct config_server *s, struct counters *counters);
/*
 * The same, for a process that has no file: `send` gets each batch (of less than `batch_bytes` +
 * W3CLOG_LINE_MAX bytes), and w3clog_written() is called for it later, never from inside `send`.
 */
struct w3clog *w3clog_new_sending(struct loop *l, const struct config *c, const struct config_server *s,
    struct counters *counters, size_t batch_bytes, void (*send)(void *arg, struct w3clog_batch *b),
    void *arg);
void w3clog_written(struct w3clog *log, struct w3clog_batch *b);	/* takes the batch back */
void w3clog_add(struct w3clog *log, const struct w3clog_fact *fact);
void w3clog_reopen(struct w3clog *log);		/* the file may have been moved away */
void w3clog_end(struct w3clog *log);		/* writes what is left: before pool_free */
void w3clog_free(struct w3clog *log);		/* after pool_free */

#endif
