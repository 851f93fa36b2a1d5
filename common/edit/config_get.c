/*
 * config_get - keys with value, default and origin, as rows for operators
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  a row is one line, its cells parted by tabs, whatever the values have
 * Fails by: false: there is no such section
 */
#include "common/edit/config_get.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_files.h"
#include "common/config/config_private.h"

#define GET_VALUE_MAX (64U << 20)

void
config_get_cell(struct buf *out, const char *text)
{
	if (text == NULL || *text == '\0')
		buf_puts(out, "-");
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == '\\' || *text == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*text);
		else
			buf_add(out, text, 1);
}

static void
put_row(struct buf *out, const struct key *k, const char *name, const char *value,
    const struct config_origin *o)
{
	buf_printf(out, "%s%s%s.%s\t", key_section_name(k->section), name != NULL ? ":" : "",
	    name != NULL ? name : "", k->name);
	config_get_cell(out, value);
	buf_puts(out, "\t");
	config_get_cell(out, k->standard != NULL ? k->standard : k->derived);
	buf_puts(out, "\t");
	if (o == NULL || o->file == NULL)
		buf_puts(out, "default\n");
	else
		buf_printf(out, "%s:%u\n", o->file, o->line);
}

static void
put_key(struct buf *out, const struct key *k, const char *name, const void *base,
    const struct config_origin *origin)
{
	struct buf value = BUF_INIT(GET_VALUE_MAX);

	config_value_print(k, base, &value);
	put_row(out, k, name, buf_text(&value), config_origin_of(origin, k->section, k->name));
	buf_done(&value);
}

/* What postern.ini says in the shared sections: no virtual server has just that. */
static void
put_shared(struct buf *out, const struct config *c, const struct key *k, bool always)
{
	size_t len = 0;
	const char *text = c->files != NULL ? config_files_text(c->files, NULL, &len) : NULL;
	struct config_source source = { .path = mem_unconst(c->path[0]), .text = mem_unconst(text),
	    .len = len };
	struct config_origin o = { 0 };
	struct buf value = BUF_INIT(GET_VALUE_MAX);
	struct config_faults faults = { 0 };
	struct config_ini ini;

	config_ini_parse(&ini, &source, &faults);
	for (size_t i = 0; i < ini.nentry; i++) {
		const struct config_entry *e = &ini.entry[i];

		if (ini.heading[e->heading].section != k->section || strcmp(e->name, k->name) != 0)
			continue;
		buf_printf(&value, "%s%s", o.file != NULL ? ", " : "", e->value);
		if (o.file == NULL)
			o = (struct config_origin){ .file = c->path[0], .line = e->line };
	}
	if (o.file != NULL || always)
		put_row(out, k, NULL, o.file != NULL ? buf_text(&value) : k->standard, &o);
	config_ini_done(&ini);
	config_faults_done(&faults);
	buf_done(&value);
}

static void
get_owner(struct buf *out, enum key_owner owner, const char *name, const void *base,
    const struct config_origin *origin)
{
	size_t count;
	const struct key *rows = key_owner_rows(owner, &count);

	for (size_t i = 0; i < count; i++)
		if (owner != KEY_OWNER_DOMAIN || config_domain_has_key(base, rows[i].name))
			put_key(out, &rows[i], name, base, origin);
}

void
config_get_all(struct buf *out, const struct config *c, const struct config_server *s)
{
	size_t count;
	const struct key *rows = key_owner_rows(KEY_OWNER_SERVER, &count);

	if (s != NULL) {
		get_owner(out, KEY_OWNER_SERVER, NULL, s, s->origin);
		for (size_t i = 0; i < s->ndomain; i++)
			get_owner(out, KEY_OWNER_DOMAIN, s->domain[i].name, &s->domain[i],
			    s->domain[i].origin);
		for (size_t i = 0; i < s->nremote; i++)
			get_owner(out, KEY_OWNER_REMOTE, s->remote[i].name, &s->remote[i],
			    s->remote[i].origin);
		for (size_t i = 0; i < s->nfilter; i++)
			get_owner(out, KEY_OWNER_FILTER, s->filter[i].name, &s->filter[i],
			    s->filter[i].origin);
		return;
	}
	get_owner(out, KEY_OWNER_SERVICE, NULL, &c->service, c->service.origin);
	for (size_t i = 0; i < c->noauth; i++)
		get_owner(out, KEY_OWNER_OAUTH, c->oauth[i].name, &c->oauth[i], c->oauth[i].origin);
	for (size_t i = 0; i < count; i++)
		put_shared(out, c, &rows[i], false);
}

static const struct config_domain *
find_domain(const struct config_server *s, const char *name)
{
	for (size_t i = 0; i < s->ndomain; i++)
		if (strcmp(s->domain[i].name, name) == 0)
			return &s->domain[i];
	return NULL;
}

static const struct config_remote *
find_remote(const struct config_server *s, const char *name)
{
	for (size_t i = 0; i < s->nremote; i++)
		if (strcmp(s->remote[i].name, name) == 0)
			return &s->remote[i];
	return NULL;
}

static const struct config_filter *
find_filter(const struct config_server *s, const char *name)
{
	for (size_t i = 0; i < s->nfilter; i++)
		if (strcmp(s->filter[i].name, name) == 0)
			return &s->filter[i];
	return NULL;
}

bool
config_get_one(struct buf *out, const struct config *c, const struct config_server *s,
    const struct config_place *p)
{
	const struct key *k = key_find(p->section, p->key);
	bool named = p->name != NULL;
	const struct config_domain *d = s != NULL && named && p->section == KEY_DOMAIN ?
	    find_domain(s, p->name) : NULL;
	const struct config_remote *r = s != NULL && named && p->section == KEY_REMOTE ?
	    find_remote(s, p->name) : NULL;
	const struct config_filter *f = s != NULL && named && p->section == KEY_FILTER ?
	    find_filter(s, p->name) : NULL;
	const struct config_oauth *o = s == NULL && named ? config_oauth_find(c, p->name) : NULL;

	if (k == NULL || (named && d == NULL && r == NULL && f == NULL && o == NULL))
		return false;
	if (r != NULL)
		put_key(out, k, r->name, r, r->origin);
	else if (f != NULL)
		put_key(out, k, f->name, f, f->origin);
	else if (d != NULL)
		put_key(out, k, d->name, d, d->origin);
	else if (o != NULL)
		put_key(out, k, o->name, o, o->origin);
	else if (s != NULL)
		put_key(out, k, NULL, s, s->origin);
	else if (key_owner_of(k->section) == KEY_OWNER_SERVICE)
		put_key(out, k, NULL, &c->service, c->service.origin);
	else
		put_shared(out, c, k, true);
	return true;
}

void
config_get_domains(struct buf *out, const struct config_server *s)
{
	for (size_t i = 0; i < s->ndomain; i++) {
		const struct config_domain *d = &s->domain[i];
		char where[600];

		buf_printf(out, "%s\t", d->name);
		config_print_value(out, s, d, "domain", "type");
		buf_printf(out, "\t%s\n", config_print_origin(where, sizeof(where), d, "type"));
	}
}

/* --- the table itself --- */

static const char *const kinds[] = {
	[KEY_TEXT] = "text", [KEY_PATH] = "path", [KEY_HOST] = "host", [KEY_BOOL] = "bool",
	[KEY_NUMBER] = "number", [KEY_SIZE] = "size", [KEY_TIME] = "time", [KEY_TIMES] = "times",
	[KEY_ENUM] = "choice", [KEY_FLAGS] = "choices", [KEY_STRINGS] = "texts", [KEY_NETS] = "networks",
	[KEY_LISTEN] = "addresses", [KEY_LISTEN_TLS] = "addresses", [KEY_SOURCES] = "addresses",
};
_Static_assert(nitems_of(kinds) == KEY_KIND_COUNT, "a name for each kind");
static const char *const guards[] = {
	[KEY_GUARD_NONE] = "server", [KEY_GUARD_ACCOUNT] = "account", [KEY_GUARD_RANGE] = "range",
	[KEY_GUARD_SERVICE] = "service",
};

/* "1s 1d unlimited" or "off optional required" */
static void
put_range(struct buf *out, const struct key *k)
{
	static void (*const formats[KEY_KIND_COUNT])(char *, size_t, uint64_t) = {
		[KEY_NUMBER] = key_format_number, [KEY_SIZE] = key_format_size, [KEY_TIME] = key_format_time,
		[KEY_TIMES] = key_format_time,
	};
	char text[32];
	size_t begin = out->len;

	for (const struct key_choice *c = k->choice; c != NULL && c->name != NULL; c++)
		if (c->kind == KEY_CHOICE_USUAL)
			buf_printf(out, "%s%s", out->len > begin ? " " : "", c->name);
	if (formats[k->kind] != NULL) {
		formats[k->kind](text, sizeof(text), k->min);
		buf_puts(out, text);
		if (k->max != 0)
			formats[k->kind](text, sizeof(text), k->max);
		buf_printf(out, " %s%s%s", k->max != 0 ? text : "-", k->unlimited ? " unlimited" : "",
		    k->automatic ? " auto" : "");
	}
	if (out->len == begin)
		buf_puts(out, "-");
}

/* A key of [service]: as far as that says. */
static const char *
guard_of(const struct key *k)
{
	return k->ceiling != NULL ? k->ceiling : guards[k->guard];
}

void
config_get_table(struct buf *out)
{
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];

		if (k->missing)
			continue;
		buf_printf(out, "%s\t%s\t%s\t", key_section_name(k->section), k->name, kinds[k->kind]);
		config_get_cell(out, k->standard != NULL ? k->standard : k->derived);
		buf_puts(out, "\t");
		put_range(out, k);
		buf_printf(out, "\t%s\t%s\t", guard_of(k), k->own ? "own" : "shared");
		config_get_cell(out, k->meaning);
		buf_puts(out, "\n");
	}
}
