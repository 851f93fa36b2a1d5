/* config_filter - mail filters (milters): the sections [filter NAME] of a virtual server */
#ifndef COMMON_CONFIG_CONFIG_FILTER_H
#define COMMON_CONFIG_CONFIG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_origin;
struct config_server;
struct config_work;

/* Bits: whose mail a filter sees. */
enum config_filter_source { CONFIG_FILTER_SMTP = 1, CONFIG_FILTER_PICKUP = 2 };
enum config_filter_failure { CONFIG_FILTER_TEMPFAIL, CONFIG_FILTER_ACCEPT, CONFIG_FILTER_DISCONNECT };

struct config_filter {
	char *name;
	char *connect;		/* "inet:127.0.0.1:8891", "inet:[::1]:8891", "unix:/run/x.sock" */
	unsigned sources;	/* enum config_filter_source */
	enum config_filter_failure on_failure;
	uint64_t connect_time, command_time, content_time;	/* milliseconds */
	struct config_origin *origin;
};

/* Whether that virtual server has a filter for mail of that source (one bit). */
bool config_filter_is_used(const struct config_server *s, enum config_filter_source source);
/* Whether a virtual server has one at all. */
bool config_filter_is_any(const struct config *c);
/* Whether a helper that runs on `a` can stay when `b` comes: all filters are the same. */
bool config_filter_all_same(const struct config *a, const struct config *b);
/* "FILE:LINE" of a key of it, or "default". */
const char *config_print_filter_origin(char *dst, size_t size, const struct config_filter *f,
    const char *key);
void config_filter_judge(struct config_work *w, size_t server);

#endif
