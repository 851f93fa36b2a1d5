/* servers - the virtual servers; one block a file */
#ifndef MASTER_SERVERS_SERVERS_H
#define MASTER_SERVERS_SERVERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "master/master.h"

struct buf;
struct child;
struct config;
struct config_fault;
struct config_faults;
struct config_server;
struct config_strings;
struct ctl_tickets;
struct listen_set;
struct master;
struct post;
struct reap_death;
struct server;
struct snapshot;

/* --- state: the seven states of a virtual server, as one table; pure --- */

struct state_move {
	enum state_kind kind;
	enum state next;
	enum state_act act;
	const char *text;		/* for operators, on STATE_ALREADY and STATE_REFUSE */
};

const struct state_move *state_move(enum state state, enum state_event event);
const char *state_name(enum state state);	/* "started"; "?" */
const char *state_command_name(enum state_event event);	/* "start", "stop", "pause", "continue"; "?" */

/* --- server_snapshot: a configuration and its sealed copy --- */

struct snapshot *server_snapshot_new(struct config *c);	/* takes over `c`; NULL and errno */
void server_snapshot_drop(struct snapshot *s);			/* NULL is fine */

/* --- server: one virtual server as the master knows it --- */

struct server *server_new(struct master *m, const char *name);
void server_free(struct server *s);
/* Goes over to `snap` (NULL: none), without touching processes. */
void server_adopt(struct server *s, struct snapshot *snap);
void server_event(struct server *s, enum state_event event);
/*
 * An order: STATE_GO (wait for server_settled), STATE_ALREADY or STATE_REFUSE; *text says, a static text ("is
 * already started").
 */
enum state_kind server_request(struct server *s, enum state_event event, const char **text);
/* Remembers over restarts whether it should run. */
void server_want(struct server *s, bool running);
/* Makes events of what its children have come to. */
void server_update(struct server *s);
bool server_is_steady(const struct server *s);	/* no change of state is under way */
/* Its children: what service hands on (child_events). */
void server_child_born(struct child *c);
void server_child_died(struct server *s, const struct reap_death *d);
void server_not_started(struct post *p, int error);
/* NULL: none */
void server_reason(struct server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Goes over to `snap` while running. 0, or -1 with a reason and all as it was. */
int server_renew(struct server *s, struct snapshot *snap,
    struct buf *why) __attribute__((warn_unused_result));
uint32_t server_id(const struct server *s);	/* 0: not known */

/* --- server_list: the virtual servers of the service, by id --- */

/*
 * Makes virtual server `name` known, with its first error when its file has one. NULL: no descriptors left.
 */
struct server *server_list_add(struct master *m, const char *name, struct snapshot *snap,
    const struct config_fault *fault);
struct server *server_list_find(const struct master *m, const char *name);
struct server *server_list_find_id(const struct master *m, uint32_t id);

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

/* --- listen: the listening sockets --- */

/*
 * Makes the sockets of `s` in order of its configuration. Those of `old` with the same address are taken over
 * (moved out of it, fd -1 stays behind). `listening` false: bound only (paused). 0, or -1 with a reason;
 * `old` is then whole again.
 */
int listen_open(struct listen_set *set, const struct master *m, const struct server *s,
    const struct config_server *conf,
    struct listen_set *old, bool listening, struct buf *why) __attribute__((warn_unused_result));
/* Moves what is left in `from` to `into`. */
void listen_merge(struct listen_set *into, struct listen_set *from);
/* Pure: two addresses that cannot both be listened on. */
bool listen_overlap(const struct sockaddr *a, const struct sockaddr *b);
/* Refuses new connections by TCP, keeps the port. */
void listen_pause(const struct listen_set *set);
int listen_continue(const struct listen_set *set, struct buf *why) __attribute__((warn_unused_result));
/* Ends the sockets for every process that holds them, and closes. */
void listen_close(struct listen_set *set);

/* --- reload --- */

/* Reads the INI set again and goes over to it. 0 all of it, 1 not all: `text` says what and why. */
int reload_run(struct master *m, struct buf *text);
void reload_log_fault(const struct config_fault *f);

/*
 * --- tls_renewal: tells the listeners when certificate and key files have changed; the keys of TLS tickets
 * ---
 */

/* Watches the files of s->conf from now on; `changed` is called when they have. */
void tls_renewal_watch(struct server *s, void (*changed)(struct server *s));
void tls_renewal_tell(struct server *s);	/* the listeners ask for the files again */
/* To a listener that has just been born: ticket keys. */
void tls_renewal_greet(struct child *c);
/* Looks now and not only when the time comes. */
void tls_renewal_check(struct server *s);
void tls_renewal_forget(struct server *s);
/*
 * New keys when `*made_ms` (0: never) is `period_ms` ago; the old one stays for tickets that are out. True:
 * there are.
 */
bool tls_renewal_turn(struct ctl_tickets *t, uint64_t *made_ms, uint64_t now_ms, uint64_t period_ms);

#endif
