/* master - private header of the supervisor and of posternctl; one block a file, alphabetical */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>

#include "common/base/buf.h"
#include "common/base/net.h"
#include "common/ipc/msg_queue.h"
#include "common/config/config.h"
#include "common/process/counters.h"
#include "common/ipc/ctl.h"
#include "common/process/loop.h"
#include "common/ipc/msg_sessions.h"

struct control;
struct child;
struct queue_request;
struct sessions_gather;
struct master;
struct control_command;
struct post;
struct control_peer;
struct server;

/* The numbers are those of the original (ServerState). */
enum state {
	STATE_STARTING = 1, STATE_STARTED, STATE_STOPPING, STATE_STOPPED, STATE_PAUSING, STATE_PAUSED, STATE_CONTINUING,
	STATE_COUNT
};
enum state_event {
	EVENT_START, EVENT_STOP, EVENT_PAUSE, EVENT_CONTINUE,	/* orders */
	EVENT_READY,		/* all children are */
	EVENT_PAUSED,		/* all listeners are */
	EVENT_CONTINUED,	/* all listeners have */
	EVENT_GONE,		/* no child is left */
	EVENT_FAILED,		/* what the state's act tried cannot be done */
	EVENT_REFUSED,		/* a worker says that it cannot work so */
	EVENT_COUNT
};
enum state_kind { STATE_IGNORE, STATE_GO, STATE_ALREADY, STATE_REFUSE };
enum state_act {
	ACT_NONE,
	ACT_OPEN,		/* sockets, children */
	ACT_CLOSE,		/* tell the children to end, end the sockets */
	ACT_PAUSE,		/* tell the listeners */
	ACT_SHUT,		/* stop the sockets listening */
	ACT_CONTINUE,		/* sockets listen, tell the listeners */
};

#define MASTER_TEXT_MAX (1U << 20)	/* cap of any text made for people */

/* --- control: control.sock, who may say what --- */

#define CONTROL_WORDS_MAX 32
#define CONTROL_WORD_SIZE 512
#define CONTROL_CLIENTS_MAX 64

struct control_words {
	char word[CONTROL_WORDS_MAX][CONTROL_WORD_SIZE];
	size_t count;
};

/* Pure: "pause\0default\0"; false when empty, unterminated, too many, too long or not printable ASCII. */
bool control_parse(struct control_words *w, const void *data, size_t len);
/* The socket in the run folder; dies when it cannot be made. */
struct control *control_open(struct master *m);
/* Something settled: answers those who wait for it. */
void control_look(struct control *a);
void control_close(struct control *a, const char *last_words);

/* --- control_client: posternctl's side of control.sock --- */

/* Sends words, prints the answer; the exit status. CONTROL_CLIENT_NO_SERVICE when nobody listens, CONTROL_CLIENT_CUT when the service went away. */
enum { CONTROL_CLIENT_NO_SERVICE = -1, CONTROL_CLIENT_CUT = -2 };
/* `out` NULL: prints the answer, else keeps it there. */
int control_client_service(const char *socket_path, const char *const *words, size_t count, struct buf *out);

/* --- service_start: starts the service when it is down --- */

/* `name` (or NULL) is started also if it was stopped. `standard`: the configuration is the installed one. The exit status. */
int service_start_up(const char *config_path, bool standard, const char *name);

/* --- check_config: the INI set on disk --- */

/* Prints every fault and a last line; EX_OK or EX_CONFIG. `files` looks at the files that are named; NULL: nobody does. */
typedef void check_files(const struct config *c, struct config_faults *faults);
int check_config_run(const char *path, check_files *files);
/* Prints the effective configuration, all or one virtual server; 3 when there is none of that name. */
int check_config_print(const char *path, const char *name);

/* --- child: one process from birth to death, and its control channel --- */

enum child_phase {
	CHILD_BORN,		/* has not reported yet */
	CHILD_READY,
	CHILD_DRAINING,		/* takes nothing new, ends by itself */
	CHILD_STOPPING,		/* was told to end */
};

enum role { ROLE_LISTENER, ROLE_PICKUP, ROLE_DELIVER, ROLE_RESOLVER, ROLE_AUTH, ROLE_METRICS, ROLE_FETCH, ROLE_DIRECTORY, ROLE_MAINTENANCE, ROLE_COUNT };

struct child {
	TAILQ_ENTRY(child) link;
	struct master *m;
	struct server *server;		/* NULL: a helper */
	struct post *post;		/* the place it fills; NULL: retired */
	enum role role;
	enum child_phase phase;
	pid_t pid;
	unsigned slot;
	bool paused;			/* said so, and was not told to continue */
	uint64_t born_ms;
	struct child_wish {
		bool open;			/* wants a channel to that helper */
		uint32_t request;
		uint64_t served_ms;		/* last time it got one */
	} wish[CTL_HELPER_COUNT];
	const char *killed;		/* why the master killed it, or NULL */
	char *reason;			/* why it said it would exit, or NULL */
	struct ctl *ctl;		/* NULL: closed */
	struct loop_timer *timer;	/* when patience ends */
};

/* Takes over `fd`, the master's end of the channel. */
struct child *child_new(struct master *m, struct post *post, pid_t pid, unsigned slot, int fd);
void child_free(struct child *c);
/* A child that is alive and does not read is killed. `fd` (-1: none) stays the caller's. */
void child_send(struct child *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);
void child_tell(struct child *c, enum ctl_type type);
/* Like child_tell, and kills the child when it has not answered in time. */
void child_order(struct child *c, enum ctl_type type);
void child_stop(struct child *c, uint64_t grace_ms);
void child_drain(struct child *c);
void child_kill(struct child *c, const char *why);

/* --- queue_request: orders about queues and badmail --- */

bool queue_request_parse(struct msg_queue_ask *a, pid_t *pid, const struct control_words *w);	/* pure; pid 0: the first page */
void queue_request_run(struct control_command *o, struct master *m, struct server *s, const struct control_words *w);
bool queue_request_settle(struct control_command *o);
void queue_request_page(struct child *c, const struct ctl_message *m);
void queue_request_gone(struct child *c);
bool queue_request_waits(const struct child *c);	/* it is to answer somebody */
void queue_request_free(struct queue_request *k);		/* NULL is fine */

/* --- command: what posternctl can do, one row a command --- */

struct command_context {
	const char *config_path;	/* NULL: the standard one */
	const char *socket_path;	/* NULL: from the configuration */
};

struct command {
	const char *name;
	const char *arguments;		/* "[NAME]" for usage */
	size_t min, max;		/* words after the name, options included */
	const char *meaning;
	int (*run)(const struct command_context *c, const struct command *row, const char *const *words, size_t count);
	const char *asks;		/* name of the admin row it ends in, or NULL */
};

extern const struct command command_rows[];
extern const size_t command_count;

const struct command *command_find(const char *name);
void command_usage(FILE *out);
int command_misused(const struct command *row);	/* says how; EX_USAGE */
/* words[0] is the command. Returns the exit status. */
int command_run(const struct command_context *c, const char *const *words, size_t count);

/* --- maintenance: the process that serves orders about the queue of a virtual server that is stopped --- */

#define MAINTENANCE_IDLE_MS 15000U		/* it ends that long after the last order */
#define MAINTENANCE_READING_MS 600000U	/* but has at least so long to read its queue for the first */

void maintenance_post_open(struct server *s);
void maintenance_post_close(struct server *s);		/* once it is gone */
/* One that is ready; it is started when there is none. NULL: `*why` says why not, or is NULL: ask again soon. */
struct child *maintenance_post_call(struct server *s, const char **why);
void maintenance_post_answered(struct server *s, bool read);	/* read: it knows its queue */
void maintenance_post_end(struct server *s);		/* it answers who is being served, and goes */
void maintenance_post_gone(struct server *s, const char *crash);	/* crash NULL: it was told to */
bool maintenance_post_is_over(const struct server *s);	/* none is left */

/* --- daemon: background, readiness, the pid file --- */

struct daemon_pidfile {
	char *path;
	int fd;
};

/* Locks; dies (EX_UNAVAILABLE) when another master has it. */
void daemon_lock(struct daemon_pidfile *p, const char *folder);
void daemon_write_pid(struct daemon_pidfile *p);
void daemon_unlock(struct daemon_pidfile *p);
/* The child returns with a descriptor for daemon_report; the parent waits for that report and exits with it. */
int daemon_background(void);
/* Ends the parent's wait: prints `text` (may be "") and exits 0; `fd` is closed, standard streams go to /dev/null. */
void daemon_report(int fd, const char *text);

/* --- explain: what would become of a message, and which line says so --- */

/* words: options, and perhaps a virtual server. The exit status; EXPLAIN_MISUSED without a word said. */
#define EXPLAIN_MISUSED (-1)
int explain_run(const char *config_path, const char *const *words, size_t count);

/* --- make_folder --- */

/* Makes a missing folder and its missing parents (0755). A new one belongs to uid:gid ((uid_t)-1: as is). 0 or -1. */
int make_folder_make(const char *path, mode_t mode, uid_t uid, gid_t gid) __attribute__((warn_unused_result));
/* Home, logs and folders outside of home for one virtual server. 0, or -1 with errno and *where. */
int make_folder_make_server(const struct config_server *s, uid_t uid, gid_t gid, const char **where)
	__attribute__((warn_unused_result));

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
void sessions_gather_start(struct sessions_gather *g);	/* `over` is set by and by, and service_look is called */
void sessions_gather_free(struct sessions_gather *g);	/* NULL is fine */
void sessions_gather_page(struct child *c, const struct ctl_message *m);
void sessions_gather_gone(struct child *c);

/* --- first_hint --- */

void first_hint_newcomer(const struct master *m);

/* --- file_handover: opened files of the configuration for children that may not open them --- */

void file_handover_file(struct child *c, uint32_t request, const struct ctl_file *file);
/* Whether all certificates and keys can be opened now: 0, or -1 with a reason. */
int file_handover_check(const struct config_server *conf, struct buf *why) __attribute__((warn_unused_result));
/* Opens what answer->file names, as a child would have it; the descriptor, or -1 and the answer says why. */
int file_handover_try(const struct config_server *conf, struct ctl_opened *answer);

/* --- helper: channels between workers and helpers, which start when first needed --- */

void helper_open(struct master *m);
void helper_close(struct master *m);
/* A worker wants a channel. One that is no helper's name is ignored. */
void helper_request(struct child *worker, uint32_t request, uint32_t which);
/* A helper was born, died, or time passed: serves those who wait. */
void helper_look(struct master *m);
void helper_stop(struct master *m, enum ctl_helper which, uint64_t grace_ms);
void helper_stop_all(struct master *m, uint64_t grace_ms);

/* --- check_paths: the files that the configuration names --- */

void check_paths_files(const struct config *c, struct config_faults *faults);	/* a check_files */

/* --- refresh_store: refresh tokens, kept over restarts --- */

void refresh_store_token(struct child *c, const struct ctl_message *m);	/* CTL_TOKEN_KEEP */

/* --- listen: the listening sockets --- */

struct listen_socket {
	int fd;
	bool placeholder;	/* the host has no such address family */
	struct net_address address;
	char *text;
};
struct listen_set {
	struct listen_socket *socket;
	size_t count;
};

/*
 * Makes the sockets of `s` in order of its configuration. Those of `old` with the same address are taken over (moved out of
 * it, fd -1 stays behind). `listening` false: bound only (paused). 0, or -1 with a reason; `old` is then whole again.
 */
int listen_open(struct listen_set *set, const struct master *m, const struct server *s, const struct config_server *conf,
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

/* --- sessions_command: posternctl sessions --- */

struct sessions_command {
	bool terminate, json;
	char word[CONTROL_WORDS_MAX][CONTROL_WORD_SIZE];	/* of the order, behind "sessions" */
	size_t count;
};

bool sessions_command_parse(struct sessions_command *l, const char *const *words, size_t count);	/* pure */
void sessions_command_print(const struct sessions_command *l, char *text);	/* the text is cut up */

/* --- server_command: makes, renames and deletes virtual servers on disk; a reload then tells the service --- */

/* Pure. */
bool server_command_name_is_good(const char *name);
/* words[0] is the name, then listen=ADDRESS, domain=NAME, description=TEXT. All three return an exit status and have said why. */
int server_command_create(const char *config_path, const char *const *words, size_t count);
int server_command_delete(const char *config_path, const char *name);
/* `order` stops the virtual server before its folders move, and starts it when they could not; EX_OK also when nothing runs. */
int server_command_rename(const char *config_path, const char *from, const char *to,
    int (*order)(void *arg, const char *what, const char *name), void *arg);

/* --- metrics_post: the sockets of [service] metrics and the helper that serves them --- */

void metrics_post_open(struct master *m);
void metrics_post_look(struct master *m);	/* starts the helper when it is wanted and not there */
void metrics_post_tell(struct master *m, const struct server *s, bool gone);	/* a virtual server is new, or about to be forgotten */
void metrics_post_renew(struct master *m);	/* the key has changed */
void metrics_post_stop(struct master *m);
void metrics_post_close(struct master *m);

/* --- notify --- */

/* One message for systemd ("READY=1"); nothing without NOTIFY_SOCKET. */
void notify_send(const char *text);

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

/* --- passwd: posternctl's editor of password files --- */

/* words: options, then a path or a virtual server's name, then the account. The exit status; EX_USAGE without a word said. */
int passwd_run(const char *config_path, const char *const *words, size_t count);

/* --- wanted_state: wanted states --- */

/* Whether virtual server `name` should run: true unless its file says "stopped". */
bool wanted_state_wanted(const char *folder, const char *name);
int wanted_state_write(const char *folder, const char *name, bool running) __attribute__((warn_unused_result));
void wanted_state_forget(const char *folder, const char *name);

/* --- reap: deaths --- */

#define REAP_FIRST_MS 1000U
#define REAP_LAST_MS 60000U
#define REAP_WELL_MS 60000U	/* who lived that long is forgiven */

struct reap_record {
	unsigned failures;		/* in a row */
};

/* Pure: how long to wait before the next start. */
uint64_t reap_delay(struct reap_record *r, uint64_t lived_ms);
/* Pure: whether a death is a crash; `dst` gets it in words. */
bool reap_judge(int status, enum child_phase phase, const char *killed, const char *reason, char *dst, size_t size);
/* Takes all dead children. */
void reap_all(struct master *m);

/* --- tls_renewal: tells the listeners when certificate and key files have changed; the keys of TLS tickets --- */

/* Watches the files of s->conf from now on. */
void tls_renewal_watch(struct server *s);
/* To a listener that has just been born: ticket keys. */
void tls_renewal_greet(struct child *c);
/* Looks now and not only when the time comes. */
void tls_renewal_look(struct server *s);
void tls_renewal_forget(struct server *s);

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
void oauth_request_run(struct control_command *o, struct master *m, struct server *only, const struct control_words *w);
bool oauth_request_settle(struct control_command *o);
void oauth_request_look(struct master *m);		/* a helper may have become ready */
void oauth_request_told(struct child *c, const struct ctl_message *m);	/* CTL_OAUTH_TEST_TEXT, CTL_OAUTH_TEST_END */
void oauth_request_gone(struct child *c);
void oauth_request_free(struct oauth_request *r);	/* NULL is fine */

/* --- reload --- */

/* Reads the INI set again and goes over to it. 0 all of it, 1 not all: `text` says what and why. */
int reload_run(struct master *m, struct buf *text);
void reload_log_fault(const struct config_fault *f);
/* The first error in the file of virtual server `name`, or NULL. */
const struct config_fault *reload_fault_of(const struct config_faults *faults, const char *name);
/* New keys when `*made_ms` (0: never) is `period_ms` ago; the old one stays for tickets that are out. True: there are. */
bool tls_renewal_turn(struct ctl_tickets *t, uint64_t *made_ms, uint64_t now_ms, uint64_t period_ms);

/* --- control_rights: who may control what --- */

struct control_peer {
	uid_t uid;
	gid_t *gid;
	size_t ngid;
};
struct control_rights {
	uid_t *uid;
	gid_t *gid;
	size_t nuid, ngid;
};

/* Names of users, and "@name" of groups. Unknown ones are logged and grant nothing. */
void control_rights_resolve(struct control_rights *r, const struct config_strings *names, const char *server);
void control_rights_done(struct control_rights *r);
/* Pure. */
bool control_rights_has(const struct control_rights *r, const struct control_peer *p);
int control_rights_peer_get(struct control_peer *p, int fd) __attribute__((warn_unused_result));
bool control_rights_service(const struct master *m, const struct control_peer *p);
bool control_rights_server(const struct server *s, const struct control_peer *p);

/* --- roster: who should exist --- */

enum roster_hint { ROSTER_NO_HINT, ROSTER_HINT_READ, ROSTER_HINT_WRITE };

struct roster_role {
	const char *name;		/* "listener": program is postern-listener */
	const char *program;		/* "deliver": it is postern-deliver all the same; NULL: as its name says */
	bool per_server;		/* each virtual server that runs has some */
	bool sockets;			/* inherits the listening sockets */
	bool overlaps;			/* on reload the new one runs beside the old one; else after it */
	enum roster_hint hint;
};
extern const struct roster_role roster_roles[ROLE_COUNT];

/* A place one child should fill. */
struct post {
	struct master *m;
	struct server *server;		/* NULL: a helper */
	enum role role;
	struct child *child;
	struct reap_record record;
	struct loop_timer *again;	/* back-off; not set: fill at once */
};

/* Pure: how many of a role should run in that state. */
unsigned roster_copies(enum role role, const struct config_server *s, enum state state);
void roster_build(struct server *s);
/* Retires the children of all posts (they go on living) and forgets the posts. */
void roster_clear(struct server *s);
/* Starts whoever is missing and may start now. */
void roster_fill(struct server *s);
/* Fills one post now, or later after a failure. */
void roster_start(struct post *p);
/* The child of `p` died: forget it, and when it crashed wait before the next; that time in ms. */
uint64_t roster_vacate(struct post *p, bool crashed, uint64_t lived_ms);
/* The lowest slot no child of `s` has; -1. */
int roster_slot(const struct server *s);

/* --- server: one virtual server as the master knows it --- */

/* A configuration and its sealed copy, shared by the servers that run on it. */
struct snapshot {
	struct config *config;
	int fd;
	unsigned users;
};

struct server {
	TAILQ_ENTRY(server) link;
	struct master *m;
	char name[CONFIG_NAME_MAX + 1];
	struct snapshot *snapshot;		/* NULL: its file has faults */
	const struct config_server *conf;	/* in the snapshot, or NULL */
	struct control_rights rights;
	enum state state;
	bool wanted;			/* should run */
	bool removed;			/* forget it once it has stopped */
	bool renewing;			/* a reload is under way */
	bool trouble;			/* a child crashed since the last order or reload and not all are ready */
	char *reason;			/* why it is not as wanted, or NULL */
	struct listen_set sockets, leaving;	/* leaving: until the old listeners drain */
	struct counters *counters;
	int counters_fd;
	int hint[2];			/* reading end, writing end */
	struct tls_renewal *tls_renewal;	/* NULL: no TLS until now */
	struct post *post;
	size_t posts;
	struct maintenance_post {		/* while it is stopped */
		struct post post;
		struct loop_timer *idle;
		bool read;		/* it knows its queue */
		char *why;		/* why there is none, or NULL */
	} maintenance;
};

struct snapshot *server_snapshot_new(struct config *c);	/* takes over `c`; NULL and errno */
void server_snapshot_drop(struct snapshot *s);			/* NULL is fine */

struct server *server_new(struct master *m, const char *name);
void server_free(struct server *s);
/* Goes over to `snap` (NULL: none), without touching processes. */
void server_adopt(struct server *s, struct snapshot *snap);
void server_event(struct server *s, enum state_event event);
/* An order: STATE_GO (wait for server_settled), STATE_ALREADY or STATE_REFUSE; *text says, a static text ("is already started"). */
enum state_kind server_order(struct server *s, enum state_event event, const char **text);
/* Remembers over restarts whether it should run. */
void server_want(struct server *s, bool running);
/* Looks at the children and makes events of what it sees. */
void server_look(struct server *s);
bool server_settled(const struct server *s);
void server_reason(struct server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));	/* NULL: none */
/* Goes over to `snap` while running. 0, or -1 with a reason and all as it was. */
int server_renew(struct server *s, struct snapshot *snap, struct buf *why) __attribute__((warn_unused_result));
struct server *server_find(const struct master *m, const char *name);
struct server *server_find_id(const struct master *m, uint32_t id);
uint32_t server_id(const struct server *s);	/* 0: not known */

/* --- service: the whole, from start to end --- */

struct master_options {
	bool foreground, greet;
	const char *config_path;	/* absolute */
	const char *start;		/* also start this virtual server, or NULL */
};

struct master {
	struct master_options options;
	struct snapshot *snapshot;	/* the latest that was read */
	struct control_rights rights;		/* [service] operators */
	uid_t uid; gid_t gid;		/* of workers; -1 when not root */
	struct loop *loop;
	struct control *admin;
	TAILQ_HEAD(, server) servers;	/* by id */
	TAILQ_HEAD(, child) children;
	TAILQ_HEAD(, sessions_gather) sessions_gathers;
	TAILQ_HEAD(, queue_request) queue_requests;
	TAILQ_HEAD(, oauth_request) oauth_requests;
	uint32_t requests;		/* number of the latest question to a worker */
	struct post helper[CTL_HELPER_COUNT];
	struct loop_timer *helper_timer;
	struct post metrics;		/* the metrics helper's, and its sockets */
	struct listen_set metrics_sockets;
	struct daemon_pidfile pidfile;
	int parent;			/* whom to tell of readiness, -1 */
	struct buf refusals;		/* what did not start, for the parent */
	bool ready, stopping, reloading;
	char *program_folder;
};

/* Makes virtual server `name` known, with its first error when its file has one. NULL: no descriptors left. */
struct server *service_add(struct master *m, const char *name, struct snapshot *snap, const struct config_fault *fault);
/* Everything until the service has stopped; the exit status. */
int service_run(const struct master_options *o);
void service_stop(struct master *m, bool hurry);
void service_reload(struct master *m, struct buf *text, int *status);
/* Something changed: readiness, end, title, waiting operators. */
void service_look(struct master *m);
uint64_t service_grace(const struct master *m);

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
void sessions_request_run(struct control_command *o, struct master *m, struct server *only, const struct control_words *words);
bool sessions_request_settle(struct control_command *o, struct master *m);
void sessions_request_free(struct sessions_request *s);		/* NULL is fine */

/* --- signals --- */

void signals_take(struct master *m);

/* --- queue_command: posternctl queue and badmail --- */

struct queue_command {
	enum msg_queue_verb verb;
	bool yes, json;
	struct control_words words;	/* the order: "queue" NAME VERB and the selection */
};

/* Words behind "queue" or "badmail": an order. EX_OK, or EX_USAGE with *why to be said. Pure. */
int queue_command_parse(struct queue_command *t, bool badmail, const char *const *words, size_t count, const char **why);
/* Pages until it is done. The exit status; CONTROL_CLIENT_NO_SERVICE, CONTROL_CLIENT_CUT. */
int queue_command_run(struct queue_command *t, const char *socket_path);

/* --- queue_count: a table by domain and age --- */

struct queue_count;
struct queue_count *queue_count_new(void);
void queue_count_free(struct queue_count *c);	/* NULL is fine */
void queue_count_add(struct queue_count *c, char *line);	/* "domain number number ..." with tabs */
void queue_count_print(struct queue_count *c, bool json);

/* --- queue_print: its rows as tables or as JSON --- */

struct queue_print;
struct queue_print *queue_print_new(enum msg_queue_verb verb, bool json);
void queue_print_free(struct queue_print *p);
/* One row of the answer; the line is cut up. */
void queue_print_row(struct queue_print *p, const char *server, char *line);
/* What is still to be printed: rows in order, sums, brackets. */
void queue_print_end(struct queue_print *p);
void queue_print_string(const char *text);	/* as JSON */

/* --- spawn --- */

/* Forks and executes the program of a post. The child, or NULL with errno. */
struct child *spawn_child(struct post *p);
/* Where the workers are: beside our own program, else the libexec folder. Owned by the caller. */
char *spawn_folder(void);

/* --- state: the seven states of a virtual server, as one table; pure --- */

struct state_move {
	enum state_kind kind;
	enum state next;
	enum state_act act;
	const char *text;		/* for operators, on STATE_ALREADY and STATE_REFUSE */
};

const struct state_move *state_move(enum state state, enum state_event event);
const char *state_name(enum state state);	/* "started"; "?" */
const char *state_order_name(enum state_event event);	/* "start", "stop", "pause", "continue"; "?" */

#endif
