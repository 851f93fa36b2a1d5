/* deliver - the deliver worker */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/boot/boot.h"
#include "common/spool/spool.h"

struct badmail;
struct enqueue;
struct fence;
struct move_taker;
struct pool;
struct queue_admin;
struct queue_scan;
struct schedule;
struct schedule_index;
struct schedule_setup;
struct spool;
struct spool_paths;
struct tls_reports;

/* --- queue_owner: what both workers have that own a queue --- */

struct queue_owner {
	struct boot *boot;
	struct spool *spool;
	struct fence *fence;		/* of the spool */
	struct pool *pool;
	struct enqueue *enqueue;
	struct badmail *badmail;
	struct schedule *schedule;
	struct queue_admin *admin;
	struct trace_server *trace;
	struct queue_scan *scan;
	struct move_taker *taker;
	struct loop_timer *own;		/* the next attempt to lock the queue */
	uint64_t waiting;		/* since then, in monotonic ms; 0: it does not */
	struct loop_timer *grace;	/* NULL: no stop yet */
	bool scanned;			/* the first scan is over */
	bool again;			/* one more scan is wanted when that ends */
	bool ending;
	void (*on_scanned)(void *worker, uint64_t ms);	/* a scan is over, and took `ms` */
	void *worker;
};

/* Messages that a worker which sends may have loaded: as many as there are descriptors for. */
size_t queue_owner_window(const struct config_server *server);
/* Opens the spool; makes pool, enqueue and badmail. boot_refuse() when the queue cannot be opened. */
void queue_owner_open(struct queue_owner *q, struct boot *b, const struct spool_paths *paths,
    unsigned threads);
/*
 * Makes schedule, admin and scan. The caller has set outbound, expand, window and at_rest of `setup`. `own`
 * tries to lock the queue; its timer calls it with the worker. die() when a host in the configuration is
 * malformed.
 */
void queue_owner_begin(struct queue_owner *q, struct schedule_setup *setup, void (*own)(void *worker));
/* Whether processes of another service have the home, which `why` names. */
bool queue_owner_is_others(const struct queue_owner *q, char why[CTL_REASON_MAX]);
/* Takes the home; ends the process when that cannot be, as one that another service has. */
void queue_owner_claim(const struct queue_owner *q);
/* Tries to lock the queue: reads it and takes messages of others from then on. -1 and errno. */
int queue_owner_lock(struct queue_owner *q) __attribute__((warn_unused_result));
/* Messages came into the queue in another way than by a process of ours: it is read again. */
void queue_owner_look(struct queue_owner *q);
/* That has failed: it is tried again soon, and operators hear of it when it should have been possible. */
void queue_owner_wait(struct queue_owner *q, int error);
/* The same of a virtual server that is stopped: commands are refused while another process has it. */
bool queue_owner_lock_at_rest(struct queue_owner *q);
/* A stop: `late` is called with the worker after `ms`. False: not the first stop or drain. */
bool queue_owner_end(struct queue_owner *q, uint64_t ms, void (*late)(void *worker));
/* A queue_owner: nothing is at work. Ends the process when what others have handed over is answered. */
void queue_owner_idle(void *arg);
void queue_owner_close(struct queue_owner *q);	/* after pool_free */

/* --- folder_watch: whether the folders of the virtual server can be used --- */

/*
 * `mended` is called on the loop when a folder can be used again; `ever`: it could be used before in the life
 * of this process.
 */
struct folder_watch *folder_watch_new(struct boot *b, struct pool *pool, struct spool *spool,
    void (*mended)(void *arg, enum spool_which which, bool ever), void *arg);
void folder_watch_stir(struct folder_watch *w);		/* there is mail: it looks often again */
void folder_watch_free(struct folder_watch *w);		/* after pool_free */

/* --- age_walk: the oldest message that is to be delivered; pure --- */

struct age_walk {
	uint32_t next;			/* the record to look at next; 0: a walk begins */
	uint32_t record; int64_t found_us;	/* the oldest of this walk */
	int64_t oldest_us;		/* out: when it came, in microseconds since 1970; 0: there is none */
};
/* One portion of a walk; starts with zeros. True: a walk is over, and `oldest_us` is its result. */
bool age_walk_step(const struct schedule_index *x, struct age_walk *a) __attribute__((warn_unused_result));

/* --- age_watch: how old the oldest message of the queue is --- */

struct age_watch *age_watch_new(struct boot *b, const struct schedule *schedule);
void age_watch_stir(struct age_watch *w);		/* alike */
void age_watch_free(struct age_watch *w);

/* --- probe_send: the test message of posternctl probe --- */

struct msg_probe_ask;
struct probe_send;
struct probe_send_ops {
	/* `id`: of the message, "-" while it is not in the queue. */
	void (*tell)(void *arg, const char *step, const char *verdict, const char *words, const char *id);
	/* Once, at the end, on the loop: an exit status. Frees it; also from inside probe_send_begin. */
	void (*done)(void *arg, int status);
	void *arg;
};
/* `ask` must outlive it. */
struct probe_send *probe_send_new(struct queue_owner *queue, const struct msg_probe_ask *ask,
    const struct probe_send_ops *ops);
void probe_send_begin(struct probe_send *s);
void probe_send_free(struct probe_send *s);	/* NULL is fine */

/* --- probe: posternctl probe: the way of a mail --- */

struct outbound;
struct ctl_message;
struct probes *probe_new(struct queue_owner *queue, struct outbound *outbound);
void probe_free(struct probes *all);			/* after pool_free and outbound_free */
void probe_begin(struct probes *all, const struct ctl_message *m);	/* CTL_PROBE */

/* --- tls_report_owner: the reports about TLS of a virtual server --- */
/* NULL: it makes none. */
struct tls_reports *tls_report_owner_new(struct queue_owner *queue, struct outbound *outbound);

/* --- room_watch: whether the file systems of the virtual server are nearly full --- */

struct room_watch *room_watch_new(struct boot *b);
void room_watch_free(struct room_watch *w);
void room_watch_look(struct room_watch *w);	/* not from the loop; then room_watch_tell from the loop */
void room_watch_tell(struct room_watch *w);
/* Pure: bytes or inodes; `least` is enough whatever the share is. */
bool room_watch_is_low(uint64_t free, uint64_t all, uint64_t least);

/* --- deliver: the worker that empties a queue --- */

/* `at_rest`: of a virtual server that is stopped, for queue evacuate: it tries no message. */
void deliver_run(struct boot *b, bool at_rest);
void deliver_control(struct boot *b, const struct ctl_message *m);
void deliver_finish(struct boot *b);

/* --- deliver_roles: what the program is --- */
/* By the name or path that the process was started under. */
const struct boot_role *deliver_roles_of(const char *program);

/* --- maintenance: the worker of a virtual server that is stopped --- */
extern const struct boot_role maintenance_role;

#endif
