/*
 * filter_known - the filters of the configuration, and how they do
 *
 * Runs in:  filter
 * Owns:     one record for each [filter NAME] of a virtual server that was asked
 * Promise:  operators hear of a filter that fails once a minute at the most, with the number of failures, and
 *           when it works again; until then status has it
 * Fails by: not at all
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/filter/filter.h"

enum { TELL_AGAIN_MS = 60000 };

struct filter_known *
filter_known_find(struct filter *f, const struct config_server *s, const struct config_filter *config)
{
	struct filter_known *k;
	const char *why;

	TAILQ_FOREACH(k, &f->known, link)
		if (k->config == config)
			return k;
	k = mem_new(struct filter_known);
	k->server = s;
	k->config = config;
	/* Judged with the configuration; a bad one connects nowhere. */
	if (filter_place_parse(&k->address, config->connect, &why) == -1)
		k->address.len = 0;
	TAILQ_INSERT_TAIL(&f->known, k, link);
	return k;
}

void
filter_known_free_all(struct filter *f)
{
	struct filter_known *k;

	while ((k = TAILQ_FIRST(&f->known)) != NULL) {
		TAILQ_REMOVE(&f->known, k, link);
		free(k);
	}
}

/* For status; "": it works. */
static void
tell_status(struct filter *f, const struct filter_known *k, const char *why)
{
	char about[140], text[400] = "";

	snprintf(about, sizeof(about), "filter %.60s %.60s", k->server->name, k->config->name);
	if (*why != '\0')
		snprintf(text, sizeof(text), "the filter %.60s of %.60s at %.130s: %.120s", k->config->name,
		    k->server->name, k->config->connect, why);
	boot_trouble(f->boot, about, text);
}

void
filter_known_failed(struct filter *f, struct filter_known *k, const char *why)
{
	uint64_t now = clock_mono_ms();

	if (!k->troubled)
		tell_status(f, k, why);
	k->troubled = true;
	if (k->told_ms != 0 && now < k->told_ms + TELL_AGAIN_MS) {
		k->untold++;
		return;
	}
	if (k->untold > 0)
		log_event(LOG_FAULT, NULL, "trouble",
		    "part=filter server=%s filter=%s reason=%s unreported=%u", k->server->name,
		    k->config->name, log_safe(why), k->untold);
	else
		log_event(LOG_FAULT, NULL, "trouble", "part=filter server=%s filter=%s reason=%s",
		    k->server->name, k->config->name, log_safe(why));
	k->untold = 0;
	k->told_ms = now;
}

void
filter_known_works(struct filter *f, struct filter_known *k)
{
	uint64_t now = clock_mono_ms();

	if (!k->troubled)
		return;
	k->troubled = false;
	tell_status(f, k, "");
	if (k->recovered_ms != 0 && now < k->recovered_ms + TELL_AGAIN_MS)
		return;
	k->recovered_ms = now;
	log_event(LOG_FACT, NULL, "filter", "result=recovered server=%s filter=%s", k->server->name,
	    k->config->name);
}
