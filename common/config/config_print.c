/*
 * config_print - the effective configuration, each value with its file and line or "default" behind it
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  the printed text reads back as the same values, if its lines are short enough for an INI file
 * Fails by: the stream's error, which the caller checks
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_check.h"
#include "common/config/config_filter.h"
#include "common/config/config_private.h"

#define OWNER_MAX (64 * 1024 * 1024)

/* A path without use yet would be refused when read back. */
static void
put_value(struct buf *out, const struct key *k, const void *base)
{
	if (!k->missing || k->derived == NULL || k->kind != KEY_PATH)
		config_value_print(k, base, out);
}

static void
print_value_line(const struct key *k, const void *base, const struct config_origin *o, struct buf *out)
{
	struct buf value = BUF_INIT(OWNER_MAX);

	put_value(&value, k, base);
	if (o == NULL)
		buf_printf(out, "%s = %s\n", k->name, buf_text(&value));
	else {
		buf_printf(out, "%-27s = %-30s ; ", k->name, buf_text(&value));
		if (o->file == NULL)
			buf_puts(out, "default\n");
		else
			buf_printf(out, "%s:%u\n", o->file, o->line);
	}
	buf_done(&value);
}

/* Of one owner: `v` has its server and its name. */
static void
tell_owner(enum key_owner owner, const void *base, const struct config_origin *origin, struct config_value v,
    config_print_value_cb *take, void *arg)
{
	size_t count;
	const struct key *rows = key_owner_rows(owner, &count);

	for (size_t i = 0; i < count; i++) {
		struct buf text = BUF_INIT(OWNER_MAX);

		if (owner == KEY_OWNER_DOMAIN && !config_domain_has_key(base, rows[i].name))
			continue;
		put_value(&text, &rows[i], base);
		v.section = key_section_name(rows[i].section);
		v.key = rows[i].name;
		v.text = buf_text(&text);
		v.file = origin[i].file;
		v.line = origin[i].line;
		take(arg, &v);
		buf_done(&text);
	}
}

void
config_print_each(const struct config *c, const char *server, config_print_value_cb *take, void *arg)
{
	struct config_value v = { .server = NULL };

	if (server == NULL)
		tell_owner(KEY_OWNER_SERVICE, &c->service, c->service.origin, v, take, arg);
	for (size_t i = 0; server == NULL && i < c->noauth; i++) {
		v.name = c->oauth[i].name;
		tell_owner(KEY_OWNER_OAUTH, &c->oauth[i], c->oauth[i].origin, v, take, arg);
	}
	for (size_t i = 0; i < c->nserver; i++) {
		const struct config_server *s = &c->server[i];

		if (server != NULL && strcmp(s->name, server) != 0)
			continue;
		v = (struct config_value){ .server = s->name };
		tell_owner(KEY_OWNER_SERVER, s, s->origin, v, take, arg);
		for (size_t k = 0; k < s->ndomain; k++) {
			v.name = s->domain[k].name;
			tell_owner(KEY_OWNER_DOMAIN, &s->domain[k], s->domain[k].origin, v, take, arg);
		}
		for (size_t k = 0; k < s->nremote; k++) {
			v.name = s->remote[k].name;
			tell_owner(KEY_OWNER_REMOTE, &s->remote[k], s->remote[k].origin, v, take, arg);
		}
		for (size_t k = 0; k < s->nfilter; k++) {
			v.name = s->filter[k].name;
			tell_owner(KEY_OWNER_FILTER, &s->filter[k], s->filter[k].origin, v, take, arg);
		}
	}
}

void
config_print_owner(enum key_owner owner, const void *base, const struct config_origin *origin,
    struct buf *out)
{
	size_t count;
	const struct key *rows = key_owner_rows(owner, &count);

	for (size_t i = 0; i < count; i++) {
		if (owner == KEY_OWNER_DOMAIN && !config_domain_has_key(base, rows[i].name))
			continue;
		if (owner < KEY_OWNER_DOMAIN && (i == 0 || rows[i].section != rows[i - 1].section))
			buf_printf(out, "[%s]\n", key_section_name(rows[i].section));
		print_value_line(&rows[i], base, origin != NULL ? &origin[i] : NULL, out);
	}
}

void
config_print_server(const struct config_server *s, bool origins, struct buf *out)
{
	config_print_owner(KEY_OWNER_SERVER, s, origins ? s->origin : NULL, out);
	for (size_t i = 0; i < s->ndomain; i++) {
		buf_printf(out, "[domain %s]\n", s->domain[i].name);
		config_print_owner(KEY_OWNER_DOMAIN, &s->domain[i], origins ? s->domain[i].origin : NULL,
		    out);
	}
	for (size_t i = 0; i < s->nremote; i++) {
		buf_printf(out, "[host %s]\n", s->remote[i].name);
		config_print_owner(KEY_OWNER_REMOTE, &s->remote[i], origins ? s->remote[i].origin : NULL,
		    out);
	}
	for (size_t i = 0; i < s->nfilter; i++) {
		buf_printf(out, "[filter %s]\n", s->filter[i].name);
		config_print_owner(KEY_OWNER_FILTER, &s->filter[i], origins ? s->filter[i].origin : NULL,
		    out);
	}
}

void
config_print(const struct config *c, const char *name, FILE *out)
{
	struct buf text = BUF_INIT(OWNER_MAX);

	if (name == NULL) {
		buf_printf(&text, "# %s\n", c->service.file);
		config_print_owner(KEY_OWNER_SERVICE, &c->service, c->service.origin, &text);
		for (size_t i = 0; i < c->noauth; i++) {
			buf_printf(&text, "[oauth %s]\n", c->oauth[i].name);
			config_print_owner(KEY_OWNER_OAUTH, &c->oauth[i], c->oauth[i].origin, &text);
		}
	}
	for (size_t i = 0; i < c->nserver; i++) {
		if (name != NULL && strcmp(c->server[i].name, name) != 0)
			continue;
		buf_printf(&text, "%s# virtual server %s, %s\n", text.len > 0 ? "\n" : "", c->server[i].name,
		    c->server[i].file);
		config_print_server(&c->server[i], true, &text);
	}
	fwrite(buf_text(&text), 1, text.len, out);
	buf_done(&text);
}

void
config_print_value(struct buf *out, const struct config_server *s, const struct config_domain *d,
    const char *section, const char *key)
{
	size_t count;
	const struct key *rows = key_owner_rows(d != NULL ? KEY_OWNER_DOMAIN : KEY_OWNER_SERVER, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, key) == 0 &&
		    (d != NULL || rows[i].section == key_section_find(section)))
			config_value_print(&rows[i], d != NULL ? (const void *)d : s, out);
}

static const char *
print_origin(char *dst, size_t size, const struct config_origin *o)
{
	if (o->file == NULL)
		snprintf(dst, size, "default");
	else
		snprintf(dst, size, "%s:%u", o->file, o->line);
	return dst;
}

const char *
config_print_origin(char *dst, size_t size, const struct config_domain *d, const char *key)
{
	return print_origin(dst, size, config_origin_of(d->origin, KEY_DOMAIN, key));
}

const char *
config_print_server_origin(char *dst, size_t size, const struct config_server *s, const char *section,
    const char *key)
{
	return print_origin(dst, size, config_origin_of(s->origin, key_section_find(section), key));
}

const char *
config_print_remote_origin(char *dst, size_t size, const struct config_remote *r, const char *key)
{
	return print_origin(dst, size, config_origin_of(r->origin, KEY_REMOTE, key));
}

const char *
config_print_filter_origin(char *dst, size_t size, const struct config_filter *f, const char *key)
{
	return print_origin(dst, size, config_origin_of(f->origin, KEY_FILTER, key));
}

void
config_print_remote_value(struct buf *out, const struct config_remote *r, const char *key)
{
	config_value_print(key_find(KEY_REMOTE, key), r, out);
}

bool
config_print_is_same(const struct config *a, const struct config *b,
    void (*print)(const struct config *c, struct buf *out))
{
	struct buf left = BUF_INIT(CONFIG_SNAPSHOT_MAX), right = BUF_INIT(CONFIG_SNAPSHOT_MAX);
	bool same;

	print(a, &left);
	print(b, &right);
	same = buf_ok(&left) && buf_ok(&right) && strcmp(buf_text(&left), buf_text(&right)) == 0;
	buf_done(&left);
	buf_done(&right);
	return same;
}
