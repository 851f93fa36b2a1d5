/*
 * wizard_change - a command that changes the configuration, put together answer by answer
 *
 * Runs in:  posternctl
 * Owns:     the words so far
 * Promise:  each answer is tried as the command that will be given at the end, so it is judged by the same
 *           code. Nothing is written before the last question, and then by one command
 * Fails by: an exit status; it has been said why
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/change/change_words.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/wizard/wizard.h"

void
wizard_change_begin(struct wizard *w, const struct command_context *c, const char *command,
    const char *server)
{
	*w = (struct wizard){ .c = c, .line = { .command = command } };
	wizard_change_add(w, "%s", server);
}

/* Those behind the first `count` go. */
static void
cut(struct wizard *w, size_t count)
{
	while (w->line.count > count)
		free(mem_unconst(w->line.word[--w->line.count]));
}

void
wizard_change_done(struct wizard *w)
{
	cut(w, 0);
	free(w->unsaid);
}

void
wizard_change_add(struct wizard *w, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;

	if (w->line.count + 3 >= CONTROL_WORDS_MAX)
		return;		/* the judge misses it */
	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) != -1)
		w->line.word[w->line.count++] = word;
	va_end(ap);
}

int
wizard_change_try(struct wizard *w, const char *extra, struct buf *text)
{
	struct change_line line = w->line;

	if (extra != NULL)
		line.word[line.count++] = extra;
	line.word[line.count++] = CHANGE_WORDS_DRY_RUN;
	return change_command_send(w->c, &line, text, &w->local);
}

bool
wizard_change_is_refused(int status)
{
	return status == EX_USAGE || status == EX_CONFIG || status == CONTROL_REFUSED ||
	    status == CONTROL_NO_MATCH;
}

static void
end(struct wizard *w, int status)
{
	w->status = status;
	if (status == CONTROL_REFUSED)
		fputs("nothing was changed\n", stderr);
}

char *
wizard_change_ask(struct wizard *w, const char *question, const char *standard, const char *extra,
    void (*add)(struct wizard *w, const char *answer))
{
	size_t before = w->line.count;

	for (;;) {
		struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
		char *answer = prompt_ask(question, standard);
		int status = EX_OK;

		if (answer == NULL) {
			end(w, CONTROL_REFUSED);
			return NULL;
		}
		add(w, answer);
		status = wizard_change_try(w, extra, &text);
		if (status != EX_OK) {
			cut(w, before);
			free(answer);
			answer = NULL;
			prompt_say(buf_text(&text));
		}
		buf_done(&text);
		if (status == EX_OK)
			return answer;
		if (!wizard_change_is_refused(status)) {
			w->status = status;
			return NULL;
		}
	}
}

char *
wizard_change_get(const struct wizard *w, const char *key)
{
	const struct change_line line = { .command = "get", .word = { "-", key }, .count = 2 };
	struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
	bool local;
	char *value = NULL;

	if (change_command_send(w->c, &line, &text, &local) == EX_OK) {
		const char *cell = strchr(buf_text(&text), '\t');

		if (cell != NULL && cell[1] != '-')
			value = mem_strndup(cell + 1, strcspn(cell + 1, "\t\n"));
	}
	buf_done(&text);
	return value;
}

/* --- the end --- */

/* As a shell takes it as one word. */
static void
put_word(struct buf *out, const char *word)
{
	bool plain = word[strspn(word, "abcdefghijklmnopqrstuvwxyz" "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_@%+=:,./-")] == '\0';

	buf_puts(out, plain ? " " : " '");
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_add(out, word, 1);
	buf_puts(out, plain ? "" : "'");
}

/* "posternctl create NAME ...", "posternctl domain add NAME ..." */
static void
put_command(struct buf *out, const struct wizard *w)
{
	bool named = strcmp(w->line.word[0], "-") != 0;
	size_t verb = named ? 1 : 0;	/* stands in front of the name */

	buf_puts(out, "posternctl");
	if (w->c->config_path != NULL) {
		buf_puts(out, " -c");
		put_word(out, w->c->config_path);
	}
	buf_printf(out, " %s", w->line.command);
	for (size_t i = 1; i < w->line.count; i++) {
		put_word(out, w->line.word[i]);
		if (i == verb)
			put_word(out, w->line.word[0]);
	}
}

static int
apply(struct wizard *w)
{
	struct buf text = BUF_INIT(WIZARD_ANSWER_MAX);
	int status = change_command_send(w->c, &w->line, &text, &w->local);

	fputs(buf_text(&text), status == EX_OK ? stdout : stderr);
	buf_done(&text);
	return status;
}

int
wizard_change_finish(struct wizard *w, const char *question)
{
	struct buf text = BUF_INIT(WIZARD_ANSWER_MAX), command = BUF_INIT(WIZARD_ANSWER_MAX);
	int status = wizard_change_try(w, NULL, &text), yes = 0;

	printf("\n%s", buf_text(&text));
	if (status == EX_OK) {
		put_command(&command, w);
		printf("\nThe same as one command:\n  %s\n\n", buf_text(&command));
		yes = prompt_confirm(question, true);
	}
	buf_done(&text);
	buf_done(&command);
	if (status != EX_OK)
		return status;
	if (yes == 1)
		return apply(w);
	end(w, CONTROL_REFUSED);
	return CONTROL_REFUSED;
}

int
wizard_change_refuse(const char *command, const char *instead)
{
	fprintf(stderr, "posternctl: %s asks on a terminal, and there is none; without questions: "
	    "posternctl %s\n", command, instead);
	return EX_USAGE;
}
