/*
 * import_make - an import into the configuration of a service: each virtual server by the command create
 *
 * Runs in:  posternctl
 * Owns:     nothing
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
#include "common/host/wanted_state.h"
#include "common/import/import_words.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/import/import.h"

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

/* The words of the command; a number that is taken is left out. */
static void
take_words(struct change_line *l, const json_t *words, const struct config *config, bool dry, struct buf *out)
{
	static const char id[] = "general.id=";
	const char *name = json_string_value(json_array_get(words, 2));

	l->word[l->count++] = name;
	if (dry)
		l->word[l->count++] = CHANGE_WORDS_DRY_RUN;
	for (size_t i = 3; i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));

		if (strncmp(word, id, strlen(id)) == 0 && is_number_taken(config, word + strlen(id)))
			buf_printf(out, "%s: number %s is taken; it gets a free one\n", name,
			    word + strlen(id));
		else
			l->word[l->count++] = word;
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
	struct change_line line = { .command = "create", .word = { "-" }, .count = 1 };
	json_t *words = import_words_make(server);
	int status;

	if (words == NULL) {
		buf_printf(text, "%s has too much for one command: write it with --into DIR, and copy its "
		    "file\n", name);
		return EX_DATAERR;
	}
	take_words(&line, words, config, dry, text);
	status = change_command_send(c, &line, text, NULL);
	if (status == EX_OK && !dry && json_is_true(json_object_get(server, "stopped")))
		status = stop_server(c, config, name, text);
	json_decref(words);
	return status;
}
