/* config_dkim - the keys that sign mail: items of dkim-key, and which of them sign for a domain. Pure */
#ifndef COMMON_CONFIG_CONFIG_DKIM_H
#define COMMON_CONFIG_CONFIG_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_server;
struct config_work;

#define CONFIG_DKIM_NAME_SIZE 254
#define CONFIG_DKIM_DAY 86400

/* "example.com s2026 [2026-01-01..2026-12-31] /path" */
struct config_dkim {
	char domain[CONFIG_DKIM_NAME_SIZE], selector[CONFIG_DKIM_NAME_SIZE];	/* lower case */
	const char *file;		/* in the text of the item */
	int64_t from, until;		/* Unix time: from this second on, before that one */
};

/* 0; -1 and *why, static: what would be right. */
int config_dkim_parse(struct config_dkim *k, const char *item, const char **why)
	__attribute__((warn_unused_result));
/* Item `index` of the server; false: there are not so many. */
bool config_dkim_at(struct config_dkim *k, const struct config_server *s, size_t index);
bool config_dkim_is_valid(const struct config_dkim *k, int64_t now);
/* Whether it signs mail of that domain (lower case): it is its own, or that of a domain above it. */
bool config_dkim_serves(const struct config_dkim *k, const char *domain);
/* The domain of our reports: what masquerade says, or the default domain. */
const char *config_dkim_report_domain(const struct config_server *s);
void config_dkim_judge(struct config_work *w, size_t server);

#endif
