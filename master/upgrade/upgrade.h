/* upgrade - another program of the same service takes over in the same process; one block a file */
#ifndef MASTER_UPGRADE_UPGRADE_H
#define MASTER_UPGRADE_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "master/master.h"

struct child;
struct master;

/* --- upgrade_text: the state of a service as text, from one version to another; pure --- */

#define UPGRADE_TEXT_MAX (1U << 20)
#define UPGRADE_NUMBERS 6
#define UPGRADE_WORDS 3
#define UPGRADE_LINE_MAX 1024

enum upgrade_kind {
	UPGRADE_FROM,		/* first: version of the control messages; version of the program */
	UPGRADE_COUNTERS,	/* counters_layout */
	UPGRADE_RUN,		/* run folder */
	UPGRADE_LOCK,		/* descriptor of the pid file, which is locked */
	UPGRADE_CONTROL,	/* descriptor that listens at control.sock */
	UPGRADE_CALLER,		/* descriptor and request number of who asked for the upgrade */
	UPGRADE_CLIENT,		/* descriptor of another one who may ask something */
	UPGRADE_HELPER,		/* descriptor of a listening socket; role, address */
	/* Descriptors: counters, hints to read, to write; run and begin of the sampler; shut. State, name */
	UPGRADE_SERVER,
	/* Of the latest server: descriptor, paused, placeholder; "open" or "guard", address */
	UPGRADE_SOCKET,
	/* Process id, slot, channel or NONE, paused, end in monotonic ms. Role, phase, virtual server */
	UPGRADE_CHILD,
	UPGRADE_VERSION,	/* of the latest child: that of its control messages, if not as in FROM */
	UPGRADE_WISH,		/* of the latest child: it waits for a helper. Request; role of that */
	UPGRADE_KINDS
};
#define UPGRADE_NONE UINT32_MAX		/* no descriptor */

struct upgrade_line {
	enum upgrade_kind kind;
	uint64_t number[UPGRADE_NUMBERS];
	char word[UPGRADE_WORDS][UPGRADE_LINE_MAX];	/* the last one may have blanks in it */
};

/* Adds a line; the buffer fails when a word could not be read again. */
void upgrade_text_put(struct buf *b, const struct upgrade_line *line);
/* The next line, and *at behind it. 1; 0 at the end; -1 and *why, a static text. */
int upgrade_text_next(const char **at, struct upgrade_line *line, const char **why);
/* Which of its numbers are descriptors: bits. */
unsigned upgrade_text_descriptors(const struct upgrade_line *line);

/* --- upgrade_state: what the running service hands over --- */

struct upgrade_state {
	struct buf text;
	int *fd;			/* descriptors in the text; they stay their owners' */
	size_t fds;
};

/* 0, or -1 and errno. */
int upgrade_state_take(struct upgrade_state *s, const struct master *m);
void upgrade_state_done(struct upgrade_state *s);
/* A descriptor from which the text can be read; close-on-exec. -1 and errno. */
int upgrade_state_open(const struct upgrade_state *s) __attribute__((warn_unused_result));
/* Whether a program that is executed inherits the descriptors. */
void upgrade_state_pass(const struct upgrade_state *s, bool pass);
/*
 * The same of the configuration that the service runs on, which the program finds in its environment: an
 * older one that does not look there reads the INI files.
 */
void upgrade_state_pass_config(const struct master *m, bool pass);
/* True: it was passed; *c is NULL when it cannot be used, and `faults` say why, or have none: it is none. */
bool upgrade_state_config(struct config **c, struct config_faults *faults)
	__attribute__((warn_unused_result));
/* Reads what upgrade_state_open made, up to its end. 0; -1 and a reason. */
int upgrade_state_read(struct buf *text, int fd, const char **why) __attribute__((warn_unused_result));

/* --- upgrade: what the running service does for it --- */

void upgrade_close(struct master *m);
/* Begins; false: `text` says why not. */
bool upgrade_begin(struct master *m, struct buf *text, int *status);
/* True: it has failed; text and status are those of the answer. When it succeeds, the new program answers. */
bool upgrade_result(struct master *m, struct buf *text, int *status);
void upgrade_update(struct master *m);		/* state may have changed */
void upgrade_child_died(struct master *m, pid_t pid, int status);	/* not a child of the roster */
/* It has not read what it is told, which would be lost. One that does not for so long is killed. */
#define UPGRADE_UNREAD_MS 10000U
bool upgrade_waits_for(struct child *c, uint64_t now_ms);

/* --- upgrade_trial: the new program looks at the state, and changes nothing --- */

struct upgrade_trial {
	pid_t pid;			/* 0: none runs */
	int out;			/* what it prints */
};

/* 0, or -1 and errno. */
int upgrade_trial_start(struct upgrade_trial *t, const struct master *m,
    const char *program) __attribute__((warn_unused_result));
/* It has ended. True: the program can take over. `said`: what it printed, made clean, and how it ended. */
bool upgrade_trial_end(struct upgrade_trial *t, int status, struct buf *said);

/* --- takeover: what the new program does: it makes the state of before its own --- */

/* Reads the state and takes over the lock. Dies when it cannot. */
void takeover_open(struct master *m);
int takeover_control(const struct master *m);	/* the socket of control.sock; -1: none is there */
/* The virtual servers get what they had, and new processes. */
void takeover_servers(struct master *m);
void takeover_ready(struct master *m);	/* the service runs: who asked is told */

/* --- takeover_trial: `postern --try-take-over`, the other side of upgrade_trial --- */

int takeover_trial_run(const char *config_path, int fd);	/* the exit status */

#endif
