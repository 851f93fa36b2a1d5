/*
 * boot - the first and last steps of every worker and helper: inherited descriptors, configuration, titles,
 * the one privilege drop, the control channel to the master
 */
#ifndef COMMON_BOOT_BOOT_H
#define COMMON_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/process/counters.h"
#include "common/ipc/ctl.h"
#include "common/process/loop.h"
#include "common/spool/commit_way.h"

/*
 * What a child inherits, by number; everything else is close-on-exec. The master places them with dup2 before
 * exec: argv is { program, server name ("" helper), slot (decimal), number of listening sockets }.
 */
enum boot_fd {
	BOOT_MASTER = 3,	/* control channel, SOCK_SEQPACKET */
	BOOT_CONFIG,		/* sealed memfd: the configuration snapshot */
	BOOT_COUNTERS,		/* shared memory; /dev/null for helpers */
	BOOT_HINT,		/* hints: pickup writes, deliver reads; /dev/null for all others */
	BOOT_LISTEN,		/* the first listening socket, in the order of config_server.listen */
};

/* In its environment: a digit, enum log_sink. */
#define BOOT_EVENTS "POSTERN_EVENTS"
/* What the supervisor is known by, hexadecimal: device and number of the file that its lock is on. */
#define BOOT_SUPERVISOR "POSTERN_SUPERVISOR"
/* The number of one more descriptor, behind the last listening socket: sandbox_make_filter. Not set: none. */
#define BOOT_FILTER "POSTERN_FILTER"

struct boot;
struct boot_troubles;
struct fence_record;

struct boot_role {
	const char *name;	/* "listener": program is postern-listener */
	const char *title;	/* "takes mail by SMTP": for ps */
	bool per_server;
	int others;		/* of loop_new_first; 0: a loop without first descriptors */
	/* Offset of its user in struct config_service; 0: it owns the spool */
	size_t user;
	bool reads_pickup;	/* with the group of those who write there */
	bool host_groups;	/* with those that name its user: it reaches sockets of other programs */
	/*
	 * As root perhaps, before rights go: reads files of the installation into b->state, nothing else.
	 * May be NULL
	 */
	void (*prepare)(struct boot *b);
	/* Sets up and returns; boot then runs the loop, and afterwards calls finish */
	void (*run)(struct boot *b);
	/* CTL_PAUSE, CTL_CONTINUE, CTL_DRAIN, CTL_STOP, ... */
	void (*on_control)(struct boot *b, const struct ctl_message *m);
	void (*finish)(struct boot *b);	/* after the loop stopped; may be NULL */
};

struct boot {
	const struct boot_role *role;
	struct config *config;
	const struct config_server *server;	/* NULL in helpers */
	unsigned slot;
	int filter;				/* BOOT_FILTER; 0 none */
	unsigned listeners;			/* sockets from BOOT_LISTEN on */
	struct loop *loop;
	struct ctl *master;
	struct counters *counters;		/* NULL in helpers */
	struct boot_troubles *troubles;	/* of boot_trouble; NULL: none until now */
	void *state;				/* the program's own */
	uint64_t left_at;			/* monotonic ms: the latest CTL_LEFT */
	char holder[80];			/* names the supervisor and its virtual server */
	struct commit_way commit;		/* of the file system of its queue */
};

/*
 * The whole main of a worker: returns its exit status. Refuses (exit 64) when it was not started by the
 * master. Drops privileges before `run` and proves that they cannot come back. The end of the channel to the
 * master is like CTL_STOP with the configured grace time.
 */
int boot_main(int argc, char **argv, const struct boot_role *role);
void boot_ready(struct boot *b);		/* tells the master that the loop is about to run */
void boot_tell(struct boot *b, enum ctl_type type);
void boot_left(struct boot *b);		/* CTL_LEFT, a few times a second at the most */
void boot_need(struct boot *b, enum ctl_helper helper);	/* CTL_CHANNEL will follow */
/*
 * CTL_FILE will follow, with the same request number. `server` is for helpers; a worker gets its own files.
 */
void boot_open(struct boot *b, uint32_t request, enum ctl_file_kind kind, unsigned index, const char *server);
/* The same for a file of a [domain] of that server; "" its own. */
void boot_open_domain(struct boot *b, uint32_t request, enum ctl_file_kind kind, const char *server,
    const char *domain);
void boot_end(struct boot *b);			/* leave the loop and exit 0 */
uint32_t boot_grace(const struct ctl_message *m);	/* of CTL_STOP: milliseconds until the end */
/*
 * The process cannot serve: tells the event log and the master (for operators) why, and exits with `code`.
 * Before boot_ready() only.
 */
_Noreturn void boot_refuse(struct boot *b, int code, const char *reason);

/* --- boot_trouble: what the process cannot do now although it runs --- */
/*
 * For operators, in words that say what to do ("/x cannot be used: ..."); "": that is over. Replaces what was
 * told before about the same matter; a text that is told again costs nothing.
 */
void boot_trouble(struct boot *b, const char *about, const char *text);
void boot_trouble_done(struct boot *b);

/* --- boot_fence: the home is ours, or this process ends --- */
/* Of all workers of a virtual server the same holder, see common/spool/fence.h. */
struct fence *boot_fence_new(struct boot *b);
/* For people: whose home it is, by its record, and what to do. */
void boot_fence_words(const struct boot *b, const struct fence_record *r, char why[CTL_REASON_MAX]);
/* The home is another one's: tells the master `why` and ends the process. */
_Noreturn void boot_fence_end(const char *why);
/* For boot_main, while /proc and the run folder can be read. */
void boot_fence_name(struct boot *b);
/* The exit status of a process that found that the home is another one's; it has told the master why. */
#define BOOT_HOME_LOST 79

/* --- boot_helper: for helpers --- */
/* CTL_CHANNEL: what is at the other end of m->fd; false: no usable client, or one that may not have it. */
bool boot_helper_introduced(const struct ctl_message *m,
    struct ctl_channel *channel) __attribute__((warn_unused_result));
/* Any other message of the master: may be the end. */
void boot_helper_control(struct boot *b, const struct ctl_message *m);

/*
 * Used by boot_main and tested by itself: from root to user and group (NULL: the user's own) for ever, with
 * one more group (NULL: none), and those of the host that name the user when `host_groups`, but never root's;
 * does nothing when not root. Dies on failure.
 */
void boot_drop(const char *user, const char *group, const char *also, bool host_groups);

#endif
