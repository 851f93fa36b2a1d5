/*
 * operators_command - posternctl operators and viewers: who may manage a virtual server, or the service
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  add and remove are a change of the key by set, with its judgement, history and undo
 * Fails by: an exit status
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/table/table.h"

#define LIST_MAX (1U << 20)		/* bytes of one answer */
#define WORDS_MAX 4			/* name, verb, who; and one that is too many */

enum verb { VERB_LIST, VERB_ADD, VERB_REMOVE, VERBS };
static const char *const verbs[VERBS] = { "list", "add", "remove" };

struct operators_line {
	const char *server;		/* NULL: the service */
	enum verb verb;
	const char *who;		/* NULL: of list */
	bool dry_run, json;
};

static const char *
name_of_verb(const void *arg, size_t i)
{
	return i < VERBS ? verbs[i] : NULL;
}

static enum verb
find_verb(const char *word)
{
	size_t v = VERB_LIST;

	while (v < VERBS && strcmp(verbs[v], word) != 0)
		v++;
	return v;
}

/* A verb behind it makes the first word a name, whatever it looks like. "add add" is about an account. */
static bool
begins_with_name(const char *const *word, size_t count)
{
	return find_verb(word[0]) == VERBS ||
	    (count > 1 && find_verb(word[1]) != VERBS && (count > 2 || find_verb(word[0]) == VERB_LIST));
}

/* word: the name perhaps, the verb, and who. False: `why` says what is wrong. */
static bool
take_words(struct operators_line *l, const char *const *word, size_t count, struct buf *why)
{
	size_t at = count > 0 && begins_with_name(word, count) ? 1 : 0, most;

	l->server = at == 1 ? word[0] : NULL;
	l->verb = at < count ? find_verb(word[at]) : VERBS;
	most = at + (l->verb == VERB_LIST ? 1 : 2);
	if (at >= count)
		buf_puts(why, "say list, add or remove");
	else if (l->verb == VERBS)
		complaint_unknown(why, "verb", word[at], name_of_verb, NULL);
	else if (count > most)
		buf_printf(why, "%.60s is one word too many", word[most]);
	else if (count < most)
		buf_printf(why, "say who to %s: an account, @group, account:NAME or kerberos:NAME@REALM",
		    verbs[l->verb]);
	else if (l->verb != VERB_LIST)
		l->who = word[at + 1];
	if (l->who != NULL && (*l->who == '\0' || strchr(l->who, ',') != NULL))
		buf_puts(why, *l->who == '\0' ? "an empty word" : "only one at a time");
	return why->len == 0;
}

/* As `posternctl set NAME security.operators+=WHO` does. */
static int
change_key(const struct command_context *c, const struct command *row, const struct command *set,
    const struct operators_line *l)
{
	char *key = mem_printf("%s.%s%s=%s", l->server != NULL ? "security" : "service", row->name,
	    l->verb == VERB_ADD ? "+" : "-", l->who);
	const char *words[3];
	size_t n = 0;
	int status;

	if (l->server != NULL)
		words[n++] = l->server;
	words[n++] = key;
	if (l->dry_run)
		words[n++] = "--dry-run";
	status = change_command_run(c, set, words, n);
	free(key);
	return status;
}

/* --- list --- */

static void
add_row(json_t *rows, const char *who, size_t len, const char *server, json_t *origin)
{
	json_t *row = json_object();

	json_object_set_new(row, "who", json_stringn(who, len));
	json_object_set_new(row, "of", server != NULL ? json_string(server) : json_null());
	json_object_set(row, "origin", origin);
	json_array_append_new(rows, row);
}

static void
add_rows(json_t *rows, const char *server, const json_t *key)
{
	const char *at = json_string_value(json_object_get(key, "value"));

	while (at != NULL && *at != '\0') {
		size_t len;

		at += strspn(at, ", ");
		len = strcspn(at, ",");
		if (len > 0)
			add_row(rows, at, len, server, json_object_get(key, "origin"));
		at += len;
	}
}

/* Those of the virtual server, or of the service (NULL). What went wrong is in `text`. */
static int
ask(const struct command_context *c, const char *name, const char *server, json_t *rows, struct buf *text)
{
	char *place = mem_printf("%s.%s", server != NULL ? "security" : "service", name);
	const char *words[] = { "get", server != NULL ? server : "-", place };
	struct change_line l = { .command = words[0], .word = { words[1], words[2] }, .count = 2 };
	int status = change_command_send(c, &l, text, NULL);
	json_t *document = status == EX_OK ? answers_json(words, nitems_of(words), buf_text(text)) : NULL;

	add_rows(rows, server, json_array_get(json_object_get(document, "keys"), 0));
	json_decref(document);
	free(place);
	return status;
}

static void
show(const struct command *row, const struct operators_line *l, json_t *rows)
{
	json_t *document;

	if (l->json) {
		document = answers_new();
		json_object_set(document, row->name, rows);
		answers_print(document, stdout);
		json_decref(document);
	} else if (json_array_size(rows) == 0) {
		fprintf(stderr, "%s has no %s: see operators in posternctl(8)\n",
		    l->server != NULL ? l->server : "the service", row->name);
	} else {
		columns_print(answers_rows_find(row->name, NULL), rows, true);
	}
}

/* Who may do so on the whole service may on each virtual server. */
static int
list(const struct command_context *c, const struct command *row, const struct operators_line *l)
{
	struct buf text = BUF_INIT(LIST_MAX), more = BUF_INIT(LIST_MAX);
	json_t *rows = json_array();
	int status = ask(c, row->name, l->server, rows, &text);
	bool hidden = false;

	if (status == EX_OK && l->server != NULL)
		hidden = ask(c, row->name, NULL, rows, &more) != EX_OK;
	if (status == EX_OK)
		show(row, l, rows);
	else
		fputs(buf_text(&text), stderr);
	if (hidden)
		fprintf(stderr, "posternctl: those of the service are not shown to you\n");
	json_decref(rows);
	buf_done(&text);
	buf_done(&more);
	return status;
}

int
operators_command_run(const struct command_context *c, const struct command *row, const struct command *set,
    const char *const *words, size_t count)
{
	struct operators_line l = { 0 };
	const struct option_row options[] = { { .word = "--dry-run", .set = &l.dry_run },
	    { .word = "--json", .set = &l.json }, { .word = NULL } };
	const char *word[WORDS_MAX] = { NULL };
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	size_t n = 0;
	int status = options_take(row, words, count, options, word, WORDS_MAX);

	while (n < WORDS_MAX && word[n] != NULL)
		n++;
	if (status == EX_OK && !take_words(&l, word, n, &why))
		status = usage_misused(row, &why);
	buf_done(&why);
	if (status != EX_OK)
		return status;
	return l.verb == VERB_LIST ? list(c, row, &l) : change_key(c, row, set, &l);
}
