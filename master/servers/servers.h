/* servers - the virtual servers; one block a file */
#ifndef MASTER_SERVERS_SERVERS_H
#define MASTER_SERVERS_SERVERS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/account/login_name.h"
#include "common/config/config.h"
#include "master/master.h"

struct buf;
struct child;
struct ctl_tickets;
struct listen_set;
struct master;
struct post;
struct reap_death;
struct server;
struct snapshot;

/* --- state: the seven states of a virtual server; pure --- */

struct state_move {
	enum state_kind kind;
	enum state next;
	enum state_act act;
	const char *text;		/* of STATE_ALREADY and STATE_REFUSE, for operators */
};

const struct state_move *state_move(enum state state, enum state_event event);
const char *state_name(enum state state);	/* "started"; "?" */
const char *state_command_name(enum state_event event);	/* "start" ... "drain"; "?" */

/* --- server_snapshot: a configuration and its sealed copy --- */

struct snapshot *server_snapshot_new(struct config *c);	/* owns `c` afterwards; NULL and errno */
void server_snapshot_drop(struct snapshot *s);			/* NULL is fine */

/* --- server: one virtual server --- */

/* NULL and errno: no descriptors are left. */
struct server *server_new(struct master *m, const char *name);
void server_free(struct server *s);
/* Takes over its configuration in `snap` (NULL: none); processes are not touched. */
void server_adopt(struct server *s, struct snapshot *snap);
void server_event(struct server *s, enum state_event event);
/*
 * An operator wants it: STATE_GO (done when server_is_steady), STATE_ALREADY or STATE_REFUSE; then *text is a
 * static text that says why ("is already started").
 */
enum state_kind server_request(struct server *s, enum state_event event, const char **text);
/* Whether it should run, remembered over restarts. */
void server_want(struct server *s, bool running);
/* Makes events of what its children do. */
void server_update(struct server *s);
bool server_is_steady(const struct server *s);	/* it is not changing its state */
/* What its children come to, from child_events. */
void server_child_born(struct child *c);
void server_files_changed(struct server *s);	/* its certificates or keys */
void server_child_died(struct server *s, const struct reap_death *d);
void server_not_started(struct post *p, int error);
/* Why it is not as it should be; NULL: it is. */
void server_reason(struct server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes over `snap` while it runs. 0; or -1 and a reason, and nothing has changed. */
int server_renew(struct server *s, struct snapshot *snap,
    struct buf *why) __attribute__((warn_unused_result));
uint32_t server_id(const struct server *s);	/* 0: its file has errors */

/* --- home_lost: another service has taken the home --- */
void home_lost_stop(struct server *s, const char *why);
void home_lost_recall(struct server *s);	/* whether it was so before a restart or reload */

/* --- drain_server: it takes no mail, and delivers what it has --- */
/* Paused, and not to be started with the service. */
bool drain_server_is_on(const struct server *s);
void drain_server_begin(struct server *s);

/* --- heritage: what a virtual server has from the program before, in an upgrade --- */

struct heritage {
	TAILQ_ENTRY(heritage) link;
	char name[CONFIG_NAME_MAX + 1];
	int counters_fd;		/* -1: they lie otherwise in this version */
	int hint[2];
	uint64_t run, begin;		/* of the sampler */
	enum state state;
	bool shut;
	struct listen_set sockets, guard;
};

struct heritage *heritage_find(const struct master *m, const char *name);	/* NULL: none */
/* Counters and hint sockets of a new virtual server: those that it has, else new ones. 0, or -1 and errno. */
int heritage_open(struct server *s) __attribute__((warn_unused_result));
void heritage_free(struct heritage *h);	/* with what was not taken */

/* --- sampler: counters of the last hour and day --- */

struct counters_ring;
void sampler_open(struct master *m);
void sampler_close(struct master *m);
void sampler_begin(struct server *s);	/* of one that is made */
void sampler_forget(struct server *s);
/* The name of its counters, and since when they count, in monotonic ms. */
void sampler_origin(const struct server *s, uint64_t *run, uint64_t *begin);
/* NULL: there is none. */
const struct counters_ring *sampler_ring(const struct server *s);

/* --- server_list: the virtual servers of the service, by id --- */

/*
 * The virtual server of that name; a new one is added, on `snap` or (its file has errors) with `fault` as its
 * reason. NULL: no descriptors left.
 */
struct server *server_list_add(struct master *m, const char *name, struct snapshot *snap,
    const struct config_fault *fault);
struct server *server_list_find(const struct master *m, const char *name);
struct server *server_list_find_id(const struct master *m, uint32_t id);
/* Writes down the numbers of the configuration, so that they never move by themselves. */
void server_list_keep_numbers(const struct master *m);

/* --- control_rights: who may control what --- */

struct control_peer {
	uid_t uid;		/* (uid_t)-1: not of this host */
	gid_t *gid;
	size_t ngid;
	bool web;		/* through the manager in a web browser */
	char login[LOGIN_NAME_SIZE];	/* who logged in there without an account of this host; "" */
	char author[LOGIN_NAME_AUTHOR_SIZE];	/* for events: "uid=0" */
};

/*
 * Names of users, "@name" of groups and logins of the manager (login_name), of `key` (for the log). Unknown
 * names are logged and grant nothing.
 * What `r` held before is forgotten.
 */
void control_rights_resolve(struct control_rights *r, const struct config_strings *names, const char *server,
    const char *key);
void control_rights_done(struct control_rights *r);
/*
 * Those of the next configuration, while s->conf is still the one before; of the service. While m->names_stay
 * names that were there before are not looked up again: that may take its time.
 */
void control_rights_adopt(struct server *s, const struct config_server *conf);
void control_rights_adopt_service(struct master *m, const struct config_service *old,
    const struct config_service *new);
/* Pure: whether `r` names the user of `p` or one of its groups, or its login. */
bool control_rights_has(const struct control_rights *r, const struct control_peer *p);
/* The user and groups at the other end of a socket, until control_rights_peer_done. 0 or -1. */
int control_rights_peer_get(struct control_peer *p, int fd) __attribute__((warn_unused_result));
/* A user of this host without groups; one who logged in to the manager. Until control_rights_peer_done. */
void control_rights_peer_user(struct control_peer *p, uid_t uid);
void control_rights_peer_login(struct control_peer *p, const char *login);
/* Whether both are the same user, or login. */
bool control_rights_peer_same(const struct control_peer *p, const struct control_peer *q);
void control_rights_peer_copy(struct control_peer *p, const struct control_peer *from);
void control_rights_peer_done(struct control_peer *p);
/* What that user may do with the service and every virtual server; with this one. */
enum control_right control_rights_service(const struct master *m, const struct control_peer *p);
enum control_right control_rights_server(const struct server *s, const struct control_peer *p);
/* "none", "look", "operate", "configure". */
const char *control_rights_name(enum control_right right);
/* The most that it may do with any one of them. */
enum control_right control_rights_any(const struct master *m, const struct control_peer *p);

/* --- listen: the listening sockets --- */

/*
 * Makes the sockets of `s` in the order of `conf`. Sockets of `old` with the same address are moved to `set`
 * (their fd in `old` is then -1). `listening` false: they are bound, but do not listen (paused). 0; or -1 and
 * a reason, and `old` is as before.
 */
int listen_open(struct listen_set *set, const struct server *s, const struct config_server *conf,
    struct listen_set *old, bool listening, struct buf *why) __attribute__((warn_unused_result));
/*
 * `s` is stopped: its addresses that a wildcard of another virtual server covers turn their clients away.
 * `conf` NULL: none does any more.
 */
void listen_guard(struct server *s, const struct config_server *conf);
/* Moves the sockets that are left in `from` to `into`. */
void listen_merge(struct listen_set *into, struct listen_set *from);
/* Pure: whether `wide` is a wildcard that would get the clients of `narrow` when nothing listens there. */
bool listen_covers(const struct sockaddr *wide, const struct sockaddr *narrow);
/* New connections are refused; the port is kept. */
void listen_pause(const struct master *m, struct listen_set *set);
int listen_continue(const struct master *m, struct listen_set *set,
    struct buf *why) __attribute__((warn_unused_result));
/* Ends listening for all processes that share the sockets, and closes them. */
void listen_close(struct listen_set *set);

/* --- listen_others: who has which address, beside a wildcard --- */

/* Some virtual server has come, gone or got other addresses. */
void listen_others_update(struct master *m);
void listen_others_state(struct server *s);	/* it has stopped or started */
void listen_others_adopt(struct server *s);	/* s->conf is another one */
void listen_others_greet(struct child *c);	/* a new deliver worker */

/* --- listen_arrival: a virtual server whose address this host does not have yet starts when it has --- */

typedef void listen_arrival_cb(struct server *s, enum state_event event);
void listen_arrival_open(struct server *s, listen_arrival_cb *event);	/* `s` is new */
void listen_arrival_close(struct server *s);
/* It could not listen. */
void listen_arrival_await(struct server *s);
bool listen_arrival_is_awaited(const struct server *s);

/* --- listen_gate: refuses connections while no listener takes them --- */

void listen_gate_open(struct server *s);	/* `s` is new */
void listen_gate_close(struct server *s);
/* A listener was born, is ready or is dead, or all are told to go on: refuses connections, or takes them. */
void listen_gate_update(struct server *s);
void listen_gate_forget(struct server *s);	/* the sockets were closed, or listen again */

/* --- reload_words: what a reload says --- */

struct reload {
	struct master *m;
	struct snapshot *snap;
	struct config_faults faults;
	const char *only;		/* the text tells of this virtual server alone; NULL: of all */
	struct buf *text;
	int status;
	bool again;			/* of INI files that were read before: told is what is new */
	bool lists;			/* and that were taken over: no server comes or goes */
	bool anew;			/* all processes start anew, changed or not: another sandbox */
};

/* An event and, when it is meant, a line of text; a status other than 0 is that of the reload. */
void reload_words_say(struct reload *r, int status, const char *server, const char *result,
    const char *text);
/* "FILE:LINE", or "FILE" when it is about the file as a whole. */
#define RELOAD_WORDS_PLACE 512
const char *reload_words_place(char dst[RELOAD_WORDS_PLACE], const struct config_fault *f);
void reload_words_log_fault(const struct config_fault *f);
void reload_words_log(struct reload *r);	/* the faults that are not known */
/* It stands in the log, and the file was not changed since. */
bool reload_words_is_known(const struct reload *r, const struct config_fault *f);
/* An error in the files of that virtual server; NULL: of the service file. */
bool reload_words_is_error_of(const struct config_fault *f, const char *server);
/* Whether those errors are others than those told before. */
bool reload_words_are_news(const struct reload *r, const char *server);
/* A list has changed, and there is an error still: which, and what to do. */
void reload_words_say_left(struct reload *r, const char *server, const char *result);
/* What stands in the log from now on; `faults` is empty afterwards. */
void reload_words_remember(struct master *m, struct config_faults *faults);
void reload_words_forget(struct master *m);

/* --- reload --- */

struct config_candidate;
/*
 * Reads the INI set again and takes it over; with a candidate all other files are as they were read. 0: all
 * of it; else an exit status; `text` says why. With `only` text and status are about that virtual server.
 */
int reload_run(struct master *m, const char *only, const struct config_candidate *candidate,
    struct buf *text);
/*
 * Files with lists have changed: reads them again, and nothing else. True: with them INI files are taken over
 * that a reload refused; then `text` and `status` are as of reload_run.
 */
bool reload_lists(struct master *m, struct buf *text, int *status);

/* --- file_watch: changes of files that the configuration names --- */

struct file_watch *file_watch_new(struct master *m);
void file_watch_free(struct file_watch *w);	/* after the servers */
void file_watch_server(struct server *s);	/* the files of s->conf are watched from now on */
void file_watch_forget(struct server *s);
void file_watch_scan(struct master *m);		/* looks soon; with the files of a new [service] */
/* Within lists_changed: whether that file with a list is one that changed. */
bool file_watch_is_news(const struct master *m, const char *path);

/* --- tls_renewal: the keys of TLS tickets --- */

void tls_renewal_begin(struct server *s);	/* when it has TLS */
/* Sends the ticket keys to a listener that was just born. */
void tls_renewal_greet(struct child *c);
void tls_renewal_forget(struct server *s);
/*
 * Makes a new key when *made_ms (0: never) is `period_ms` ago; the key before stays, for tickets that clients
 * have. True: there is a new one. Both are new the first time.
 */
bool tls_renewal_turn(struct ctl_tickets *t, uint64_t *made_ms, uint64_t now_ms, uint64_t period_ms);

#endif
