/* control_private - what shows and changes the configuration, for the files of control; one block a file */
#ifndef MASTER_CONTROL_CONTROL_PRIVATE_H
#define MASTER_CONTROL_CONTROL_PRIVATE_H

#include "common/change/change.h"
#include "master/control/control.h"

struct change_record;

/* --- get_request: get, keys --- */

#define GET_REQUEST_MAX (3U << 20)	/* bytes of an answer: lists may be long; a channel queues 4 MiB */
/* get NAME|- [SECTION.KEY ...]: rows of config_get */
void get_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
/* domain NAME list: rows of config_get */
void get_request_domains(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
/* history NAME|- [COUNT]: rows of change_history, the latest first */
void get_request_history(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w);
void get_request_keys(struct control_command *cmd, struct master *m, struct server *only);

/* --- change_request: commands that change the configuration --- */

/* A virtual server as it was before. */
struct change_witness {
	char name[CONFIG_NAME_MAX + 1];
	bool active, trouble;
};

struct change_request {
	struct master *m;
	struct change change;
	int lock;
	char author[32];		/* "uid=0" */
	char by[8];			/* " by=web" */
	char command[16];
	unsigned record;		/* in the history; 0: none */
	struct change_witness *witness;
	size_t witnesses;
	struct loop_timer *timer;
	unsigned number;		/* of the request, for the command that waits for it */
	bool written, over, late;
	bool alone;			/* nobody waits for the answer */
	struct buf text;		/* the answer */
	int status;
};

/*
 * set|unset NAME|- [dry-run] WORD ..., domain NAME VERB DOMAIN [dry-run] [WORD ...], create - NAME [dry-run]
 * [WORD ...], undo NAME|- [dry-run] [NUMBER]
 */
void change_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
void change_request_update(struct master *m);	/* state may have changed */
void change_request_close(struct master *m);

/* --- change_rate --- */

/* One more change of that user; false: too many for now. */
bool change_rate_take(uid_t uid, uint64_t now_ms) __attribute__((warn_unused_result));

/* --- change_prepare: a change before anything is written --- */

/* EX_OK: it is to be written. */
int change_prepare(struct change_request *r, const struct control_command *cmd, const struct server *s,
    const struct control_words *w);
/* Whether the user has the right of the command on what the record is about. */
bool change_prepare_is_shown(const struct change_record *record, const struct control_command *cmd,
    const struct master *m, const struct server *only);

#endif
