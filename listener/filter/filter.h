/*
 * filter - the helper that asks mail filters (milters) on behalf of listeners and pickup processes: its parts
 */
#ifndef LISTENER_FILTER_FILTER_H
#define LISTENER_FILTER_FILTER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/config/filter_place.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_filter.h"

struct filter;
struct filter_session;

/* --- milter_packet: length, one byte that says what it is, data. Pure --- */

#define MILTER_PIECE_MAX 65535U			/* of a body, in one packet */
#define MILTER_PACKET_MAX (MILTER_PIECE_MAX + 2048U)	/* larger ones are faults */

struct milter_packet { char code; const char *data; size_t len; };	/* len: of data */
void milter_packet_put(struct buf *out, char code, const void *data, size_t len);
/* The same in parts: data are added to `out` between the two. */
size_t milter_packet_begin(struct buf *out, char code);
void milter_packet_end(struct buf *out, size_t begin);
void milter_packet_put_number(struct buf *out, uint32_t number);
uint32_t milter_packet_number(const char *data);
/* The first packet of `in`, and in *size its bytes there. 1; 0 not whole yet; -1 a length that none has. */
int milter_packet_next(const struct buf *in, struct milter_packet *p,
    size_t *size) __attribute__((warn_unused_result));

/* --- milter_words: numbers of the protocol (libmilter/mfdef.h, mfapi.h) --- */

#define MILTER_VERSION 6U
#define MILTER_VERSION_FIRST 2U
enum milter_command { MILTER_ABORT = 'A', MILTER_BODY = 'B', MILTER_CONNECT = 'C', MILTER_MACROS = 'D',
    MILTER_END = 'E', MILTER_HELO = 'H', MILTER_HEADER = 'L', MILTER_MAIL = 'M', MILTER_EOH = 'N',
    MILTER_NEGOTIATE = 'O', MILTER_QUIT = 'Q', MILTER_RCPT = 'R', MILTER_DATA = 'T' };
enum milter_action { MILTER_ADD_HEADERS = 1, MILTER_CHANGE_BODY = 2, MILTER_ADD_RCPT = 4,
    MILTER_DELETE_RCPT = 8, MILTER_CHANGE_HEADERS = 16, MILTER_QUARANTINE = 32, MILTER_CHANGE_FROM = 64,
    MILTER_ADD_RCPT_PAR = 128, MILTER_SYMBOLS = 256, MILTER_ACTIONS = 511, MILTER_ACTIONS_FIRST = 63 };
enum milter_step_bit { MILTER_NO_CONNECT = 1, MILTER_NO_HELO = 2, MILTER_NO_MAIL = 4, MILTER_NO_RCPT = 8,
    MILTER_NO_BODY = 0x10, MILTER_NO_HEADERS = 0x20, MILTER_NO_EOH = 0x40, MILTER_NR_HEADERS = 0x80,
    MILTER_NO_UNKNOWN = 0x100, MILTER_NO_DATA = 0x200, MILTER_SKIP = 0x400, MILTER_NR_CONNECT = 0x1000,
    MILTER_NR_HELO = 0x2000, MILTER_NR_MAIL = 0x4000, MILTER_NR_RCPT = 0x8000, MILTER_NR_DATA = 0x10000,
    MILTER_NR_UNKNOWN = 0x20000, MILTER_NR_EOH = 0x40000, MILTER_NR_BODY = 0x80000,
    MILTER_LEADING_SPACE = 0x100000,
    /* All but 0x800: recipients that we refuse are not shown */
    MILTER_STEPS = 0x1ff7ff, MILTER_STEPS_FIRST = 0x7f };
/* Lists of macros: the number of a list, as filters name it. */
enum milter_list { MILTER_LIST_CONNECT, MILTER_LIST_HELO, MILTER_LIST_MAIL, MILTER_LIST_RCPT,
    MILTER_LIST_DATA, MILTER_LIST_END, MILTER_LIST_EOH, MILTER_LISTS };

/* --- milter_reply: what a filter may answer, where. Pure --- */

struct milter_reply {
	char code;
	uint32_t index;			/* of a header field */
	const char *name, *value;	/* strings of the packet; value "" when it may be absent */
	const char *data; size_t len;	/* of a piece of a body */
};
/* Judges an answer to `command`, of a filter that has negotiated these. NULL; or what is wrong, static. */
const char *milter_reply_take(struct milter_reply *r, const struct milter_packet *p, char command,
    uint32_t actions, uint32_t steps) __attribute__((warn_unused_result));
/*
 * The text of a reply of its own, "550-5.7.1 a\r\n550 5.7.1 b", in the form of msg_filter_answer. False: it
 * is none.
 */
bool milter_reply_format(char *dst, size_t size, const char *text) __attribute__((warn_unused_result));

/* --- filter_macros: the macros of a session, as listener or pickup gave them. Pure --- */

struct filter_macros { char *text[FILTER_STAGES]; size_t len[FILTER_STAGES]; };
void filter_macros_take(struct filter_macros *m, const struct msg_filter_ask *ask);
void filter_macros_done(struct filter_macros *m);
/* Those of `list` ("i, {auth_type}") that are known; NULL: those of that stage. For `command`, a packet. */
void filter_macros_put(struct buf *out, const struct filter_macros *m, enum msg_filter_stage stage,
    const char *list, char command);

/* --- filter_header: the header of a message, and its edits. Pure --- */

#define FILTER_HEADER_MAX (1024U * 1024U)	/* bytes of a header block */
#define FILTER_FIELDS_MAX 32768U
struct filter_field { char *text; size_t len; bool own; };	/* with its line ends; own: allocated */
struct filter_header { struct filter_field *field; size_t count, room, bytes; };
/* The fields point into `data`, which is a header block. -1: too many. */
int filter_header_parse(struct filter_header *h, char *data, size_t len) __attribute__((warn_unused_result));
void filter_header_copy(struct filter_header *to, const struct filter_header *from);
void filter_header_done(struct filter_header *h);
/* "NAME\0VALUE\0" as filters get it; `leading`: with the blank behind the colon. */
void filter_header_show(struct buf *out, const struct filter_field *f, bool leading);
/* Edits: NULL, or what is wrong. `leading`: the value brings its own blank. Index 0: before all others. */
const char *filter_header_insert(struct filter_header *h, uint32_t index, const char *name, const char *value,
    bool leading);
/* The index-th of that name; without a value it goes. One that is not there is added. */
const char *filter_header_change(struct filter_header *h, uint32_t index, const char *name, const char *value,
    bool leading);
void filter_header_print(struct buf *out, const struct filter_header *h);	/* with the empty line */

/* --- filter_message: a message in its scratch file, and what the filters make of it --- */

#define FILTER_EDITS_MAX 10000U		/* of one filter; of all, ENVELOPE_CHANGES_MAX to the envelope */
struct filter_message_rules {
	uint64_t most;				/* bytes that a new body may have */
	const char *domain;			/* completes addresses; lives as long as the message */
	bool utf8;				/* addresses may be other than ASCII (RFC 6531) */
	bool binary;				/* BODY=BINARYMIME: a NUL is no fault */
};
struct filter_message {
	int fd;
	uint64_t tail;				/* where new bytes go: behind all that counts */
	struct filter_message_rules rules;
	char *text;				/* the header block as it came */
	struct filter_header header;
	struct msg_filter_extent head, body;	/* head: as it came; of no meaning while edited */
	bool separated;				/* the header that came ends with an empty line */
	bool edited, new_body;
	struct buf envelope;			/* of the filters that are done: records */
	unsigned changes;			/* so many records */
	char hold_by[MSG_FILTER_NAME_SIZE], hold[256];	/* hold_by "": it is not held */
	/* What the filter that is at work wants; `next` has fields when next_edited */
	struct filter_header next;
	bool next_edited, next_new_body, next_hold;
	unsigned edits, next_changes;
	struct msg_filter_extent next_body;
	struct buf next_envelope;
	char next_reason[256];
};
/* Takes over `fd`. NULL and errno: EFBIG: its header is too large; EINVAL: it is no file of that size. */
struct filter_message *filter_message_open(int fd, uint64_t size, const struct filter_message_rules *rules);
void filter_message_free(struct filter_message *m);	/* NULL is fine */
/* The next piece of the body from `at` on. Its bytes, 0 at the end; -1 and errno. */
ssize_t filter_message_read(const struct filter_message *m, uint64_t at, void *data, size_t size);
/* A change that the filter at work wants. NULL; or what is wrong with it, static. */
const char *filter_message_change(struct filter_message *m, const struct milter_reply *r, bool leading);
void filter_message_keep(struct filter_message *m, const char *filter);	/* what it wanted is done */
void filter_message_forget(struct filter_message *m);			/* it never wanted anything */
/* Fills in what has become of it, and writes what is not in the file yet. -1 and errno. */
int filter_message_finish(struct filter_message *m, struct msg_filter_answer *a);

/* --- filter_address: an address as filters name it, for a change of the envelope. Pure --- */
/*
 * A record with "<a@b>" of "a@b" or "<a@b>", and parameters behind a blank. False: not an address as workers
 * parse it, or control bytes.
 */
bool filter_address_put(struct buf *out, char what, const char *address, const char *parameters,
    const struct filter_message_rules *rules);

/* --- milter: the dialogue with one filter. Pure --- */

enum milter_state { MILTER_NEW, MILTER_NEGOTIATES, MILTER_RESTS, MILTER_WAITS, MILTER_SENDS_HEADER,
    MILTER_SENDS_BODY, MILTER_ENDS, MILTER_FAILED, MILTER_STATES };
enum milter_event {
	MILTER_MORE,		/* what comes next is the filter's */
	MILTER_OPENED,		/* it has negotiated */
	MILTER_DONE,		/* with the stage: verdict, accepts and text say how */
	MILTER_WANTS_BODY,	/* the next piece of the body: milter_body */
	MILTER_CHANGES,		/* it wants a change: `reply` */
	MILTER_PROGRESS,	/* it is still at work */
	MILTER_FAULT,		/* `why` */
};
struct milter {
	struct buf in, out;			/* bytes from it, and to it */
	enum milter_state state;
	char waits;				/* the command that it has to answer */
	uint32_t version, actions, steps;
	char *list[MILTER_LISTS];		/* the macros that it wants; NULL: as usual */
	bool in_message;			/* it knows of one that has not ended */
	enum msg_filter_verdict verdict;
	bool accepts;				/* GO_ON, and it wants to hear no more */
	char text[MSG_FILTER_WORDS_SIZE];	/* of FILTER_REPLY */
	struct milter_reply reply;		/* good until the next call */
	size_t taken;				/* bytes of `in` that are done with */
	const char *why;
	const struct filter_macros *macros;
	const struct filter_header *header; size_t field;
};
void milter_init(struct milter *m, const struct filter_macros *macros);
void milter_done(struct milter *m);
void milter_open(struct milter *m);	/* negotiates; MILTER_OPENED follows */
/* One of CONNECT to DATA: first and second argument, for CONNECT family and port. MILTER_DONE follows. */
struct milter_words { const char *first, *second; uint16_t family; uint32_t port; };
void milter_ask(struct milter *m, enum msg_filter_stage stage, const struct milter_words *w);
void milter_content(struct milter *m, const struct filter_header *h);
void milter_body(struct milter *m, const void *data, size_t len);	/* len 0: that was all */
enum milter_event milter_step(struct milter *m);	/* looks at what has come */
/* Nothing is to be answered, and more is to be said as soon as `out` is empty. */
bool milter_has_more(const struct milter *m);
void milter_abort(struct milter *m);			/* the message, if it knows of one */
void milter_quit(struct milter *m);

/* --- milter_negotiate: what is offered and what a filter makes of it. Pure --- */

void milter_negotiate_offer(struct buf *out);
/* NULL; or what is wrong, static. */
const char *milter_negotiate_take(struct milter *m, const struct milter_packet *p);

/* --- filter_known: the filters of the configuration, and how they do --- */

struct filter_known {
	TAILQ_ENTRY(filter_known) link;
	const struct config_server *server;
	const struct config_filter *config;
	struct filter_place address;
	bool troubled;
	uint64_t told_ms, recovered_ms;	/* of the latest events */
	unsigned untold;		/* failures since */
};
struct filter_known *filter_known_find(struct filter *f, const struct config_server *s,
    const struct config_filter *config);
void filter_known_free_all(struct filter *f);
void filter_known_failed(struct filter *f, struct filter_known *k, const char *why);
void filter_known_works(struct filter *f, struct filter_known *k);

/* --- filter_link: the connection of one session to one filter --- */

enum filter_link_state { LINK_CLOSED, LINK_CONNECTS, LINK_OPENS, LINK_READY, LINK_ASKED, LINK_STATES };
struct filter_link {
	struct filter_session *session;
	struct filter_known *known;
	void (*stage_done)(struct filter_session *s);
	enum filter_link_state state;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct milter m;
	enum msg_filter_stage wanted, now;	/* now: CONNECT or HELO while these are said again */
	bool fresh;				/* opened for this stage */
	bool over;				/* it accepted the connection: not asked again */
	bool skips;				/* it accepted the message, or failed and may be left out */
	bool failed;				/* in this message, and its on-failure decides */
	bool ending;				/* all of the message was sent */
	uint64_t body_at;			/* of the next piece */
	uint64_t until_ms;			/* content-time may not begin anew beyond */
	enum msg_filter_verdict verdict;	/* of the stage */
	char text[MSG_FILTER_WORDS_SIZE];	/* FILTER_REPLY: the reply; failed: why */
};
/* `stage_done` is called for a stage that was not done at once. */
void filter_link_init(struct filter_link *l, struct filter_session *s, struct filter_known *k,
    void (*stage_done)(struct filter_session *s));
void filter_link_done(struct filter_link *l);		/* says that the session is over */
/* True: done at once; else stage_done follows. l->verdict, l->text, l->failed. */
bool filter_link_ask(struct filter_link *l, enum msg_filter_stage stage);
void filter_link_reset(struct filter_link *l);		/* the message is given up */

/* --- filter_session: one session of a listener, or one file of pickup: the filters in their order --- */

struct filter_session {
	struct ctl_server_question open;
	TAILQ_ENTRY(filter_session) all;
	struct filter *filter;
	const struct config_server *server;
	enum msg_filter_source source;
	struct filter_macros macros;
	struct { char *first, *second; } words[FILTER_STAGES];
	uint16_t family;
	uint32_t port;
	bool said[FILTER_STAGES];		/* that stage came */
	enum msg_filter_stage stage;
	bool asked;				/* an answer is due */
	struct filter_link *link; size_t nlink, turn;
	struct filter_message *message;
};
/* False: the question cannot be one. */
bool filter_session_ask(struct filter_session *s, const struct msg_filter_ask *ask, int fd);
struct filter_session *filter_session_new(struct filter *f, const struct config_server *server,
    enum msg_filter_source source);
void filter_session_free(struct filter_session *s);

/* --- filter_channel: what a listener or pickup process asks --- */

extern const struct ctl_server_kind filter_channel;

/* --- filter: the program --- */

struct filter {
	struct boot *boot;
	struct ctl_server_list channels;
	TAILQ_HEAD(, filter_known) known;
	TAILQ_HEAD(, filter_session) sessions;
	struct loop_timer *end;			/* after the grace time */
	bool ending;				/* when the last session is over */
};
extern const struct boot_role filter_role;

#endif
