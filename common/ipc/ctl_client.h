/* ctl_client - the asking side of a channel to a helper that may die and return */
#ifndef COMMON_IPC_CTL_CLIENT_H
#define COMMON_IPC_CTL_CLIENT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/process/loop.h"

struct ctl_client;
struct ctl_client_question;

/*
 * What questions of one kind have in common. Of the three functions only `send` is called from inside
 * ctl_client_ask, _step or _fail.
 */
struct ctl_client_kind {
	const char *part;		/* "resolver": for the event log */
	enum ctl_type answer;
	/*
	 * 0: a message is one answer. Else it is a batch of answers of this size, each of which begins with
	 * its request number
	 */
	size_t answer_size;
	/* beside such batches: one answer alone, of another type; 0: none */
	enum ctl_type single;
	size_t window;			/* how many may be with the helper at a time; 0: any number */
	/* how often a question of a helper that ended is sent to its successor */
	unsigned repeats;
	/* no deadline while it is with the helper: others watch over it */
	bool unhurried;
	bool joined;			/* a channel that ended is asked for at once, question or not */
	enum ctl_type cancel;		/* tells the helper to forget a question; 0: nothing stays there */
	const char *silent, *ended;	/* texts for `failed`: no answer in time; the helper ended */
	/* Sends the question with ctl_send and q->request. -1: not now; it is called again. */
	int (*send)(struct ctl_client_question *q, struct ctl *c);
	/* The answer, with its descriptor; q is quiet now. False: malformed, which counts as no answer. */
	bool (*answered)(struct ctl_client_question *q, const struct ctl_message *m);
	/* There will be no answer, and the helper is told to forget it (cancel); q is quiet now. */
	void (*failed)(struct ctl_client_question *q, const char *why);
	/* Another kind of question that the same helper answers: ctl_client_add_of. NULL: none */
	const struct ctl_client_kind *also;
};

enum ctl_client_state {
	CTL_CLIENT_QUIET,		/* nothing is asked: not yet, or it was answered */
	CTL_CLIENT_WAITS,		/* for a channel, or for a place in the window */
	CTL_CLIENT_ASKED,		/* with the helper */
	CTL_CLIENT_FAILED,		/* `failed` will be called */
	CTL_CLIENT_STATES
};

/* The first member of the record of each kind of question. */
struct ctl_client_question {
	TAILQ_ENTRY(ctl_client_question) link;	/* of its state, in order of deadline */
	LIST_ENTRY(ctl_client_question) bucket;	/* while it is asked */
	struct ctl_client *ctl_client;
	const struct ctl_client_kind *kind;
	enum ctl_client_state state;
	uint32_t request;
	uint32_t channel;			/* number of the channel it was last sent over; 0 none */
	unsigned repeats;
	bool stepped;				/* its latest step is of no use to another helper */
	uint64_t deadline;
	const char *why;			/* of the failure */
};

/* `need` is called when a channel is needed (boot_need). `patience_ms`: how long a question may take. */
struct ctl_client *ctl_client_new(struct loop *l, const struct ctl_client_kind *kind, uint64_t patience_ms,
    void (*need)(void *arg), void *arg);
/* With its records; no callback is called any more; NULL is fine. */
void ctl_client_free(struct ctl_client *k);
void ctl_client_channel(struct ctl_client *k, int fd);	/* takes over `fd` */

/*
 * A record of `size` bytes, which begins with a struct ctl_client_question; the rest is zero. It asks
 * nothing yet. `kind`: that of the client, or one of those behind it (also); window, part and joined are the
 * client's.
 */
void *ctl_client_add(struct ctl_client *k, size_t size);
void *ctl_client_add_of(struct ctl_client *k, const struct ctl_client_kind *kind, size_t size);
void ctl_client_ask(struct ctl_client_question *q);	/* asks, under a new request number */
/* To be asked there. It is quiet. */
void ctl_client_move(struct ctl_client_question *q, struct ctl_client *to);
/* Next step with the helper that has answered; fails when that helper is gone. */
void ctl_client_step(struct ctl_client_question *q, enum ctl_type type, const void *data, size_t len);
/* The same with a descriptor (-1: none), which stays the caller's. */
void ctl_client_step_with(struct ctl_client_question *q, enum ctl_type type, const void *data, size_t len,
    int fd);
void ctl_client_fail(struct ctl_client_question *q, const char *why);	/* `failed` follows, soon */
/* The helper that was asked last forgets it (kind.cancel), also if its channel is full now. It is quiet. */
void ctl_client_drop(struct ctl_client_question *q);
/* Frees the record; a later answer is dropped; NULL is fine. */
void ctl_client_forget(struct ctl_client_question *q);
/* The same, and drops it. */
void ctl_client_cancel(struct ctl_client_question *q);

#endif
