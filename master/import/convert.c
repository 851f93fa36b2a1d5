/*
 * convert - what the handlers of properties share: which value counts, and what becomes of it; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  a value that is absent at a virtual server is that of the service, then the one that IIS has
 *           without any
 * Fails by: lines of the report
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "master/import/import.h"

bool
convert_number(const char *text, uint64_t *n)
{
	char *end;
	int64_t value;

	while (isspace((unsigned char)*text))
		text++;
	if (strcasecmp(text, "TRUE") == 0 || strcasecmp(text, "FALSE") == 0) {
		*n = tolower((unsigned char)*text) == 't';
		return true;
	}
	if (!isdigit((unsigned char)text[*text == '-']))
		return false;
	errno = 0;
	value = strtoll(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	while (isspace((unsigned char)*end))
		end++;
	if (errno != 0 || *end != '\0' || value < INT32_MIN || value > UINT32_MAX)
		return false;
	*n = value < 0 ? (uint64_t)(uint32_t)(int32_t)value : (uint64_t)value;
	return true;
}

/* --- which value counts --- */

const char *
convert_value(struct convert *c, const struct property *p)
{
	const char *text;

	if (c->domain != NULL) {
		c->from = "domain";
		return node_tree_text(c->domain, p);
	}
	if (p->on & ON_ROUTING) {
		c->from = "routing";
		text = node_tree_text(c->routing, p);
		return text != NULL ? text : p->installed;
	}
	c->from = "server";
	if ((text = node_tree_text(c->server, p)) != NULL)
		return text;
	c->from = "service";
	if ((text = node_tree_text(c->service, p)) != NULL)
		return text;
	c->from = "default";
	return c->service != NULL && p->schema != NULL ? p->schema : p->installed;
}

const char *
convert_other(const struct convert *c, const char *property)
{
	const struct property *p = property_find(c->tree->table, property);
	struct convert copy = *c;

	return p != NULL ? convert_value(&copy, p) : NULL;
}

/* --- what handlers say --- */

const char *
convert_shown(const char *property, const char *text)
{
	return text != NULL && *text != '\0' && strcasestr(property, "passw") != NULL ? "(not shown)" : text;
}

void
convert_row(struct convert *c, enum outcome_kind kind, bool loud, const struct property *p, const char *old,
    const char *key, const char *value, const char *why, const char *command)
{
	const struct outcome_row row = { .kind = kind, .loud = loud, .property = p != NULL ? p->name : NULL,
	    .domain = c->domain != NULL ? c->domain->domain : NULL, .from = p != NULL ? c->from : NULL,
	    .old = p != NULL ? convert_shown(p->name, old) : old, .key = key, .new = value, .why = why,
	    .command = command };

	outcome_add(c->out, &row);
}

static void
put(struct convert *c, enum outcome_kind kind, bool loud, const struct property *p, const char *old,
    const char *value, const char *why)
{
	if (value != NULL && c->domain != NULL)
		outcome_key(c->out, c->domain->domain, p->key + strlen("domain."), value);
	else if (value != NULL)
		outcome_key(c->out, NULL, p->key, value);
	convert_row(c, kind, loud, p, old, p->key, value, why, NULL);
}

void
convert_carried(struct convert *c, const struct property *p, const char *old, const char *value)
{
	put(c, OUTCOME_CARRIED, false, p, old, value, NULL);
}

void
convert_with(struct convert *c, const struct property *p, const char *old)
{
	put(c, OUTCOME_CARRIED, false, p, old, NULL, p->why);
}

void
convert_changed(struct convert *c, const struct property *p, const char *old, const char *value,
    const char *why)
{
	put(c, OUTCOME_CHANGED, false, p, old, value, why);
}

void
convert_loud(struct convert *c, const struct property *p, const char *old, const char *value,
    const char *why)
{
	put(c, OUTCOME_CHANGED, true, p, old, value, why);
}

void
convert_none(struct convert *c, const struct property *p, const char *old, const char *why)
{
	convert_row(c, OUTCOME_NONE, false, p, old, NULL, NULL, why, NULL);
}

void
convert_ask(struct convert *c, const struct property *p, const char *old, bool needed, const char *command,
    const char *why)
{
	c->shut |= needed;
	convert_row(c, OUTCOME_ASK, needed, p, old, p->key, NULL, why, command);
}

char *
convert_command(const struct convert *c, const char *before, const char *const *words, size_t count)
{
	struct buf out = BUF_INIT(4 * IMPORT_VALUE_MAX);

	if (before != NULL)
		buf_printf(&out, "%s && ", before);
	buf_puts(&out, c->program);
	for (size_t i = 0; i < count; i++) {
		buf_puts(&out, " ");
		import_text_quote(&out, words[i]);
	}
	return out.data;
}
