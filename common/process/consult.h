/* consult - questions over a channel to a helper that may die and come again: who asked, until when, what is asked once more */
#ifndef COMMON_PROCESS_CONSULT_H
#define COMMON_PROCESS_CONSULT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/ctl.h"
#include "common/process/loop.h"

struct consult;
struct consult_question;

/* What questions of one kind have in common. None of the three is called from inside consult_ask, _step or _fail but send. */
struct consult_kind {
	const char *part;		/* "resolver": for the event log */
	enum ctl_type answer;
	size_t window;			/* so many are with the helper at a time; 0: any number */
	unsigned repeats;		/* so often a successor is asked what a helper that ended had not answered */
	bool unhurried;			/* what is with the helper has no deadline of ours: others watch over it */
	const char *silent, *ended;	/* for `failed`: no answer in time; the helper ended */
	/* By ctl_send, with q->request. -1: not now; comes again. */
	int (*send)(struct consult_question *q, struct ctl *c);
	/* The answer, with its descriptor; q is quiet now. False: malformed, which is as good as none. */
	bool (*answered)(struct consult_question *q, const struct ctl_message *m);
	/* There will be none; q is quiet now. */
	void (*failed)(struct consult_question *q, const char *why);
};

enum consult_state {
	CONSULT_QUIET,		/* nothing is asked: not yet, or the answer is there */
	CONSULT_WAITS,		/* for a channel, or for room in the window */
	CONSULT_ASKED,		/* with the helper */
	CONSULT_FAILED,		/* its owner will be told */
	CONSULT_STATES
};

/* The first member of the record that a kind of question has. */
struct consult_question {
	TAILQ_ENTRY(consult_question) link;	/* of its state, in order of deadline */
	LIST_ENTRY(consult_question) bucket;	/* while it is asked */
	struct consult *consult;
	enum consult_state state;
	uint32_t request;
	uint32_t channel;			/* number of the one it was sent over last; 0 none */
	unsigned repeats;
	uint64_t deadline;
	const char *why;			/* it failed */
};

/* `need` is called when a channel is wanted (boot_need). A question has `patience_ms`. */
struct consult *consult_new(struct loop *l, const struct consult_kind *kind, uint64_t patience_ms, void (*need)(void *arg), void *arg);
void consult_free(struct consult *k);		/* with its records; nobody is called any more; NULL is fine */
void consult_channel(struct consult *k, int fd);	/* takes over `fd` */

/* A record of `size` bytes, zeroed but for the struct consult_question that it begins with; it asks nothing yet. */
void *consult_add(struct consult *k, size_t size);
void consult_ask(struct consult_question *q);	/* from the beginning, under a new request number */
/* Goes on with the helper that has answered; fails when that one is gone. */
void consult_step(struct consult_question *q, enum ctl_type type, const void *data, size_t len);
void consult_fail(struct consult_question *q, const char *why);	/* `failed` follows, soon */
void consult_forget(struct consult_question *q);	/* frees the record; an answer that comes still is dropped; NULL is fine */
/* The same, and the helper is told, if it knows of the question. */
void consult_cancel(struct consult_question *q, enum ctl_type type);

#endif
