/*
 * change_command - get, set, unset, domain, create, rename, delete, history and undo: asks the service, which
 * does the work on behalf of this user; without a service change_local does the same on the files
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what was refused stands on the standard error output, what was done on the standard output
 * Fails by: an exit status
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/change/change_words.h"
#include "master/posternctl/change/change.h"

#define ANSWER_MAX (16U << 20)

/* --- words --- */

/* Virtual servers have no dots in their names, keys have. */
static bool
is_server_name(const char *word)
{
	return word[0] != '-' && strpbrk(word, ".=") == NULL;
}

static bool
add_word(struct change_line *l, const char *word, struct buf *why)
{
	size_t len = strlen(word);

	for (size_t at = 0, n; at < len; at += n)
		if ((n = utf8_take_printable((const unsigned char *)word + at, len - at)) == 0) {
			buf_printf(why, "%.40s... has a control character, or is no UTF-8: a value is one "
			    "line of text", word);
			return false;
		}
	if (len == 0 || len >= CONTROL_WORD_SIZE || l->count >= CONTROL_WORDS_MAX - 1) {
		buf_puts(why, len == 0 ? "an empty word" : "too much for one command");
		return false;
	}
	l->word[l->count++] = word;
	return true;
}

#define OPTIONS_MOST 4

static const char *
option_of(const void *arg, size_t i)
{
	return ((const char *const *)arg)[i];
}

static bool
is_known(const char *const *known, const char *word)
{
	size_t i = 0;

	while (known[i] != NULL && strcmp(known[i], word) != 0)
		i++;
	return known[i] != NULL;
}

/* The options that the command takes, NULL at the end; l->word gets the rest. */
static bool
take_options(struct change_line *l, const char *const *words, size_t count, const char *const *known,
    struct buf *why)
{
	for (size_t i = 0; i < count; i++) {
		const char *word = words[i];

		if (word[0] != '-') {
			if (!add_word(l, word, why))
				return false;
		} else if (!is_known(known, word)) {
			complaint_unknown(why, "option", word, option_of, known);
			return false;
		} else if (strcmp(word, "--json") == 0) {
			l->json = true;
		} else if (strcmp(word, "--from") == 0) {
			free(l->from);
			l->from = i + 1 < count ? mem_printf("from=%s", words[++i]) : NULL;
			if (l->from == NULL)
				complaint_value(why, "--from", NULL, "the name of a virtual server");
			if (l->from == NULL || !add_word(l, l->from, why))
				return false;
		} else if (!add_word(l, CHANGE_WORDS_DRY_RUN, why)) {
			return false;
		}
	}
	return true;
}

/* Which those are. */
static void
list_options(const char *known[OPTIONS_MOST], const struct command *row)
{
	static const char *const options[] = { "--json", "--dry-run", "--from" };
	size_t n = 0;

	for (size_t i = 0; i < nitems_of(options); i++)
		if (strstr(row->arguments, options[i]) != NULL)
			known[n++] = options[i];
	known[n] = NULL;
}

/* The first word, when it is a name, goes to the front. */
static void
take_name(struct change_line *l)
{
	size_t at = 1;

	while (at < l->count && strcmp(l->word[at], CHANGE_WORDS_DRY_RUN) == 0)
		at++;
	if (at == l->count || !is_server_name(l->word[at]) || strspn(l->word[at], "0123456789") ==
	    strlen(l->word[at]))
		return;
	l->word[0] = l->word[at];
	for (l->count--; at < l->count; at++)
		l->word[at] = l->word[at + 1];
}

/* The first word is a name, whatever it looks like. */
static void
take_first(struct change_line *l)
{
	size_t at = 1;

	while (at < l->count && strcmp(l->word[at], CHANGE_WORDS_DRY_RUN) == 0)
		at++;
	if (at == l->count)
		return;
	l->word[0] = l->word[at];
	for (l->count--; at < l->count; at++)
		l->word[at] = l->word[at + 1];
}

static bool
take_words(struct change_line *l, const struct command *row, const char *const *words, size_t count,
    struct buf *why)
{
	bool domain = strcmp(row->name, "domain") == 0, create = strcmp(row->name, "create") == 0;
	const char *known[OPTIONS_MOST];

	*l = (struct change_line){ .command = row->asks, .word = { "-" }, .count = 1 };
	list_options(known, row);
	if (!take_options(l, words, count, known, why))
		return false;
	if (domain) {		/* "add NAME DOMAIN": the service has the name in front */
		if (l->count < 3) {
			buf_puts(why, "say which virtual server");
			return false;
		}
		l->word[0] = l->word[2];
		memmove(&l->word[2], &l->word[3], (--l->count - 2) * sizeof(l->word[0]));
	} else if (strcmp(row->name, "rename") == 0 || strcmp(row->name, "delete") == 0) {
		take_first(l);
	} else if (!create) {
		take_name(l);
	}
	return true;
}

/* --- asking --- */

static bool
is_look(const struct change_line *l)
{
	return strcmp(l->command, "get") == 0 || strcmp(l->command, "history") == 0 ||
	    (l->count > 1 && strcmp(l->command, "domain") == 0 && strcmp(l->word[1], "list") == 0);
}

static void
show(const struct change_line *l, int status, const char *text)
{
	const char *all[CONTROL_WORDS_MAX] = { l->command };

	memcpy(all + 1, l->word, l->count * sizeof(l->word[0]));
	if (is_look(l) && status != EX_NOPERM)
		read_command_show(all, l->count + 1, text, l->json);
	else
		fputs(text, status == EX_OK ? stdout : stderr);
}

int
change_command_send(const struct command_context *c, const struct change_line *l, struct buf *text,
    bool *local)
{
	int status = command_send_for(c, l->command, l->word, l->count, text);
	bool without = status == CONTROL_CLIENT_NO_SERVICE;

	if (local != NULL)
		*local = without;
	/* with -s alone it is not known whose files these would be */
	if (without && (c->socket_path == NULL || c->config_path != NULL))
		status = change_local_run(command_send_config(c), l, text);
	return status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT ?
	    command_send_no_answer(status) : status;
}

int
change_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct change_line l;
	struct buf text = BUF_INIT(ANSWER_MAX), why = BUF_INIT(COMPLAINT_MAX);
	int status;

	if (!take_words(&l, row, words, count, &why)) {
		status = usage_misused(row, &why);
	} else {
		status = change_command_send(c, &l, &text, NULL);
		if (text.len > 0 || status == EX_OK)
			show(&l, status, buf_text(&text));
	}
	free(l.from);
	buf_done(&text);
	buf_done(&why);
	return status;
}
