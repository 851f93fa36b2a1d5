/* control - what operators ask of the service; one block a file */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/config/config.h"
#include "common/ipc/control_words.h"
#include "common/ipc/msg_sessions.h"
#include "master/master.h"

struct child;
struct config_strings;
struct control;
struct control_peer;
struct control_question;
struct control_words;
struct ctl_message;
struct loop_timer;
struct master;
struct server;

/* --- control: control.sock, who may say what --- */

/* The socket in the run folder; dies when it cannot be made. */
struct control *control_open(struct master *m);
/* Something changed: answers the commands that are complete. */
void control_update(struct control *a);
void control_close(struct control *a, const char *last_words);

/* --- control_commands: what an operator may ask of the service, one row a command --- */

/* One command in progress. */
struct control_command {
	const struct control_peer *peer;
	struct buf text;		/* the answer so far */
	int status;			/* exit status for posternctl */
	bool waiting;			/* until all of `name` have settled */
	bool ends_service;		/* answered by control_close */
	enum state goal;		/* what they should reach; 0: any */
	char (*name)[CONFIG_NAME_MAX + 1];
	size_t names;
	struct control_question *question;	/* to children, in progress, or NULL */
};

void control_commands_init(struct control_command *o, const struct control_peer *peer);
void control_commands_done(struct control_command *o);
void control_commands_run(struct control_command *o, struct master *m, const struct control_words *w);
/* True when it has what it waited for: text and status are then complete. */
bool control_commands_update(struct control_command *o, struct master *m);
bool control_commands_known(const char *command);

/* --- control_question: a question to children on behalf of a command --- */

struct control_question_ops {
	enum ctl_type ask, answer;	/* the message that asks, and the one that answers */
	enum ctl_type text;		/* may come before the answer; none: the same as `answer` */
	/* A message from the child of that part. */
	void (*page)(struct control_question *q, size_t part, const struct ctl_message *m);
	void (*gone)(struct control_question *q, size_t part);	/* that child died before it had answered */
	void (*late)(struct control_question *q);		/* the time is over; the question ends */
	/* Something changed. True: text and status of the command are complete. */
	bool (*update)(struct control_question *q, struct control_command *o);
	void (*free)(struct control_question *q);	/* what it is a part of; q's own members are freed */
};

struct control_question_part {
	struct child *child;		/* NULL: it has answered, or is dead, or nothing was asked yet */
	uint32_t request;		/* number of the latest question to it */
};

/* The first member of the request that it belongs to. */
struct control_question {
	TAILQ_ENTRY(control_question) link;
	const struct control_question_ops *ops;
	struct master *m;
	struct loop_timer *timer;
	struct control_question_part *part;
	size_t parts;
	bool over;			/* nothing more will come */
};

void control_question_init(struct control_question *q, struct master *m,
    const struct control_question_ops *ops);
void control_question_free(struct control_question *q);		/* NULL is fine */
/* The time that is left, in ms. */
void control_question_wait(struct control_question *q, uint64_t ms);
size_t control_question_add(struct control_question *q, struct child *c);	/* the number of its part */
/* That part is for another child now; NULL: for none, it is answered. */
void control_question_turn(struct control_question *q, size_t part, struct child *c);
void control_question_ask(struct control_question *q, size_t part, const void *data, size_t len);
bool control_question_is_answered(const struct control_question *q);	/* no part waits for its child */
void control_question_end(struct control_question *q);
/* No parts, not over: ready for another question. */
void control_question_clear(struct control_question *q);
/* For all questions: an answer came; a child died. */
void control_question_take(struct child *c, const struct ctl_message *m);
void control_question_gone(struct child *c);

/* --- queue_request: commands about queues and badmail --- */

void queue_request_run(struct control_command *o, struct master *m, struct server *s,
    const struct control_words *w);

/* --- sessions_gather: one question about sessions to many listeners --- */

struct sessions_gather_part {
	pid_t pid;
	char server[CONFIG_NAME_MAX + 1];
	uint32_t *serial;		/* the sessions meant, rising; NULL: all */
	size_t serials, at, batch;	/* batch: serials in the question that is open, from `at` on */
};
struct sessions_gather {
	struct control_question *q;	/* its parts have the same numbers */
	struct msg_sessions_ask ask;
	struct sessions_gather_part *part;
	size_t parts, count;		/* count: sessions in `rows` */
	bool late;
	struct buf rows, notes;		/* "PID-SERIAL\tSERVER\t..." and "!text" lines */
};

struct sessions_gather *sessions_gather_new(struct control_question *q, const struct msg_sessions_ask *like);
void sessions_gather_add(struct sessions_gather *g, struct child *c, const uint32_t *serial, size_t n);
/* g->q is over by and by, perhaps at once. */
void sessions_gather_start(struct sessions_gather *g);
void sessions_gather_free(struct sessions_gather *g);	/* NULL is fine */
/* What its question hears. */
void sessions_gather_page(struct sessions_gather *g, size_t part, const struct ctl_message *m);
void sessions_gather_gone(struct sessions_gather *g);
void sessions_gather_late(struct sessions_gather *g);

/* --- sessions_request: commands about sessions --- */

struct sessions_wish {
	bool terminate, chosen, yes;
	struct { pid_t pid; uint32_t serial; } id[CONTROL_WORDS_MAX];
	size_t ids;
	struct msg_sessions_ask ask;
};

bool sessions_request_parse(struct sessions_wish *w, const struct control_words *words);	/* pure */
void sessions_request_run(struct control_command *o, struct master *m, struct server *only,
    const struct control_words *words);

/* --- oauth_request: posternctl oauth test --- */

void oauth_request_run(struct control_command *o, struct master *m, struct server *only,
    const struct control_words *w);

#endif
