/*
 * config_check - judges the INI set on disk and shows what is in effect: postern -t and -T, posternctl check
 * and config
 */
#ifndef COMMON_CONFIG_CONFIG_CHECK_H
#define COMMON_CONFIG_CONFIG_CHECK_H

#include <stdbool.h>

struct config;
struct config_faults;
struct config_server;

/* Adds faults of the files that the configuration names. */
typedef void config_check_files(const struct config *c, struct config_faults *faults);

/* Prints every fault and a last line; EX_OK or EX_CONFIG. `files` NULL: the files named are not looked at. */
int config_check_run(const char *path, config_check_files *files);
/* Prints the effective configuration, all or one virtual server; 3 when there is none of that name. */
int config_check_print(const char *path, const char *name);

/* --- config_relay --- */

/* Why everybody may relay, or a large part of the world; NULL: the administrator has named who may. */
const char *config_relay_opens(const struct config_server *s);

/* --- config_print: each value in effect, as `posternctl config` prints them --- */

struct config_value {
	const char *server;	/* NULL: of postern.ini */
	const char *section;	/* "general", "domain" */
	const char *name;	/* of [domain NAME], [oauth NAME]; NULL: the section has none */
	const char *key, *text;
	const char *file; unsigned line;	/* where it comes from; NULL: the default */
};
typedef void config_print_value_cb(void *arg, const struct config_value *v);
/* All, or those of one virtual server. */
void config_print_each(const struct config *c, const char *server, config_print_value_cb *take, void *arg);

#endif
