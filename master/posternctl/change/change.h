/* change - what changes the configuration, and accounts of password files; one block a file */
#ifndef MASTER_POSTERNCTL_CHANGE_CHANGE_H
#define MASTER_POSTERNCTL_CHANGE_CHANGE_H

#include "master/posternctl/posternctl.h"

/* --- change_command: what shows keys and changes them --- */

struct change_line {
	const char *command;			/* of the service */
	const char *word[CONTROL_WORDS_MAX];	/* its words; the first is the virtual server, or "-" */
	size_t count;
	char *from;				/* one of them, or NULL */
	bool json;
};

int change_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* The answer is added to `text`. An exit status. *local (or NULL): no service runs, the files were used. */
int change_command_send(const struct command_context *c, const struct change_line *l, struct buf *text,
    bool *local);

/* --- change_local: the same without a service --- */

/* The answer is added to `text`, as the service would give it. An exit status. */
int change_local_run(const char *config_path, const struct change_line *line, struct buf *text);

/* --- operators_command: posternctl operators and viewers --- */

/* `set`: the row of that command, which does the change. */
int operators_command_run(const struct command_context *c, const struct command *row,
    const struct command *set, const char *const *words, size_t count);

/* --- hosts_command: posternctl hosts --- */
/* `set`: the row of that command. */
int hosts_command_run(const struct command_context *c, const struct command *row, const struct command *set,
    const char *const *words, size_t count);

/* --- passwd: accounts of password files --- */

/* words: options, then a path or the name of a virtual server, then the account. The exit status. */
int passwd_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

#endif
