/* import - posternctl import: takes over the virtual servers of IIS; one block a file */
#ifndef MASTER_POSTERNCTL_IMPORT_IMPORT_H
#define MASTER_POSTERNCTL_IMPORT_IMPORT_H

#include "master/posternctl/posternctl.h"

/* --- import_command: posternctl import --- */

int import_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- import_run: runs postern-import --- */

/*
 * What it makes of the file, owned by the caller; NULL: it has been printed why, *status. folder, program:
 * where files with secrets are to be, and how this command is called, for the commands that the report says.
 */
json_t *import_run_file(const char *file, const char *folder, const char *program, int *status);
/* The same of an open file, which is closed; it is called `file`. */
json_t *import_run_open(int input, const char *file, const char *folder, const char *program, int *status);

/* --- import_report: for people --- */

void import_report_print(json_t *result);
int import_report_refuse(const json_t *server);	/* prints that it is none; an exit status */

/* --- import_into: a set of INI files in a folder of its own --- */

int import_into_judge(const char *folder);	/* EX_OK: it is not there, or empty */
/* `config`: the postern.ini that is in use, for [service]. */
int import_into_write(const char *folder, json_t *result, const char *hostname, const char *config);

/* --- import_make: virtual servers of a service --- */

/* An exit status; the answer is added to `text`. `config`: the configuration so far, NULL: not known. */
int import_make_server(const struct command_context *c, json_t *server, const struct config *config,
    bool dry, struct buf *text);

#endif
