/*
 * ctl_client - questions over a channel to a helper that may die and come again: who asked, until when, what
 * is asked once more
 */
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
 * What questions of one kind have in common. None of the three is called from inside ctl_client_ask, _step or
 * _fail but send.
 */
struct ctl_client_kind {
	const char *part;		/* "resolver": for the event log */
	enum ctl_type answer;
	size_t window;			/* so many are with the helper at a time; 0: any number */
	/* So often a successor is asked what a helper that ended had not answered */
	unsigned repeats;
	/* What is with the helper has no deadline of ours: others watch over it */
	bool unhurried;
	const char *silent, *ended;	/* for `failed`: no answer in time; the helper ended */
	/* By ctl_send, with q->request. -1: not now; comes again. */
	int (*send)(struct ctl_client_question *q, struct ctl *c);
	/* The answer, with its descriptor; q is quiet now. False: malformed, which is as good as none. */
	bool (*answered)(struct ctl_client_question *q, const struct ctl_message *m);
	/* There will be none; q is quiet now. */
	void (*failed)(struct ctl_client_question *q, const char *why);
};

enum ctl_client_state {
	CTL_CLIENT_QUIET,		/* nothing is asked: not yet, or the answer is there */
	CTL_CLIENT_WAITS,		/* for a channel, or for room in the window */
	CTL_CLIENT_ASKED,		/* with the helper */
	CTL_CLIENT_FAILED,		/* its owner will be told */
	CTL_CLIENT_STATES
};

/* The first member of the record that a kind of question has. */
struct ctl_client_question {
	TAILQ_ENTRY(ctl_client_question) link;	/* of its state, in order of deadline */
	LIST_ENTRY(ctl_client_question) bucket;	/* while it is asked */
	struct ctl_client *ctl_client;
	enum ctl_client_state state;
	uint32_t request;
	uint32_t channel;			/* number of the one it was sent over last; 0 none */
	unsigned repeats;
	uint64_t deadline;
	const char *why;			/* it failed */
};

/* `need` is called when a channel is wanted (boot_need). A question has `patience_ms`. */
struct ctl_client *ctl_client_new(struct loop *l, const struct ctl_client_kind *kind, uint64_t patience_ms,
    void (*need)(void *arg), void *arg);
/* With its records; nobody is called any more; NULL is fine */
void ctl_client_free(struct ctl_client *k);
void ctl_client_channel(struct ctl_client *k, int fd);	/* takes over `fd` */

/*
 * A record of `size` bytes, zeroed but for the struct ctl_client_question that it begins with; it asks
 * nothing yet.
 */
void *ctl_client_add(struct ctl_client *k, size_t size);
void ctl_client_ask(struct ctl_client_question *q);	/* from the beginning, under a new request number */
/* Goes on with the helper that has answered; fails when that one is gone. */
void ctl_client_step(struct ctl_client_question *q, enum ctl_type type, const void *data, size_t len);
void ctl_client_fail(struct ctl_client_question *q, const char *why);	/* `failed` follows, soon */
/* Frees the record; an answer that comes still is dropped; NULL is fine */
void ctl_client_forget(struct ctl_client_question *q);
/* The same, and the helper is told, if it knows of the question. */
void ctl_client_cancel(struct ctl_client_question *q, enum ctl_type type);

#endif
