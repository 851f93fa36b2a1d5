/*
 * nodes_merge - the documents of several nodes as one; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  no member of any document is lost, and each says of which node it is: no node speaks for another
 *           one, or says of itself what we say of it
 * Fails by: leaving out what is no document
 */
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"
#include "master/posternctl/nodes/nodes.h"

json_t *
nodes_merge_row(const char *node, const json_t *row)
{
	json_t *copy = json_object();

	json_object_set_new(copy, "node", json_null());	/* it comes first, whatever the row has */
	json_object_update(copy, mem_unconst(row));
	answers_value_put_bytes(copy, "node", node, strlen(node));
	return copy;
}

/* A list without elements has rows, too, or a reader would miss it. Remarks are texts; "nodes" is our own. */
static bool
has_rows(const char *name, const json_t *value)
{
	return json_is_array(value) && strcmp(name, "remarks") != 0 && strcmp(name, "nodes") != 0 &&
	    (json_array_size(value) == 0 || json_is_object(json_array_get(value, 0)));
}

static void
join(json_t *all, const char *name, const char *node, json_t *rows)
{
	json_t *list = json_object_get(all, name), *row;
	size_t i;

	if (list == NULL) {
		json_object_set_new(all, name, json_array());
		list = json_object_get(all, name);
	}
	json_array_foreach(rows, i, row)
		json_array_append_new(list, nodes_merge_row(node, row));
}

/* What we say of a node; a document that has a member of this name, says that of something else. */
static bool
is_ours(const char *name)
{
	return strcmp(name, "node") == 0 || strcmp(name, "status") == 0 || strcmp(name, "error") == 0;
}

static void
put_member(json_t *one, const char *name, json_t *value)
{
	char *other = mem_printf("answer_%s", name);

	json_object_set(one, is_ours(name) ? other : name, value);
	free(other);
}

/* What becomes of one node; its lists of objects go to `all`. */
static json_t *
merge_one(json_t *all, const struct node *n)
{
	json_t *one = json_object(), *value;
	const char *name;

	answers_value_put_bytes(one, "node", n->name, strlen(n->name));
	json_object_set_new(one, "status", json_integer(n->status));
	json_object_set_new(one, "error", json_null());
	if (n->error.len > 0)
		answers_value_put_bytes(one, "error", n->error.data, n->error.len);
	json_object_foreach(n->document, name, value)
		if (has_rows(name, value))
			join(all, name, n->name, value);
		else if (strcmp(name, "schema") != 0)
			put_member(one, name, value);
	return one;
}

json_t *
nodes_merge_critical(const char *why)
{
	static const char *const unknown[] = { "name", "state", "sessions", "queue" };
	json_t *document = json_object(), *part = json_object(), *parts = json_array();
	char *text = mem_printf("CRITICAL: %s", why);

	for (size_t i = 0; i < nitems_of(unknown); i++)
		json_object_set_new(part, unknown[i], json_null());
	json_object_set_new(part, "health", json_string("critical"));
	answers_value_put_bytes(part, "reason", why, strlen(why));
	json_array_append_new(parts, part);
	json_object_set_new(document, "health", json_string("critical"));
	answers_value_put_bytes(document, "text", text, strlen(text));
	json_object_set_new(document, "parts", parts);
	free(text);
	return document;
}

json_t *
nodes_merge(const struct node *nodes, size_t count)
{
	json_t *all = answers_new(), *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, merge_one(all, &nodes[i]));
	json_object_set_new(all, "nodes", list);
	return all;
}
