/*
 * outcome - what an import makes of its input: the keys of each virtual server, and a line for each property
 *
 * Runs in:  import
 * Owns:     the document until outcome_done
 * Promise:  each text is UTF-8 that may be shown
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/import/import.h"

#define TEXT_MAX 2000U		/* bytes of a text of the report */

const char *const outcome_names[OUTCOME_KINDS] = {
	[OUTCOME_CARRIED] = "carried", [OUTCOME_CHANGED] = "changed", [OUTCOME_NONE] = "none",
	[OUTCOME_ASK] = "asked",
};

void
outcome_init(struct outcome *o, const struct node_tree *t)
{
	*o = (struct outcome){ .root = json_object() };
	json_object_set(o->root, "remarks", t->remarks);
	json_object_set_new(o->root, "report", json_array());
	json_object_set_new(o->root, "servers", json_array());
}

void
outcome_done(struct outcome *o)
{
	json_decref(o->root);
}

void
outcome_refuse(struct outcome *o, const char *why)
{
	char *clean = import_text_clean(why, TEXT_MAX, NULL);

	json_object_set_new(o->root, "refused", json_string(clean));
	free(clean);
}

void
outcome_server(struct outcome *o, const char *name, uint32_t instance)
{
	o->server = json_object();
	json_object_set_new(o->server, "name", json_string(name));
	json_object_set_new(o->server, "instance", json_integer(instance));
	json_object_set_new(o->server, "stopped", json_false());
	json_object_set_new(o->server, "keys", json_object());
	json_object_set_new(o->server, "domains", json_object());
	json_object_set_new(o->server, "report", json_array());
	json_array_append_new(json_object_get(o->root, "servers"), o->server);
}

/* The object with the keys; NULL: there is none. */
static json_t *
keys_of(const struct outcome *o, const char *domain, bool make)
{
	json_t *domains, *keys;

	if (domain == NULL)
		return json_object_get(o->server, "keys");
	domains = json_object_get(o->server, "domains");
	keys = json_object_get(domains, domain);
	if (keys == NULL && make) {
		keys = json_object();
		json_object_set_new(domains, domain, keys);
	}
	return keys;
}

void
outcome_key(struct outcome *o, const char *domain, const char *key, const char *value)
{
	char *clean;

	if (o->server == NULL)
		return;
	if (value == NULL) {
		json_object_del(keys_of(o, domain, false), key);
		return;
	}
	clean = import_text_clean(value, IMPORT_VALUE_MAX, NULL);
	json_object_set_new(keys_of(o, domain, true), key, json_string(clean));
	free(clean);
}

const char *
outcome_value(const struct outcome *o, const char *domain, const char *key)
{
	return json_string_value(json_object_get(keys_of(o, domain, false), key));
}

void
outcome_stopped(struct outcome *o)
{
	json_object_set_new(o->server, "stopped", json_true());
}

static void
put_text(json_t *row, const char *name, const char *text)
{
	char *clean;

	if (text == NULL)
		return;
	clean = import_text_clean(text, TEXT_MAX, NULL);
	json_object_set_new(row, name, json_string(clean));
	free(clean);
}

void
outcome_add(struct outcome *o, const struct outcome_row *row)
{
	json_t *line = json_object();

	put_text(line, "outcome", outcome_names[row->kind]);
	json_object_set_new(line, "loud", json_boolean(row->loud));
	put_text(line, "domain", row->domain);
	put_text(line, "property", row->property);
	put_text(line, "from", row->from);
	put_text(line, "old", row->old);
	put_text(line, "key", row->key);
	put_text(line, "new", row->new);
	put_text(line, "why", row->why);
	if (row->command != NULL)
		json_object_set_new(line, "command", json_string(row->command));
	json_array_append_new(json_object_get(o->server != NULL ? o->server : o->root, "report"), line);
}
