/*
 * ctl_server - the answering side of the channels to a helper: the channels of all workers, and their open
 * questions
 */
#ifndef COMMON_IPC_CTL_SERVER_H
#define COMMON_IPC_CTL_SERVER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/process/loop.h"

struct ctl_server;

/* An open question: the first member of the record that a helper has for it and owns. */
struct ctl_server_question {
	LIST_ENTRY(ctl_server_question) bucket;
	struct ctl_server *server;	/* NULL: closed; no answer is expected */
	uint32_t request;
};

/* What the channels of one helper have in common. */
struct ctl_server_kind {
	const char *part;		/* "resolver": for the event log */
	size_t questions_max;		/* open at a time, of one worker */
	size_t life_max;		/* in the life of a channel; 0: any number */
	/*
	 * A question; `arg` is the helper. False: malformed, and the channel ends. The payload is wiped
	 * afterwards.
	 */
	bool (*asked)(void *arg, struct ctl_server *s, const struct ctl_message *m);
	/* The worker is gone: q is closed, and still owned by the helper. NULL: nothing to do. */
	void (*left)(struct ctl_server_question *q);
	/* A channel has ended; `arg` is the helper. NULL: nothing to do. */
	void (*gone)(void *arg);
};

/* All channels of a helper. */
struct ctl_server_list {
	struct loop *loop;
	void *arg;			/* the helper */
	size_t count;
	TAILQ_HEAD(, ctl_server) channels;
};
void ctl_server_list_init(struct ctl_server_list *l, struct loop *loop, void *arg);
void ctl_server_list_done(struct ctl_server_list *l);	/* frees all channels */
/* Frees the channel with that number, if it is there. Not from `asked`. */
void ctl_server_list_end(struct ctl_server_list *l, uint32_t number);

/*
 * Takes over `fd`; `of` names the worker's virtual server and role: it gets answers to what that role may ask
 * (channel_rights). The channel is freed when the worker is gone or misbehaves, at the next turn of the loop:
 * never while it asks or is answered.
 */
struct ctl_server *ctl_server_new(struct ctl_server_list *l, const struct ctl_server_kind *kind, int fd,
    const struct ctl_channel *of);
/*
 * The same with the descriptor of a CTL_CHANNEL, whose request numbers the worker. A worker has one channel:
 * while that is open, another one is not taken (NULL), however many the worker gets. 0: it has no number.
 */
struct ctl_server *ctl_server_join(struct ctl_server_list *l, const struct ctl_server_kind *kind,
    const struct ctl_message *m, const struct ctl_channel *of);
void ctl_server_free(struct ctl_server *s);
void ctl_server_number(struct ctl_server *s, uint32_t number);	/* for ctl_server_list_end */
const char *ctl_server_server(const struct ctl_server *s);

/* Whether questions_max are open, or life_max have been: then no further one may be opened. */
bool ctl_server_is_full(const struct ctl_server *s);
void ctl_server_open(struct ctl_server *s, struct ctl_server_question *q, uint32_t request);
/* NULL: there is no such open question. */
struct ctl_server_question *ctl_server_find(const struct ctl_server *s, uint32_t request);
void ctl_server_close(struct ctl_server_question *q);	/* may be closed already */
/* Sends an answer. A worker that does not read its answers loses its channel soon. */
void ctl_server_answer(struct ctl_server *s, enum ctl_type type, uint32_t request, const void *data,
    size_t len, int fd);

#endif
