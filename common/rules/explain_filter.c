/*
 * explain_filter - which mail filters a client's message meets, a row for each; pure
 *
 * Runs in:  posternctl, master
 * Owns:     nothing
 * Promise:  in the order in which they are asked; asks none. Filters of pickup alone are not named
 * Fails by: not at all; a value of more than 1023 bytes is cut
 */
#include <stdio.h>

#include "common/config/config_filter.h"
#include "common/rules/explain.h"

static const char *const failures[] = {
	[CONFIG_FILTER_TEMPFAIL] = "451 if it fails",
	[CONFIG_FILTER_ACCEPT] = "passed by if it fails",
	[CONFIG_FILTER_DISCONNECT] = "421 if it fails",
};

void
explain_filter_say_all(const struct explain *x)
{
	const struct config_server *s = x->server;

	for (size_t i = 0; i < s->nfilter; i++) {
		const struct config_filter *f = &s->filter[i];
		char value[1024], origin[1024];

		if (!(f->sources & CONFIG_FILTER_SMTP))
			continue;
		snprintf(value, sizeof(value), "%s at %s, %s", f->name, f->connect, failures[f->on_failure]);
		x->say(x->arg, "filter", config_print_filter_origin(origin, sizeof(origin), f, "connect"),
		    "connect", value);
	}
}
