/*
 * config_filter - mail filters of a virtual server, judged
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a filter that was judged well has a numeric address or the path of a socket: no name is looked up
 * Fails by: faults
 */
#include "common/config/config_filter.h"

#include <stdio.h>
#include <string.h>

#include "common/config/config_private.h"

bool
config_filter_is_used(const struct config_server *s, enum config_filter_source source)
{
	for (size_t i = 0; i < s->nfilter; i++)
		if (s->filter[i].sources & source)
			return true;
	return false;
}

bool
config_filter_is_any(const struct config *c)
{
	for (size_t i = 0; i < c->nserver; i++)
		if (c->server[i].nfilter > 0)
			return true;
	return false;
}

static void
print_all(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < c->nserver; i++)
		for (size_t f = 0; f < c->server[i].nfilter; f++) {
			buf_printf(out, "%s [%s]\n", c->server[i].name, c->server[i].filter[f].name);
			config_print_owner(KEY_OWNER_FILTER, &c->server[i].filter[f], NULL, out);
		}
}

bool
config_filter_all_same(const struct config *a, const struct config *b)
{
	return config_print_is_same(a, b, print_all);
}

static unsigned
heading_line(const struct config_ini *ini, const char *name)
{
	for (size_t i = 0; i < ini->nheading; i++)
		if (ini->heading[i].section == KEY_FILTER && strcmp(ini->heading[i].domain, name) == 0)
			return ini->heading[i].line;
	return 0;
}

void
config_filter_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	for (size_t i = 0; i < s->nfilter; i++) {
		const struct config_filter *f = &s->filter[i];
		const struct config_origin *o = config_origin_of(f->origin, KEY_FILTER, "connect");

		if (f->connect == NULL && !o->bad)
			config_faults_add(w->faults, config_work_source(w, server),
			    heading_line(&w->ini[server + 1], f->name), false,
			    "[filter %s] has no connect: where does the filter listen?", f->name);
	}
}
