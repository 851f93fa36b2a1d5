/*
 * import_words - a virtual server of an import as the words of the command create; pure
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  the words of one command, with room for a few more
 * Fails by: NULL
 */
#include "common/import/import_words.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/command/control_words.h"

#define MORE 4			/* words that a caller may add */
#define MORE_BYTES 200U

struct words { json_t *list; size_t bytes; bool full; };

/* Takes over `word`. */
static void
add_word(struct words *w, char *word)
{
	size_t len = strlen(word) + 1;

	w->bytes += len;
	w->full |= json_array_size(w->list) + MORE >= CONTROL_WORDS_MAX || len > CONTROL_WORD_SIZE ||
	    w->bytes + MORE_BYTES > CONTROL_COMMAND_MAX;
	if (!w->full)
		json_array_append_new(w->list, json_string(word));
	free(word);
}

static void
add_keys(struct words *w, json_t *keys, const char *domain)
{
	const char *key;
	json_t *value;

	json_object_foreach(keys, key, value) {
		const char *text = json_string_value(value);

		if (domain != NULL)
			add_word(w, mem_printf("domain:%s.%s=%s", domain, key, text));
		else
			add_word(w, mem_printf("%s=%s", key, text));
	}
}

/* The default domain is what create makes by itself. */
static void
add_domains(struct words *w, json_t *domains)
{
	const char *name;
	json_t *keys;

	json_object_foreach(domains, name, keys) {
		const char *type = json_string_value(json_object_get(keys, "type"));

		if (type != NULL && strcmp(type, "default") == 0)
			add_word(w, mem_printf("domain=%s", name));
		else
			add_keys(w, keys, name);
	}
}

json_t *
import_words_make(const json_t *server)
{
	struct words w = { .list = json_array() };

	add_word(&w, mem_strdup("create"));
	add_word(&w, mem_strdup("-"));
	add_word(&w, mem_strdup(json_string_value(json_object_get(server, "name"))));
	add_keys(&w, json_object_get(server, "keys"), NULL);
	add_domains(&w, json_object_get(server, "domains"));
	if (!w.full)
		return w.list;
	json_decref(w.list);
	return NULL;
}
