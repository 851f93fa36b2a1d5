/*
 * adopted_request - posternctl adopt says what came from the home of another node: events, and a look for the
 * messages at once
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  who says so may configure the service, as adopt wants it; each value is judged or escaped before
 *           it is in the log. The delivery process looks for messages after each part
 * Fails by: an answer that says so
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/server_name.h"
#include "common/mail/message_id.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* The value of a word KEY=VALUE; NULL: there is none. */
static const char *
value_of(const struct control_words *w, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 3; i < w->count; i++)
		if (strncmp(w->word[i], key, len) == 0 && w->word[i][len] == '=')
			return w->word[i] + len + 1;
	return NULL;
}

/* Ids stand behind the words with a value. */
static void
tell_messages(const struct control_words *w, const char *server, const char *from, const char *host)
{
	for (size_t i = 3; i < w->count; i++)
		if (message_id_is_valid(w->word[i]))
			log_event(LOG_FACT, w->word[i], "adopted", "server=%s from=%s host=%s", server,
			    log_safe(from), log_safe(host));
}

static void
tell_home(const struct control_command *cmd, const struct control_words *w, const char *server)
{
	static const char *const keys[] = { "from", "host", "action", "result", "queue", "held", "pickup",
		"drop", "badmail", "known" };
	struct buf text = BUF_INIT(8192);
	char who[CONTROL_ANSWER_WHO_SIZE];
	const char *value;

	control_answer_who(who, cmd);
	for (size_t i = 0; i < nitems_of(keys); i++)
		if ((value = value_of(w, keys[i])) != NULL)
			buf_printf(&text, " %s=%s", keys[i], log_safe(value));
	log_event(LOG_FACT, NULL, "operator", "server=%s %s command=adopt%s", server, who, buf_text(&text));
	buf_done(&text);
}

/* Without a process that has the queue its length is not known any more. */
static void
look(struct server *s)
{
	struct child *c;

	s->queue_counted = false;
	TAILQ_FOREACH(c, &s->children, of_server)
		if ((c->role == ROLE_DELIVER || c->role == ROLE_MAINTENANCE) && c->phase <= CHILD_READY &&
		    c->ctl != NULL) {
			child_tell(c, CTL_LOOK);
			s->queue_counted = true;
		}
}

void
adopted_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	const char *server = value_of(w, "server"), *from = value_of(w, "from"), *host = value_of(w, "host");
	struct server *to;

	if (w->count < 6 || server == NULL || !server_name_is_good(server) || from == NULL ||
	    host == NULL) {
		control_answer_say(cmd, EX_USAGE, "adopted wants a virtual server, a folder and a host");
		return;
	}
	if (strcmp(w->word[2], "messages") == 0)
		tell_messages(w, server, from, host);
	else
		tell_home(cmd, w, server);
	if ((to = server_list_find(m, server)) != NULL)
		look(to);
}
