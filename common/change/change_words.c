/*
 * change_words - the words of a command as a change
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  all words that are wrong are told at once, and then nothing is changed
 * Fails by: an exit status and words
 */
#include "common/change/change_words.h"

#include <stdint.h>
#include <stdlib.h>
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

/* "type=alias" as "domain:NAME.type=alias" */
static int
set_in_domain(struct change *c, const char *domain, const char *word)
{
	char *whole = mem_printf("domain:%s.%s", domain, word);
	int status = change_set(c, whole);

	free(whole);
	return status;
}

/* words: DOMAIN [KEY=VALUE ...], without options. `needs`: at least one key. */
static int
set_keys(struct change *c, const char *const *words, size_t count, bool needs)
{
	int first = EX_OK;

	for (size_t i = 1; i < count; i++) {
		int status = set_in_domain(c, words[0], words[i]);

		first = first != EX_OK ? first : status;
	}
	if (needs && count < 2)
		buf_puts(&c->why, "say which keys\n");
	return needs && count < 2 ? EX_USAGE : first;
}

static int
add_domain(struct change *c, const char *const *words, size_t count)
{
	int status = change_section_add(c, KEY_DOMAIN, words[0]);

	return status == EX_OK ? set_keys(c, words, count, false) : status;
}

static int
set_domain(struct change *c, const char *const *words, size_t count)
{
	return set_keys(c, words, count, true);
}

static int
remove_domain(struct change *c, const char *const *words, size_t count)
{
	return change_section_remove(c, KEY_DOMAIN, words[0]);
}

static int
rename_domain(struct change *c, const char *const *words, size_t count)
{
	return change_section_rename(c, KEY_DOMAIN, words[0], words[1]);
}

static const struct {
	const char *verb;
	size_t min, max;		/* words behind it */
	int (*make)(struct change *c, const char *const *words, size_t count);
} domain_rows[] = {
	{ "add", 1, SIZE_MAX, add_domain }, { "set", 1, SIZE_MAX, set_domain },
	{ "remove", 1, 1, remove_domain }, { "rename", 2, 2, rename_domain },
};

static int
make_domain(struct change *c, const char *const *words, size_t count)
{
	const char **rest = mem_zalloc((count + 1) * sizeof(*rest));
	size_t n = 0, at = 0;
	int status = EX_USAGE;

	for (size_t i = 1; i < count; i++)
		if (strcmp(words[i], CHANGE_WORDS_DRY_RUN) != 0)
			rest[n++] = words[i];
	while (at < nitems_of(domain_rows) && (count == 0 || strcmp(domain_rows[at].verb, words[0]) != 0))
		at++;
	if (at == nitems_of(domain_rows) || c->server == NULL)
		buf_puts(&c->why, "say domain add, set, remove or rename, and of which virtual server\n");
	else if (n < domain_rows[at].min || n > domain_rows[at].max)
		buf_printf(&c->why, "domain %s: too %s words\n", words[0],
		    n < domain_rows[at].min ? "few" : "many");
	else
		status = domain_rows[at].make(c, rest, n);
	free(rest);
	return status;
}

static const struct {
	const char *command;
	int (*make)(struct change *c, const char *word);
} rows[] = {
	{ "set", change_set }, { "unset", change_unset },
};

static int
make_words(struct change *c, const char *command, const char *const *words, size_t count)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(rows[i].command, command) == 0)
			return make_keys(c, rows[i].make, words, count);
	if (strcmp(command, "domain") == 0)
		return make_domain(c, words, count);
	buf_printf(&c->why, "%.60s is no command that changes keys\n", command);
	return EX_USAGE;
}

/* The default domain cannot go: mail for it would be sent elsewhere. The way back of a change may take it. */
int
change_words_make(struct change *c, const char *command, const char *const *words, size_t count)
{
	char *before = c->server != NULL ? change_default_domain(c) : NULL, *after;
	int status = make_words(c, command, words, count);

	if (status == EX_OK && before != NULL) {
		after = change_default_domain(c);
		if (after == NULL) {
			buf_printf(&c->why, "%.200s is the default domain: it can be renamed, or another "
			    "one made the default in the same change, but it cannot be removed\n", before);
			status = 1;
		}
		free(after);
	}
	free(before);
	return status;
}
