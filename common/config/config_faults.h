/* config_faults - what is wrong with the INI files */
#ifndef COMMON_CONFIG_CONFIG_FAULTS_H
#define COMMON_CONFIG_CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct config;
struct config_domain;
struct config_filter;
struct config_oauth;
struct config_server;
enum key_section;

/* One fault or warning. */
struct config_fault {
	char *file; unsigned line;	/* line 0: the file as a whole */
	char *text;			/* "unknown key \"lisen\" in [general]; did you mean \"listen\"?" */
	bool warning;
	char *server;			/* the virtual server it belongs to, NULL: the service */
};
/* Count stops at 500. */
struct config_faults { struct config_fault *fault; size_t count; size_t errors; };

void config_faults_done(struct config_faults *f);
/* Whether `f` has that fault, at that place and with that text; adds copies of the faults of `from`. */
bool config_faults_has(const struct config_faults *f, const struct config_fault *fault);
void config_faults_copy(struct config_faults *f, const struct config_faults *from);
/* The first error (no warning) in the file of virtual server `name`; NULL: none. */
const struct config_fault *config_faults_first_error(const struct config_faults *f, const char *name);
void config_faults_print(const struct config_faults *f, FILE *out);	/* "FILE:LINE: error: TEXT" a line */
/* Adds a fault about a key of a virtual server: for checks that go further than the INI files. */
void config_faults_tell(struct config_faults *f, const struct config_server *s, enum key_section section,
    const char *key, bool warning, const char *text);
/* Whether a file says it, so that a fault has a place. */
bool config_faults_key_is_given(const struct config_server *s, enum key_section section, const char *key);
void config_faults_tell_service(struct config_faults *f, const struct config *c, enum key_section section,
    const char *key, bool warning, const char *text);
void config_faults_tell_oauth(struct config_faults *f, const struct config *c, const struct config_oauth *o,
    const char *key, bool warning, const char *text);
void config_faults_tell_domain(struct config_faults *f, const struct config_server *s,
    const struct config_domain *d, const char *key, bool warning, const char *text);
void config_faults_tell_filter(struct config_faults *f, const struct config_server *s,
    const struct config_filter *filter, const char *key, bool warning, const char *text);

#endif
