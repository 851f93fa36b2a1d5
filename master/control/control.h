/* control - commands of operators: control.sock, what each command does; one block a file */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/command/control_words.h"
#include "common/config/config.h"
#include "common/msg/msg_sessions.h"
#include "common/msg/msg_web.h"
#include "master/master.h"
#include "master/servers/servers.h"

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

/* --- control: control.sock --- */

/* Takes over the socket `fd`; -1: makes it in the run folder, and dies when it cannot. */
struct control *control_open(struct master *m, int fd);
/* For an upgrade: the socket; its clients that ask for it, or for nothing; one that came from there. */
typedef void control_each_cb(void *arg, int fd, bool upgrades, uint32_t request);
int control_descriptor(const struct control *control);
void control_each(const struct control *control, control_each_cb *cb, void *arg);
void control_adopt(struct control *control, int fd);
/* State may have changed: answers the commands that have what they wait for. */
void control_update(struct control *control);
/* What a stop waits for may have changed: commands that wait for it are told, a moment later. */
void control_progress(struct control *control);
void control_close(struct control *control, const char *last_words);

/* --- control_answer: one command in progress, and its answer --- */

struct control_command {
	const struct control_peer *peer;
	enum control_right right;	/* that it needs */
	struct buf text;		/* the answer so far */
	int status;			/* exit status for posternctl */
	bool waiting;			/* for its question, or until all of `name` are steady */
	bool flows;			/* the text so far goes to the user while it waits */
	bool ends_service;		/* it is answered by control_close */
	bool upgrades;			/* it is answered when that fails; else by the next program */
	bool over;			/* who gave it is not logged in any more: what streams ends */
	enum state goal;		/* the state that they should reach; 0: any */
	char (*name)[CONFIG_NAME_MAX + 1];
	size_t names;
	struct control_question *question;	/* to children, in progress, or NULL */
	int fd;				/* owned: goes to the user before the answer; -1 none */
	int input;			/* came with the command, and stays the caller's; -1 none */
};

void control_answer_init(struct control_command *cmd, const struct control_peer *peer);
void control_answer_done(struct control_command *cmd);
/* Adds a line to the text; `status` becomes the exit status when none was set before. */
void control_answer_say(struct control_command *cmd, int status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* For its event: who gave the command, "uid=1000" or "uid=1000 by=web". */
#define CONTROL_ANSWER_WHO_SIZE (LOGIN_NAME_AUTHOR_SIZE + 8)
void control_answer_who(char who[CONTROL_ANSWER_WHO_SIZE], const struct control_command *cmd);
/* Whether the answer to a command about `only`, NULL: all, is about `s`, too: its user has the right. */
bool control_answer_covers(const struct control_command *cmd, const struct server *s,
    const struct server *only);
/* The command waits until `s`, too, is steady, and then has to be in state `goal` (0: any). */
void control_answer_wait(struct control_command *cmd, const struct server *s, enum state goal);

/* --- control_caller: who waits for the answer to a command --- */

#define CONTROL_CALLER_CUT 69	/* EX_UNAVAILABLE: the service ended before the command */

struct control_caller;
struct control_caller_ops {
	bool (*send)(struct control_caller *c, enum ctl_type type, const void *data, size_t len);
	/* Hands over a descriptor, which stays the command's; NULL: it cannot take one */
	bool (*hand)(struct control_caller *c, int fd);
	bool (*is_full)(const struct control_caller *c);	/* it reads what came before; NULL: never */
	bool (*is_over)(const struct control_caller *c);	/* the session behind it; NULL: it has none */
	void (*answered)(struct control_caller *c, bool sent);	/* may free it */
	void (*end)(struct control_caller *c);			/* frees it */
};

/* The first member of what is the way to the caller. */
struct control_caller {
	TAILQ_ENTRY(control_caller) link;
	struct master *m;
	const struct control_caller_ops *ops;
	struct control_peer peer;
	struct control_command command;
	bool busy;		/* the command waits for its answer */
	bool held;		/* the answer waits for the caller */
	bool told;		/* ... what the command waits for */
	int input;		/* comes with the next command, which ends it; -1 none */
};

/* Takes over what `peer` holds. */
void control_caller_init(struct control_caller *c, struct master *m, const struct control_caller_ops *ops,
    const struct control_peer *peer);
void control_caller_done(struct control_caller *c);
/* Runs a command; it may be answered, and the caller be freed, at once. */
void control_caller_run(struct control_caller *c, const struct control_words *w);
/* State may have changed: answers what can be answered. True: some answer could not be taken yet. */
bool control_caller_update(struct master *m) __attribute__((warn_unused_result));
bool control_caller_may_wait_long(const struct control_caller *c);
/* It waits for the answer to a command that may change something; not for an upgrade. */
bool control_caller_changes(const struct control_caller *c);
/* An upgrade: all that wait for something else are answered with that text, now. */
void control_caller_cut(struct master *m, const char *text);
void control_caller_tell_progress(struct master *m);
void control_caller_end_all(struct master *m, const char *last_words);

/* --- web_sessions, web_account, control_web: the manager in a web browser; more in control_private.h --- */

struct web_sessions;
struct web_sessions *web_sessions_new(void);
void web_sessions_free(struct web_sessions *w);		/* NULL is fine */
void web_account_open(struct master *m);
void web_account_close(struct master *m);
void web_account_cut(struct master *m);		/* logins under way are to be tried again */
/* CTL_WEB_LOGIN, CTL_WEB_PASSWORD, CTL_WEB_TICKET, CTL_WEB_ASK, CTL_WEB_LOGOUT, CTL_WEB_COMMAND */
void control_web_take(struct child *c, const struct ctl_message *m);
void control_web_greet(struct child *c);	/* a child was born: the web helper gets its key */
void control_web_gone(struct child *c);		/* the helper is dead: its commands go on without an answer */

/* --- web_link: one-time links --- */

/* The address of one for that user, and a newline; false: the manager is not configured. */
bool web_link_make(struct master *m, const struct control_peer *peer, const char *name, struct buf *out);
/* web-login - [NAME]: prints it. */
void web_link_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);

/* --- control_commands: the commands of an operator, one row a command --- */

void control_commands_run(struct control_command *cmd, struct master *m, const struct control_words *w);
/* True: the command has what it waited for; text and status are complete. */
bool control_commands_update(struct control_command *cmd, struct master *m);
bool control_commands_known(const char *command);
/* Pure: the right that these words need; CONTROL_NONE: no such command. */
enum control_right control_commands_right(const struct control_words *w);

/* --- control_change: commands that change something; s NULL: all virtual servers, or the service --- */

void control_change_start(struct control_command *cmd, struct master *m, struct server *s);
void control_change_stop(struct control_command *cmd, struct master *m, struct server *s);
void control_change_pause(struct control_command *cmd, struct master *m, struct server *s);
void control_change_drain(struct control_command *cmd, struct master *m, struct server *s);
void control_change_continue(struct control_command *cmd, struct master *m, struct server *s);
void control_change_upgrade(struct control_command *cmd, struct master *m, struct server *s);
/* reload [- NAME]: with NAME the answer is about that virtual server alone. */
void control_change_reload(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
void control_change_retry(struct control_command *cmd, struct master *m, struct server *only);

/* --- control_show: commands that show something; `only` NULL: all that the operator may see --- */

void control_show_status(struct control_command *cmd, struct master *m, struct server *only);
/* counters [NAME|- [each]]: with "each" those of each virtual server follow its "@NAME". */
void control_show_counters(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w);
void control_show_prometheus(struct control_command *cmd, struct master *m, struct server *only);

/* --- health: status --check --- */

/* health [NAME|- [each]]: with "each" a line follows for each part: name, state, health, why; with tabs. */
void health_show(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w);
/*
 * Adds why it is not as it should be: itself; a process that runs and cannot do all of its work. Nothing: it
 * is, but for files: see health_disk_blame.
 */
void health_put_troubles(struct buf *b, const struct server *s);
void health_put_service(struct buf *b, const struct master *m);		/* the same of the helpers */

/* As the answer says it: 0 good, 1 a warning, 2 critical; the service: 0 or 1. */
struct health_disk;
int health_of_server(const struct server *s, const struct health_disk *disk);
int health_of_service(const struct master *m, const struct health_disk *disk);

/* --- health_gauge: the same as a number among the measures --- */

void health_gauge_open(struct master *m);
void health_gauge_close(struct master *m);
void health_gauge_set(struct master *m, uint64_t most_ms);	/* most_ms: see health_disk_get */

/* --- health_disk: whether what is on disk would start again --- */

/* As it was a moment ago, or where that is enough so many ms ago, at the latest. */
const struct health_disk *health_disk_get(struct master *m, uint64_t most_ms);
void health_disk_free(struct health_disk *d);			/* NULL is fine */
void health_disk_blame_service(const struct health_disk *d, struct buf *why);
void health_disk_blame(const struct health_disk *d, const struct server *s, struct buf *why);

/* --- stop_progress: what a command still waits for while processes stop --- */

/* False: the command waits for no process any more. */
bool stop_progress_get(const struct control_command *cmd, const struct master *m, struct ctl_progress *p);

/* --- control_question: a question to children on behalf of a command --- */

struct control_question_ops {
	enum ctl_type ask, answer;	/* the message that asks, and the one that answers */
	enum ctl_type text;		/* may come before the answer; none: the same as `answer` */
	/* A message from the child of that part. */
	void (*page)(struct control_question *q, size_t part, const struct ctl_message *m);
	void (*gone)(struct control_question *q, size_t part);	/* that child died without an answer */
	void (*late)(struct control_question *q);		/* the time is over; the question ends */
	/* State may have changed. True: text and status of the command are complete. */
	bool (*update)(struct control_question *q, struct control_command *cmd);
	void (*free)(struct control_question *q);	/* frees what q is a member of */
};

struct control_question_part {
	struct child *child;		/* that has to answer; NULL: it has, is dead, or is not asked yet */
	uint32_t request;		/* number of the latest message to it */
};

/* The first member of the request that it is made for. Its children are asked one by one, or all at once. */
struct control_question {
	TAILQ_ENTRY(control_question) link;
	const struct control_question_ops *ops;
	struct master *m;
	struct loop_timer *timer;
	uint64_t until;			/* monotonic ms: the end of the whole question; 0 none */
	struct control_question_part *part;
	size_t parts;
	bool over;			/* no answer will come any more */
};

void control_question_init(struct control_question *q, struct master *m,
    const struct control_question_ops *ops);
void control_question_free(struct control_question *q);		/* NULL is fine */
/* It is late when that time is over, in ms from now; or when it is as old as control_question_limit says. */
void control_question_wait(struct control_question *q, uint64_t ms);
void control_question_limit(struct control_question *q, uint64_t ms);	/* from now; before the first wait */
size_t control_question_add(struct control_question *q, struct child *c);	/* the number of its part */
/* Gives a part to another child; NULL: the part is answered. */
void control_question_turn(struct control_question *q, size_t part, struct child *c);
/* Sends a message of type ops->ask, with a new number, to the child of a part. */
void control_question_ask(struct control_question *q, size_t part, const void *data, size_t len);
/* The same with a descriptor, which stays the caller's; -1: none. */
void control_question_hand(struct control_question *q, size_t part, const void *data, size_t len, int fd);
bool control_question_is_answered(const struct control_question *q);	/* no part waits for its child */
/* Sets `over`. What comes afterwards is dropped. */
void control_question_end(struct control_question *q);
/* No parts, not over: ready for another question. */
void control_question_clear(struct control_question *q);
/* Over all questions: a message came from a child; a child died. */
void control_question_take(struct child *c, const struct ctl_message *m);
void control_question_gone(struct child *c);

/* --- queue_request: commands about queues and badmail --- */

void queue_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
/*
 * The process that owns the queue of `s`; NULL: the answer says why there is none, or tells posternctl to ask
 * again.
 */
struct child *queue_request_call(struct control_command *cmd, struct master *m, struct server *s);

/* --- import_request: a file of IIS, read for the manager --- */

/* import -: with a descriptor. A line that says how posternctl is called, then the JSON of postern-import. */
void import_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
void import_request_died(struct master *m, pid_t pid, int status);	/* some process that is no child */

/* --- trace_request: searches in the event log for who cannot read it --- */

/* trace NAME find|story [id=ID ...] [sender=TEXT] [recipient=TEXT] [message-id=TEXT] [at=INODE:PLACE] */
void trace_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);

/* --- sessions_gather: one question about sessions to many listeners --- */

struct sessions_gather_part {
	pid_t pid;
	char server[CONFIG_NAME_MAX + 1];
	uint32_t *serial;		/* only these sessions, rising; NULL: all */
	size_t serials, at, batch;	/* the open message asks for `batch` serials from `at` on */
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
/* One more listener to ask. `serial`: only these sessions, rising; n 0: all its sessions. */
void sessions_gather_add(struct sessions_gather *g, struct child *c, const uint32_t *serial, size_t n);
/* Asks all listeners. g->q ends later, or at once when there are none. */
void sessions_gather_start(struct sessions_gather *g);
void sessions_gather_free(struct sessions_gather *g);	/* NULL is fine */
/* The callbacks of its question. */
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
void sessions_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *words);

/* --- watch_request: events as they come; without a name those of all processes --- */

void watch_request_run(struct control_command *cmd, struct master *m, struct server *only);
void watch_request_greet(struct child *c);	/* a new one */

/*
 * --- Requests that are one command each, as control_commands calls them; `only` NULL: all that the operator
 * may see ---
 */

typedef void control_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w);
control_run probe_request_run;		/* the way of a mail, step by step */
control_run hosts_request_run;		/* posternctl hosts */
control_run tls_reports_request_run;	/* posternctl tls-reports */
control_run certificates_request_run;	/* what clients are shown */
control_run explain_request_run;	/* what would happen to a message */
control_run dns_request_run;		/* a name in the DNS, for posternctl dkim and check --dns */
control_run directory_request_run;	/* a recipient in the directory, for posternctl explain */
control_run oauth_request_run;		/* posternctl oauth test */

#endif
