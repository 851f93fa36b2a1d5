/* local - drop files, and what the directory says of recipients and senders; one block a file */
#ifndef DELIVER_LOCAL_LOCAL_H
#define DELIVER_LOCAL_LOCAL_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/mail/message.h"
#include "common/mail/verdict.h"
#include "common/msg/msg_directory.h"
#include "common/spool/spool.h"

struct boot;
struct config_server;
struct ctl_client_question;
struct drop;
struct enqueue;
struct enqueue_message;
struct expand;
struct expand_copy;
struct message_envelope;
struct pool;
struct spool;

/* --- drop: local delivery into the drop folder --- */

struct drop_job {
	const struct message_envelope *e;
	int fd;
	const size_t *index; size_t count;	/* the local recipients */
	struct verdict verdict;			/* out: one for all */
	char file[64];				/* out: the file's name, for the log */
	struct spool_drop part;			/* private */
	void (*done)(void *arg, struct drop_job *job);	/* once, on the loop, never from inside drop_submit */
	void *arg;
};

struct drop *drop_new(struct pool *pool, struct spool *spool, const struct config_server *server);
void drop_free(struct drop *d);			/* after pool_free */
void drop_submit(struct drop *d, struct drop_job *job);

/* --- expand: local recipients looked up in the directory; what they expand to is sent as new messages --- */

struct expand_recipient {
	struct verdict verdict;
	/* When delivered: new addresses that the mail went on to; 0: it is for the drop folder. */
	uint32_t copies;
	struct msg_directory answer;	/* private */
};

struct expand_job {
	const struct message_envelope *e;
	int fd;
	const size_t *index; size_t count;	/* the local recipients */
	struct expand_recipient *out;		/* one for each of `index`, zero at first */
	/* Once, on the loop, never from inside expand_submit */
	void (*done)(void *arg, struct expand_job *job);
	void *arg;
	/* private to expand */
	TAILQ_ENTRY(expand_job) link;
	struct expand *expand;
	struct ctl_client_question **question;
	struct expand_copy *copy;
	size_t waiting;			/* answers that are yet to come */
};

/* A local sender's own address. */
struct expand_sender {
	const char *address;		/* the caller's, until `done` */
	struct verdict verdict;		/* out: later, as the directory cannot be asked; else accepted */
	char own[ADDRESS_MAX + 1];	/* out; "": the sender stays as it is */
	void (*done)(void *arg);	/* once, on the loop, never from inside expand_sender_submit */
	void *arg;
	/* private to expand */
	TAILQ_ENTRY(expand_sender) link;
	struct expand *expand;
	struct ctl_client_question *question;
};

struct expand *expand_new(struct boot *b, struct enqueue *enqueue);	/* NULL: no directory is asked */
void expand_free(struct expand *x);		/* after pool_free */
void expand_channel(struct expand *x, int fd);	/* to the helper; takes over `fd` */
void expand_on_queued(struct expand *x, void (*queued)(void *arg, const char *id), void *arg);
void expand_submit(struct expand *x, struct expand_job *job);
void expand_sender_submit(struct expand *x, struct expand_sender *s);
bool expand_is_down(const struct expand *x);	/* the last question could not be answered */
/* Asks no more: jobs and senders without an answer are done with VERDICT_LATER 4.3.2. */
void expand_drain(struct expand *x);

/* --- expand_copy: the message again, for the addresses that its recipients expand to --- */

struct expand_copy {
	struct enqueue *enqueue;
	const struct message_envelope *e;
	int fd;
	/* [0] final addresses; [1] all others: they are looked up by themselves */
	struct message_envelope list[2];
	size_t served;			/* the first ones of list[1] have the mail already */
	size_t which, at;		/* the next part */
	struct enqueue_message *message;
	off_t copied;
	int error;			/* out: 0 all parts are in the queue, else errno */
	char id[MESSAGE_ID_SIZE];	/* of the first part */
	void (*queued)(void *arg, const char *id);
	void (*done)(void *arg);	/* once, on the loop, perhaps before expand_copy_begin returns */
	void *queued_arg, *arg;
};

/* From a job that has all answers. `reports`: with the members that get no mail, to be reported. */
struct expand_copy *expand_copy_new(const struct expand_job *job, struct enqueue *enqueue, bool reports);
void expand_copy_begin(struct expand_copy *c);
/* NULL is fine. Not while enqueue has its message, unless the pool is gone. */
void expand_copy_free(struct expand_copy *c);

#endif
