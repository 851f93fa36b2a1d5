/* dkim - the keys that sign mail: made, shown, compared with the DNS; one block a file */
#ifndef MASTER_POSTERNCTL_DKIM_DKIM_H
#define MASTER_POSTERNCTL_DKIM_DKIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/config/config_dkim.h"
#include "common/dkim/dkim_key.h"

struct certificate_job;
struct command;
struct command_context;
struct config;

/* --- dkim_command: posternctl dkim --- */
int dkim_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- dkim_look: a key, what its record has to be, and what the DNS has --- */

enum dkim_look { DKIM_LOOK_GOOD, DKIM_LOOK_WARNING, DKIM_LOOK_WRONG, DKIM_LOOK_UNKNOWN };

struct dkim_shown {
	struct config_dkim place;
	char *name;			/* "s1._domainkey.example.com" */
	struct dkim_key key;		/* pkey NULL: it cannot be used */
	struct buf record;		/* empty: the key cannot be used */
	struct buf why;			/* it cannot be used */
	bool hidden;			/* this user may not read the file; root may */
};
/*
 * Where dkim new makes the key of a selector: in the folder dkim beside the configuration; owned by the
 * caller.
 */
char *dkim_look_path(const char *config_path, const char *domain, const char *selector);
/* dkim_look_done in any case. */
void dkim_look_file(struct dkim_shown *s, const struct config_dkim *place);
void dkim_look_done(struct dkim_shown *s);
/* "signs", "its days begin on 2026-01-01", ...; of the place alone. */
void dkim_look_days(const struct config_dkim *place, int64_t now, struct buf *out);
/* The records of its name against the key; words. */
enum dkim_look dkim_look_dns(const struct dkim_shown *s, const struct config *c, struct buf *why);
extern const char *const dkim_look_words[];	/* by enum dkim_look: "ok", "warning", "wrong", "unknown" */
/* As zone files have it: strings of 255 bytes at most, in quotes. */
void dkim_look_zone(const struct dkim_shown *s, struct buf *out);

/* --- dkim_show --- */
/* dns: also compare with the DNS. An exit status. */
int dkim_show_run(const struct certificate_job *j, const char *domain, const char *selector, bool dns,
    bool json);

/* --- dkim_new --- */
struct dkim_new {
	const char *domain, *selector, *days;	/* days NULL: always */
	enum dkim_key_kind kind;
	int bits;
	bool use;			/* it becomes a key of the virtual server at once */
};
int dkim_new_run(const struct certificate_job *j, const struct dkim_new *n);

#endif
