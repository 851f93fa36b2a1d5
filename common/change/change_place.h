/* change_place - how a command names a key: "access.tls", "domain:example.com.route", "oauth:m365.scope" */
#ifndef COMMON_CHANGE_CHANGE_PLACE_H
#define COMMON_CHANGE_CHANGE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/edit/config_edit.h"

struct buf;

struct change_place {
	enum key_section section;
	char *name;		/* of [domain] or [oauth], as it is compared; else NULL */
	char *key;
};

/*
 * Takes text[0..len). `server`: in the file of a virtual server, else in postern.ini. `any`: also a key that
 * is in no table. 0; or -1 and what is wrong, with what was perhaps meant.
 */
int change_place_parse(struct change_place *p, const char *text, size_t len, bool server, bool any,
    struct buf *why) __attribute__((warn_unused_result));
void change_place_format(struct buf *out, const struct change_place *p);
void change_place_done(struct change_place *p);
struct config_place change_place_config(const struct change_place *p);

#endif
