/* posternctl_private - the pieces of posternctl import, trace and the check of files; one block a file */
#ifndef MASTER_POSTERNCTL_POSTERNCTL_PRIVATE_H
#define MASTER_POSTERNCTL_POSTERNCTL_PRIVATE_H

#include "common/mail/message_id.h"
#include "master/posternctl/posternctl.h"

struct config_oauth;

/* --- word_order: the name of a virtual server before or behind the verb. Pure --- */

/* words[0] is the command. In the order that it has; how many there are now. */
size_t word_order_mend(const char **words, size_t count);

/* --- drain_command: posternctl drain --- */

int drain_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- import_run: runs postern-import --- */

/*
 * What it makes of the file, owned by the caller; NULL: it has been printed why, *status. folder, program:
 * where files with secrets are to be, and how this command is called, for the commands that the report says.
 */
json_t *import_run_file(const char *file, const char *folder, const char *program, int *status);
/* The same of an open file, which is closed; it is called `file`. */
json_t *import_run_open(int input, const char *file, const char *folder, const char *program, int *status);

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
int import_report_refuse(const json_t *server);	/* prints that it is none; an exit status */

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

/* --- check_dkim: the keys of dkim-key of one virtual server --- */

void check_dkim_files(const struct config_server *s, struct config_faults *faults);

/* --- trace_log: the lines of the event log, oldest first --- */
struct trace_log;
struct trace_log *trace_log_open(const struct config_service *s);
/* Where events go that nothing keeps; NULL: they are kept. */
const char *trace_log_unkept(const struct config_service *s);
/* Without its end; the caller may change it; good until the next call. NULL: the end. */
char *trace_log_next(struct trace_log *t);
void trace_log_quiet(struct trace_log *t);	/* something is shown now: no progress beside it */
void trace_log_rewind(struct trace_log *t);
bool trace_log_is_refused(const struct trace_log *t);	/* a part of it may not be read by this user */
void trace_log_close(struct trace_log *t);

/* --- trace_ids: the messages whose lines together say all that is wanted --- */
struct trace_ids;
struct trace_ids *trace_ids_new(unsigned wanted, size_t most);	/* bits of trace_line.h */
void trace_ids_add(struct trace_ids *t, const char *id, unsigned parts);
bool trace_ids_is_full(const struct trace_ids *t);
/* Rising, `most` at most; owned by the caller, NULL: none. */
char (*trace_ids_take(struct trace_ids *t, size_t *count))[MESSAGE_ID_SIZE];
void trace_ids_free(struct trace_ids *t);

/* --- queue_command: for other commands --- */

/*
 * How many messages of these states (queue_filter; 0: all) are in the queue of a virtual server; an exit
 * status, and it has been said why.
 */
int queue_command_tally(const char *socket_path, const char *server, uint32_t states,
    unsigned long *messages);

#endif
