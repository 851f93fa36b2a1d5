/* config_ceiling - how far operators of a virtual server may lift its limits: operator-... of [service] */
#ifndef COMMON_CONFIG_CONFIG_CEILING_H
#define COMMON_CONFIG_CONFIG_CEILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct config;
struct config_server;
struct config_work;

struct config_ceiling {
	uint64_t message_size, session_size, recipients, connections_per_domain, rate, expire, drop_quota;
};

/*
 * The first limit of `s` that is lifted beyond its ceiling: further than it is in `before`, which is the same
 * virtual server without the change; NULL: its file has errors so far. `place`: "messages.max-recipients";
 * `why`: in words.
 */
bool config_ceiling_is_passed(const struct config *c, const struct config_server *s,
    const struct config_server *before, struct buf *place, struct buf *why);
/* Where the virtual server has operators of its own, what is beyond is a warning. */
void config_ceiling_judge(struct config_work *w, size_t server);

#endif
