/*
 * config_ceiling - how far operators of a virtual server may lift its limits; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  each key whose row names a ceiling is looked at, wherever it may stand. What was higher before
 *           the change may stay, and come down; a limit that goes leaves its default, which is looked at, too
 * Fails by: cannot
 */
#include "common/config/config_ceiling.h"

#include <string.h>

#include "common/config/config_private.h"

/* One limit in one section. */
struct limit { const struct key *row; const char *name; const void *base; uint64_t value, ceiling; };

static uint64_t
number_at(const void *base, const struct key *row)
{
	uint64_t value;

	memcpy(&value, (const char *)base + row->offset, sizeof(value));
	return value;
}

/* Limits of [domain] and [host] are 0 where they were not given; a quota is the default domain's. */
static bool
counts(const struct limit *l)
{
	return l->value != 0 && (l->row->section != KEY_DOMAIN ||
	    config_domain_has_key(l->base, l->row->name));
}

static struct limit
limit_of(const struct config *c, const struct key *row, const char *name, const void *base)
{
	return (struct limit){ .row = row, .name = name, .base = base, .value = number_at(base, row),
	    .ceiling = number_at(&c->service, key_find(KEY_SERVICE, row->ceiling)) };
}

/* The n-th section of `s` that may have the key; false: there is none. */
static bool
limit_at(struct limit *l, const struct config *c, const struct config_server *s, const struct key *row,
    size_t n)
{
	if (row->section == KEY_DOMAIN && n < s->ndomain)
		*l = limit_of(c, row, s->domain[n].name, &s->domain[n]);
	else if (row->section == KEY_REMOTE && n < s->nremote)
		*l = limit_of(c, row, s->remote[n].name, &s->remote[n]);
	else if (row->section != KEY_DOMAIN && row->section != KEY_REMOTE && n == 0)
		*l = limit_of(c, row, NULL, s);
	else
		return false;
	return true;
}

/* What it was before in the section of that name; 0: nothing is known. A default domain may be renamed. */
static uint64_t
value_before(const struct config *c, const struct config_server *before, const struct limit *now)
{
	bool is_quota = strcmp(now->row->name, "drop-quota") == 0;
	struct limit l;

	if (before == NULL)
		return 0;
	if (is_quota)
		return before->default_domain->drop_quota;
	for (size_t n = 0; limit_at(&l, c, before, now->row, n); n++)
		if (now->name == NULL || strcmp(l.name, now->name) == 0)
			return l.value;
	return 0;
}

static void
put_place(struct buf *out, const struct limit *l)
{
	buf_printf(out, "%s%s%.100s.%s", key_section_name(l->row->section), l->name != NULL ? ":" : "",
	    l->name != NULL ? l->name : "", l->row->name);
}

static void
put_number(struct buf *out, const struct key *row, uint64_t value)
{
	char text[32];

	if (value == CONFIG_UNLIMITED)
		snprintf(text, sizeof(text), "unlimited");
	else if (row->kind == KEY_SIZE)
		key_format_size(text, sizeof(text), value);
	else if (row->kind == KEY_TIME)
		key_format_time(text, sizeof(text), value);
	else
		key_format_number(text, sizeof(text), value);
	buf_puts(out, text);
}

static void
put_words(struct buf *out, const struct limit *l)
{
	buf_printf(out, "%s = ", l->row->name);
	put_number(out, l->row, l->value);
	buf_printf(out, " is beyond %s of [service], which is ", l->row->ceiling);
	put_number(out, l->row, l->ceiling);
}

bool
config_ceiling_is_passed(const struct config *c, const struct config_server *s,
    const struct config_server *before, struct buf *place, struct buf *why)
{
	struct limit l;

	for (size_t i = 0; i < key_rows_count; i++)
		for (size_t n = 0; key_rows[i].ceiling != NULL && limit_at(&l, c, s, &key_rows[i], n); n++)
			if (counts(&l) && l.value > l.ceiling && l.value > value_before(c, before, &l)) {
				put_place(place, &l);
				put_words(why, &l);
				return true;
			}
	return false;
}

static void
blame(struct config_work *w, size_t server, const struct limit *l)
{
	const struct config_server *s = &w->config->server[server];
	struct buf words = BUF_INIT(500);

	put_words(&words, l);
	buf_puts(&words, ": operators of this virtual server could not set that");
	if (l->row->section == KEY_DOMAIN)
		config_faults_tell_domain(w->faults, s, l->base, l->row->name, true, buf_text(&words));
	else if (l->row->section == KEY_REMOTE)
		config_faults_add(w->faults, config_work_source(w, server), config_origin_of(
		    ((const struct config_remote *)l->base)->origin, KEY_REMOTE, l->row->name)->line, true,
		    "[host %s]: %s", l->name, buf_text(&words));
	else
		config_faults_at_key(w, server, l->row->section, l->row->name, true, "%s", buf_text(&words));
	buf_done(&words);
}

void
config_ceiling_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct limit l;

	for (size_t i = 0; i < key_rows_count && s->operators.count > 0; i++)
		for (size_t n = 0; key_rows[i].ceiling != NULL &&
		    limit_at(&l, w->config, s, &key_rows[i], n); n++)
			if (counts(&l) && l.value > l.ceiling)
				blame(w, server, &l);
}
