/*
 * evacuate - a queue goes to another node (posternctl queue evacuate): one deliver process brings messages
 * over SMTP under TLS, the other takes them; one block a file
 *
 * The dialogue begins when XEVACUATE was answered with 250. The client sends, without waiting for answers,
 *
 *   PUT ID DUE HELD NOTE SIZE CRLF, NOTE octets of the note, SIZE octets of the queue file
 *
 * DUE is in seconds since 1970, HELD 0 or 1. There is one answer for each, in any order: "250 2.0.0 ID
 * taken", "250 2.0.0 ID known" (it is or was there already), or 4yz or 5yz with ID and words. After 250 the
 * message is on disk there, and leaves here. QUIT ends it.
 */
#ifndef DELIVER_EVACUATE_EVACUATE_H
#define DELIVER_EVACUATE_EVACUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/mail/message_id.h"
#include "common/msg/msg_etrn.h"

struct boot;
struct evacuate_sender;
struct evacuate_taker;
struct move_taker;
struct outbound;
struct pool;
struct spool;

/* --- evacuate_words: the lines of the dialogue, and the note that goes with a message. Pure --- */

#define EVACUATE_LINE_MAX 512U		/* with CRLF */
#define EVACUATE_NOTE_MAX (16U << 20)

struct evacuate_put {
	char id[MESSAGE_ID_SIZE];
	int64_t due;			/* wall seconds */
	bool held;
	uint64_t note, size;		/* bytes */
};
void evacuate_words_format_put(const struct evacuate_put *p, struct buf *out);
/* A line without CRLF; false: where the next command begins cannot be known, and all is over. */
bool evacuate_words_parse_put(struct evacuate_put *p, const char *line,
    size_t len) __attribute__((warn_unused_result));
/* Whether such a message can be, at that time. NULL, or why not; static. */
const char *evacuate_words_judge(const struct evacuate_put *p, int64_t now_us);

struct evacuate_answer {
	char id[MESSAGE_ID_SIZE];
	int error;			/* 0: it is there; else errno */
	bool known;			/* it is or was there already */
	char said[EVACUATE_LINE_MAX];	/* out of the parser: the line, printable */
};
/* `words` NULL: those of the error. */
void evacuate_words_format_answer(const struct evacuate_answer *a, const char *words, struct buf *out);
/* A line without CRLF. False: it is no answer to a PUT. */
bool evacuate_words_parse_answer(struct evacuate_answer *a, const char *line,
    size_t len) __attribute__((warn_unused_result));
/* In words for operators, of errors that an answer can say; NULL: it is none of them. */
const char *evacuate_words_error(int error);

/* The whole lines of a note as note_format writes them. */
void evacuate_words_copy_note(const char *text, size_t len, struct buf *out);
/* NULL, or what is wrong with the note of a message with so many recipients; static. */
const char *evacuate_words_judge_note(const char *text, size_t len, size_t recipients, int64_t now_us);

/* --- evacuate_taker: takes what other nodes bring --- */

struct evacuate_taker *evacuate_taker_new(struct boot *b, struct pool *pool, struct spool *spool,
    struct move_taker *moves);
/* MSG_ETRN_STARTED: `*fd`, to be handed on, is where the client's bytes go and answers come from. */
enum msg_etrn_result evacuate_taker_begin(struct evacuate_taker *t, const struct msg_etrn *p, int *fd);
/* Nothing more is taken: the connections end; what is being written is written. */
void evacuate_taker_end(struct evacuate_taker *t);
void evacuate_taker_free(struct evacuate_taker *t);	/* after pool_free; NULL is fine */

/* --- evacuate_sender: brings messages to another node --- */

struct evacuate_sender *evacuate_sender_new(struct boot *b, struct pool *pool, struct spool *spool,
    struct outbound *outbound);
void evacuate_sender_cut(struct evacuate_sender *s);	/* no connection any more; before outbound_free */
void evacuate_sender_free(struct evacuate_sender *s);	/* after pool_free; NULL is fine */
/* What begins from now on goes to `host`, as smart-host has it. */
void evacuate_sender_open(struct evacuate_sender *s, const char *host);
/* None is at work, and none comes for a while. */
void evacuate_sender_close(struct evacuate_sender *s);
/*
 * On the loop: brings a message there, which is left alone meanwhile. `done` is called once, later, on the
 * loop: 0: it is there and not here; or errno, and it is still here. Not after evacuate_sender_free.
 */
void evacuate_sender_begin(struct evacuate_sender *s, const char *id, void (*done)(void *arg, int error),
    void *arg);
/* Why the last one was not brought there, in words for operators; valid until the next call. */
const char *evacuate_sender_words(struct evacuate_sender *s, int error);

#endif
