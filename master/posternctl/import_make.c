/*
 * import_make - an import into the configuration of a service: each virtual server by the command create
 *
 * Runs in:  posternctl
 * Owns:     the words of a command while it runs
 * Promise:  the same path as posternctl create: rights, judge, history. A virtual server that is there stays
 *           as it is
 * Fails by: an exit status, and words
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/change/change_words.h"
#include "common/config/config.h"
#include "common/config/server_numbers.h"
#include "common/config/wanted_state.h"
#include "master/posternctl/posternctl_private.h"

struct words {
	struct change_line line;
	char *owned[CONTROL_WORDS_MAX];
	size_t count, bytes;
	bool full;
};

/* Takes over `word`. */
static void
add_word(struct words *w, char *word)
{
	size_t len = strlen(word) + 1;

	w->full |= w->count + 4 > CONTROL_WORDS_MAX || len > CONTROL_WORD_SIZE ||
	    w->bytes + len + 200 > CONTROL_COMMAND_MAX;
	if (w->full) {
		free(word);
		return;
	}
	w->bytes += len;
	w->owned[w->count++] = word;
	w->line.word[w->line.count++] = word;
}

static void
free_words(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->owned[i]);
}

/* The number belongs to another virtual server, now or before; unknown when the files cannot be read. */
static bool
is_number_taken(const struct config *config, const char *text)
{
	struct server_numbers n;
	uint32_t id = (uint32_t)strtoul(text, NULL, 10);
	bool taken;

	if (config == NULL)
		return false;
	server_numbers_read(&n, config->service.state);
	taken = config_server_by_id(config, id) != NULL || server_numbers_owner(&n, id) != NULL;
	server_numbers_done(&n);
	return taken;
}

static void
add_keys(struct words *w, json_t *keys, const char *domain, const struct config *config, struct buf *out)
{
	const char *key, *text;
	json_t *value;

	json_object_foreach(keys, key, value) {
		text = json_string_value(value);
		if (domain != NULL)
			add_word(w, mem_printf("domain:%s.%s=%s", domain, key, text));
		else if (strcmp(key, "general.id") == 0 && is_number_taken(config, text))
			buf_printf(out, "%s: number %s is taken; it gets a free one\n", w->owned[0], text);
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
			add_keys(w, keys, name, NULL, NULL);
	}
}

/* It did not run on the old machine. */
static int
stop_server(const struct command_context *c, const struct config *config, const char *name, struct buf *text)
{
	const char *const words[] = { name };
	int status = command_send_for(c, "stop", words, 1, text);

	if (status == CONTROL_CLIENT_NO_SERVICE && config != NULL)
		status = wanted_state_write(config->service.state, name, false) == 0 ? EX_OK : EX_IOERR;
	return status < 0 ? EX_UNAVAILABLE : status;
}

int
import_make_server(const struct command_context *c, json_t *server, const struct config *config, bool dry,
    struct buf *text)
{
	const char *name = json_string_value(json_object_get(server, "name"));
	struct words w = { .line = { .command = "create", .word = { "-" }, .count = 1 } };
	int status;

	add_word(&w, mem_strdup(name));
	if (dry)
		add_word(&w, mem_strdup(CHANGE_WORDS_DRY_RUN));
	add_keys(&w, json_object_get(server, "keys"), NULL, config, text);
	add_domains(&w, json_object_get(server, "domains"));
	if (w.full) {
		buf_printf(text, "%s has too much for one command: write it with --into DIR, and copy its "
		    "file\n", name);
		status = EX_DATAERR;
	} else {
		status = change_command_send(c, &w.line, text, NULL);
	}
	if (status == EX_OK && !dry && json_is_true(json_object_get(server, "stopped")))
		status = stop_server(c, config, name, text);
	free_words(&w);
	return status;
}
