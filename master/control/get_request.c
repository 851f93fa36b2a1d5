/*
 * get_request - commands that show keys, domains and changes: get, keys, domain list, history
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  shows the configuration that the virtual server runs on
 * Fails by: an answer that says so; lines that begin with "!"
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/change/change_history.h"
#include "common/change/change_place.h"
#include "common/change/change_records.h"
#include "common/edit/config_get.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

static void
get_key(struct control_command *cmd, const struct config *c, const struct config_server *s, const char *word)
{
	struct change_place place;
	struct buf why = BUF_INIT(1000);

	if (change_place_parse(&place, word, strlen(word), s != NULL, false, &why) == -1) {
		control_answer_say(cmd, EX_USAGE, "!%s", buf_text(&why));
	} else {
		const struct config_place p = change_place_config(&place);

		if (!config_get_one(&cmd->text, c, s, &p))
			control_answer_say(cmd, CONTROL_NO_MATCH, "!there is no [%s %.200s]",
			    key_section_name(place.section), place.name);
		change_place_done(&place);
	}
	buf_done(&why);
}

void
get_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	const struct config *c = s != NULL && s->snapshot != NULL ? s->snapshot->config : m->snapshot->config;

	if (s != NULL && s->conf == NULL) {
		control_answer_say(cmd, EX_CONFIG, "!%s: %s", s->name,
		    s->reason != NULL ? s->reason : "its file has errors");
		return;
	}
	buf_done(&cmd->text);
	buf_init(&cmd->text, GET_REQUEST_MAX);
	for (size_t i = 2; i < w->count; i++)
		get_key(cmd, c, s != NULL ? s->conf : NULL, w->word[i]);
	if (w->count <= 2)
		config_get_all(&cmd->text, c, s != NULL ? s->conf : NULL);
}

void
get_request_domains(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	if (s == NULL)
		control_answer_say(cmd, EX_USAGE, "!say of which virtual server");
	else if (w->count < 3 || strcmp(w->word[2], "list") != 0)
		change_request_run(cmd, m, s, w);
	else if (s->conf == NULL)
		control_answer_say(cmd, EX_CONFIG, "!%s: %s", s->name,
		    s->reason != NULL ? s->reason : "its file has errors");
	else
		config_get_domains(&cmd->text, s->conf);
}

struct listing {
	struct control_command *cmd; const struct master *m; const struct server *only;
	size_t most;
};

static bool
put_record(void *arg, struct change_record *r)
{
	struct listing *l = arg;

	if (!change_prepare_is_shown(r, l->cmd, l->m, l->only))
		return true;
	change_history_put(&l->cmd->text, r);
	return --l->most > 0;
}

void
get_request_history(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct listing l = { cmd, m, only, CHANGE_HISTORY_MAX };
	const char *why = NULL;

	if (w->count > 2)
		l.most = (size_t)strtonum(w->word[2], 1, CHANGE_HISTORY_MAX, &why);
	if (why != NULL)
		control_answer_say(cmd, EX_USAGE, "!say how many changes: 1 to %u", CHANGE_HISTORY_MAX);
	else
		change_history_each(m->snapshot->config->service.state, only != NULL ? only->name : NULL,
		    put_record, &l);
}

void
get_request_keys(struct control_command *cmd, struct master *m, struct server *only)
{
	config_get_table(&cmd->text);
}
