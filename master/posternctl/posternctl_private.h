/* posternctl_private - the pieces of posternctl import and of the check of files; one block a file */
#ifndef MASTER_POSTERNCTL_POSTERNCTL_PRIVATE_H
#define MASTER_POSTERNCTL_POSTERNCTL_PRIVATE_H

#include "master/posternctl/posternctl.h"

struct config_oauth;

/* --- import_run: runs postern-import --- */

/*
 * What it makes of the file, owned by the caller; NULL: it has been printed why, *status. folder, program:
 * where files with secrets are to be, and how this command is called, for the commands that the report says.
 */
json_t *import_run_file(const char *file, const char *folder, const char *program, int *status);

/* --- import_command_line: texts and commands of the report --- */

/* `program`: how this command is called, "posternctl -c FILE". */
bool import_command_line_is_good(const char *command, const char *program);
/* All texts in the document may be shown, and all commands are good. */
bool import_command_line_judge(json_t *value, const char *program);

/* --- import_judge: whether that can be written --- */

/*
 * `text` gets the sections of the file. Keys and domains that cannot be written go from `server`, and have
 * lines in its report. `hostname`: its default domain when it has none. False: it is no virtual server.
 */
bool import_judge_server(json_t *server, const char *hostname,
    struct buf *text) __attribute__((warn_unused_result));
int import_judge_refuse(json_t *server);	/* prints it; an exit status */

/* --- import_into: a set of INI files in a folder of its own --- */

int import_into_judge(const char *folder);	/* EX_OK: it is not there, or empty */
/* `config`: the postern.ini that is in use, for [service]. */
int import_into_write(const char *folder, json_t *result, const char *hostname, const char *config);

/* --- import_make: virtual servers of a service --- */

/* An exit status; the answer is added to `text`. `config`: the configuration so far, NULL: not known. */
int import_make_server(const struct command_context *c, json_t *server, const struct config *config,
    bool dry, struct buf *text);

/* --- import_report: for people --- */

void import_report_print(json_t *result);

/* --- check_pair: a certificate and its key --- */

struct tls_source;
enum check_pair { CHECK_PAIR_GOOD, CHECK_PAIR_WARNING, CHECK_PAIR_ERROR };
/* `why` gets what is wrong: also that it ends in less than `alarm_ms`. */
enum check_pair check_pair_judge(const struct tls_source *source, enum config_tls_version least,
    const char *name, uint64_t alarm_ms, struct buf *why);

/* --- check_manager: certificate and key of [manager] --- */

void check_manager_files(const struct config *c, struct config_faults *faults);

/* --- check_oauth: those of a profile of [oauth] --- */

void check_oauth_files(const struct config *config, const struct config_oauth *o,
    struct config_faults *faults);

#endif
