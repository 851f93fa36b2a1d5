/* wizard - commands that ask on a terminal; one block a file */
#ifndef MASTER_POSTERNCTL_WIZARD_WIZARD_H
#define MASTER_POSTERNCTL_WIZARD_WIZARD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "master/posternctl/change/change.h"

/* --- prompt: lines of a terminal --- */

bool prompt_is_possible(void);		/* input and output are a terminal */
void prompt_say(const char *text);	/* paragraphs, wrapped to its width */
/* The line, owned by the caller; an empty one is `standard`, or is asked again. NULL: the input has ended. */
char *prompt_ask(const char *question, const char *standard);
/* 1 yes, 0 no, -1 the input has ended. */
int prompt_confirm(const char *question, bool standard);

/* --- wizard_change: a command of the configuration, word by word --- */

#define WIZARD_ANSWER_MAX (4U << 20)

struct wizard {
	const struct command_context *c;
	struct change_line line;	/* the words so far, which are this one's */
	bool local;			/* no service runs */
	char *unsaid;			/* an answer that needs no word: the default */
	int status;			/* why it ended before its end; EX_OK: it has not */
};

/* `command` of the service; its words begin with `server` ("-": none). */
void wizard_change_begin(struct wizard *w, const struct command_context *c, const char *command,
    const char *server);
void wizard_change_done(struct wizard *w);
void wizard_change_add(struct wizard *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Whether the words, with `extra` (or NULL) behind them, would be taken: an exit status; `text` gets the
 * difference, or why not.
 */
int wizard_change_try(struct wizard *w, const char *extra, struct buf *text);
bool wizard_change_is_refused(int status);	/* another answer may help */
/*
 * Asks until the answer makes words that would be taken; `add` adds them. The answer, owned by the caller;
 * NULL: w->status says why it ends.
 */
char *wizard_change_ask(struct wizard *w, const char *question, const char *standard, const char *extra,
    void (*add)(struct wizard *w, const char *answer));
/* The value of a key of postern.ini, owned by the caller; NULL: it cannot be had. */
char *wizard_change_get(const struct wizard *w, const char *key);
/* Shows the difference and the command that does the same, asks, and does it. The exit status. */
int wizard_change_finish(struct wizard *w, const char *question);
/* On a pipe: says which command does it without questions; EX_USAGE. */
int wizard_change_refuse(const char *command, const char *instead);

/* --- wizard_server: posternctl new --- */

int wizard_server_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- wizard_certificate: posternctl certificate NAME --- */

int wizard_certificate_run(const struct command_context *c, const char *name);

/* --- wizard_domain: posternctl domain new --- */

/* words: those behind "new". */
int wizard_domain_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

#endif
