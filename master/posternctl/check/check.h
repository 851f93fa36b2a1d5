/* check - what is on disk: posternctl check, config, domains, unit; one block a file */
#ifndef MASTER_POSTERNCTL_CHECK_CHECK_H
#define MASTER_POSTERNCTL_CHECK_CHECK_H

#include "master/posternctl/posternctl.h"

/* --- config_command: what is on disk --- */

int config_command_check(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);
int config_command_config(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);
int config_command_domains(const struct command_context *c, const struct command *row,
    const char *const *words, size_t count);

/* --- unit_command: the drop-in of systemd that the configuration needs --- */

int unit_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- check_paths: the files that the configuration names --- */

void check_paths_files(const struct config *c, struct config_faults *faults);	/* a config_check_files */

/* --- check_pair: a certificate and its key --- */

struct tls_source;
enum check_pair { CHECK_PAIR_GOOD, CHECK_PAIR_WARNING, CHECK_PAIR_ERROR };
/* `why` gets what is wrong: also that it ends in less than `alarm_ms`. */
enum check_pair check_pair_judge(const struct tls_source *source, enum config_tls_version least,
    const char *name, uint64_t alarm_ms, struct buf *why);

/* --- check_refused: a file that could not be opened --- */

struct ctl_opened;
#define CHECK_REFUSED_MAX 600		/* bytes of `text` */
/*
 * `text` gets what is wrong with the file of `key`, which `answer` refuses. True: only this user may not see
 * it, a warning.
 */
bool check_refused_say(char *text, size_t size, const char *key, const char *path,
    const struct ctl_opened *answer);

/* --- check_manager: certificate and key of [manager] --- */

void check_manager_files(const struct config *c, struct config_faults *faults);

/* --- check_oauth: those of a profile of [oauth] --- */

void check_oauth_files(const struct config *config, const struct config_oauth *o,
    struct config_faults *faults);

/* --- check_dkim: the keys of dkim-key of one virtual server --- */

void check_dkim_files(const struct config_server *s, struct config_faults *faults);

#endif
