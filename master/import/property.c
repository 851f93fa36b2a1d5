/*
 * property - a property of IIS in the table of them, by name or number; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  names are found in any letter case, as pages and files spell them differently
 * Fails by: NULL
 */
#include <strings.h>

#include "master/import/import.h"

const struct property *
property_find(const struct property_table *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcasecmp(t->row[i].name, name) == 0)
			return &t->row[i];
	return NULL;
}

const struct property *
property_number(const struct property_table *t, uint32_t id)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->row[i].id == id && id != 0)
			return &t->row[i];
	return NULL;
}

json_t *
property_print(const struct property_table *t)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < t->count; i++) {
		const struct property *p = &t->row[i];
		json_t *row = json_object();

		json_object_set_new(row, "property", json_string(p->name));
		json_object_set_new(row, "id", p->id != 0 ? json_integer(p->id) : json_null());
		json_object_set_new(row, "key", p->key != NULL ? json_string(p->key) : json_null());
		json_object_set_new(row, "why", p->why != NULL ? json_string(p->why) : json_null());
		json_array_append_new(rows, row);
	}
	return rows;
}
