/*
 * change_words - the words of a command as a change
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  all words that are wrong are told at once, and then nothing is changed
 * Fails by: an exit status and words
 */
#include "common/change/change_words.h"

#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"

bool
change_words_is_dry_run(const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], CHANGE_WORDS_DRY_RUN) == 0)
			return true;
	return false;
}

static int
make_keys(struct change *c, int (*make)(struct change *, const char *), const char *const *words,
    size_t count)
{
	int first = EX_OK;
	size_t keys = 0;

	for (size_t i = 0; i < count; i++) {
		int status;

		if (strcmp(words[i], CHANGE_WORDS_DRY_RUN) == 0)
			continue;
		keys++;
		status = make(c, words[i]);
		first = first != EX_OK ? first : status;
	}
	if (keys == 0)
		buf_puts(&c->why, "say which keys\n");
	return keys == 0 ? EX_USAGE : first;
}

static const struct {
	const char *command;
	int (*make)(struct change *c, const char *word);
} rows[] = {
	{ "set", change_set }, { "unset", change_unset },
};

int
change_words_make(struct change *c, const char *command, const char *const *words, size_t count)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(rows[i].command, command) == 0)
			return make_keys(c, rows[i].make, words, count);
	buf_printf(&c->why, "%.60s is no command that changes keys\n", command);
	return EX_USAGE;
}
