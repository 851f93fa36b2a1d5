/*
 * explain_request - what would happen to a message, by the configuration that runs; for the manager
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  asks no other process and no DNS. A row a step: what TAB value TAB key TAB origin
 * Fails by: 1 it would be refused; else an answer that says what is wrong with the question
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/edit/config_get.h"
#include "common/rules/explain.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

static void
put_step(void *arg, const char *what, const char *origin, const char *key, const char *value)
{
	const char *const cells[] = { what, value, key, origin };
	struct control_command *cmd = arg;

	for (size_t i = 0; i < nitems_of(cells); i++) {
		config_get_cell(&cmd->text, cells[i]);
		buf_puts(&cmd->text, i + 1 < nitems_of(cells) ? "\t" : "\n");
	}
}

/* "from=192.0.2.1". False: no word of this command. */
static bool
take_word(struct explain *x, const char *word)
{
	const struct { const char *name; const char **value; } words[] = {
		{ "from=", &x->from }, { "rcpt=", &x->rcpt }, { "auth=", &x->user },
		{ "sender=", &x->sender }, { "size=", &x->size },
	};

	for (size_t i = 0; i < nitems_of(words); i++)
		if (strncmp(word, words[i].name, strlen(words[i].name)) == 0) {
			*words[i].value = word + strlen(words[i].name);
			return true;
		}
	return false;
}

static bool
take_words(struct explain *x, const struct control_words *w)
{
	for (size_t i = 2; i < w->count; i++)
		if (!take_word(x, w->word[i]))
			return false;
	return x->from != NULL && x->rcpt != NULL;
}

void
explain_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	struct explain x = { .say = put_step, .arg = cmd };
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	x.server = s != NULL ? s->conf : NULL;
	if (s == NULL || !take_words(&x, w))
		control_answer_say(cmd, EX_USAGE, "say of which virtual server, from= and rcpt=");
	else if (s->conf == NULL)
		control_answer_say(cmd, EX_CONFIG, "the file of %s has errors", s->name);
	else if (explain_judge(&x, &why) == -1)
		control_answer_say(cmd, EX_USAGE, "%s", buf_text(&why));
	else
		cmd->status = explain_answer(&x) ? EX_OK : 1;
	buf_done(&why);
}
