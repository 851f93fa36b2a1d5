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
struct control_rights;
struct ctl_message;
struct loop_timer;
struct master;
struct msg_sessions_ask;
struct oauth_request;
struct queue_request;
struct server;
struct sessions_request;

/* --- control: control.sock, who may say what --- */

#define CONTROL_CLIENTS_MAX 64

/* The socket in the run folder; dies when it cannot be made. */
struct control *control_open(struct master *m);
/* Something settled: answers those who wait for it. */
void control_look(struct control *a);
void control_close(struct control *a, const char *last_words);

/* --- control_rights: who may control what --- */

struct control_peer {
	uid_t uid;
	gid_t *gid;
	size_t ngid;
};

/* Names of users, and "@name" of groups. Unknown ones are logged and grant nothing. */
void control_rights_resolve(struct control_rights *r, const struct config_strings *names, const char *server);
void control_rights_done(struct control_rights *r);
/* Pure. */
bool control_rights_has(const struct control_rights *r, const struct control_peer *p);
int control_rights_peer_get(struct control_peer *p, int fd) __attribute__((warn_unused_result));
bool control_rights_service(const struct master *m, const struct control_peer *p);
bool control_rights_server(const struct server *s, const struct control_peer *p);

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
	struct sessions_request *sessions;	/* an order about them in progress, or NULL */
	struct oauth_request *oauth_request;	/* of a profile of [oauth], in progress, or NULL */
	struct queue_request *queue_request;		/* one about a queue or badmail, or NULL */
};

void control_commands_init(struct control_command *o, const struct control_peer *peer);
void control_commands_done(struct control_command *o);
void control_commands_run(struct control_command *o, struct master *m, const struct control_words *w);
/* True when what it waited for has settled: text and status are then complete. */
bool control_commands_settle(struct control_command *o, struct master *m);
bool control_commands_known(const char *command);

/* --- queue_request: orders about queues and badmail --- */

void queue_request_run(struct control_command *o, struct master *m, struct server *s,
    const struct control_words *w);
bool queue_request_settle(struct control_command *o);
void queue_request_page(struct child *c, const struct ctl_message *m);
void queue_request_gone(struct child *c);
bool queue_request_waits(const struct child *c);	/* it is to answer somebody */
void queue_request_free(struct queue_request *k);		/* NULL is fine */

/* --- sessions_gather: one question about sessions to many listeners --- */

struct sessions_gather_part {
	struct child *child;		/* NULL: dead */
	pid_t pid;
	char server[CONFIG_NAME_MAX + 1];
	uint32_t *serial;		/* the sessions meant; NULL: all */
	size_t serials, at, batch;
	uint32_t request;
	bool done;
};
struct sessions_gather {
	TAILQ_ENTRY(sessions_gather) link;
	struct master *m;
	struct msg_sessions_ask ask;
	struct sessions_gather_part *part;
	size_t parts, count;		/* count: sessions in `rows` */
	struct loop_timer *timer;
	bool over, late;
	struct buf rows, notes;		/* "PID-SERIAL\tSERVER\t..." and "!text" lines */
};

struct sessions_gather *sessions_gather_new(struct master *m, const struct msg_sessions_ask *like);
void sessions_gather_add(struct sessions_gather *g, struct child *c, const uint32_t *serial, size_t n);
/* `over` is set by and by, and service_look is called */
void sessions_gather_start(struct sessions_gather *g);
void sessions_gather_free(struct sessions_gather *g);	/* NULL is fine */
void sessions_gather_page(struct child *c, const struct ctl_message *m);
void sessions_gather_gone(struct child *c);

/* --- sessions_request: orders about sessions --- */

struct sessions_wish {
	bool terminate, chosen, yes;
	struct { pid_t pid; uint32_t serial; } id[CONTROL_WORDS_MAX];
	size_t ids;
	struct msg_sessions_ask ask;
};
struct sessions_request {
	struct sessions_wish wish;
	struct sessions_gather *gather;
	char server[CONFIG_NAME_MAX + 1];
	bool ending;			/* they have been found, and are being ended */
};

bool sessions_request_parse(struct sessions_wish *w, const struct control_words *words);	/* pure */
void sessions_request_run(struct control_command *o, struct master *m, struct server *only,
    const struct control_words *words);
bool sessions_request_settle(struct control_command *o, struct master *m);
void sessions_request_free(struct sessions_request *s);		/* NULL is fine */

/* --- oauth_request: posternctl oauth test --- */

struct oauth_request {
	TAILQ_ENTRY(oauth_request) link;
	struct master *m;
	char profile[CONFIG_NAME_MAX + 1];
	char server[CONFIG_NAME_MAX + 1];	/* whose deliver process is asked; "": the fetch helper */
	struct child *child;			/* who is to answer; NULL: nobody was asked yet */
	uint32_t request;
	struct loop_timer *timer;
	struct buf text;
	bool smtp;				/* a login has to be tried */
	bool over;
	int status;
};
void oauth_request_run(struct control_command *o, struct master *m, struct server *only,
    const struct control_words *w);
bool oauth_request_settle(struct control_command *o);
void oauth_request_look(struct master *m);		/* a helper may have become ready */
/* CTL_OAUTH_TEST_TEXT, CTL_OAUTH_TEST_END */
void oauth_request_told(struct child *c, const struct ctl_message *m);
void oauth_request_gone(struct child *c);
void oauth_request_free(struct oauth_request *r);	/* NULL is fine */

#endif
