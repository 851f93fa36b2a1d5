/*
 * accounts_rights - whose file of accounts it is, and who may change it
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a file that several virtual servers use, or the manager, is for those alone who have the right on
 *           all of them: an operator of one department makes no account that counts elsewhere, also while
 *           the configuration of another virtual server cannot be read
 * Fails by: an answer that says so
 */
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

const char *
accounts_rights_path(const struct master *m, const struct server *s)
{
	if (s == NULL)
		return m->snapshot->config->service.manager.accounts;
	return s->conf != NULL ? s->conf->password_file : NULL;
}

/* By whatever name. */
static bool
is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (a == NULL || b == NULL)
		return false;
	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev);
}

static bool
refuse(struct control_command *cmd, const struct master *m, const char *other)
{
	char left_out[REFUSAL_EVENT_SIZE], who[CONTROL_ANSWER_WHO_SIZE];

	if (refusal_event_may_tell(cmd->peer->author, left_out)) {
		control_answer_who(who, cmd);
		log_event(LOG_WARN, NULL, "operator",
		    "server=- %s command=accounts result=refused%s reason=%s", who, left_out,
		    log_safe("others use the same file"));
	}
	if (control_rights_service(m, cmd->peer) >= CONTROL_LOOK)
		control_answer_say(cmd, EX_NOPERM, "%s uses the same file, and you are no operator of it",
		    other);
	else	/* which others there are is not for everybody */
		control_answer_say(cmd, EX_NOPERM, "others use the same file: its accounts are for operators "
		    "of the service");
	return false;
}

/* Which file that one names is not known, while the configuration of it has errors. */
static bool
refuse_unknown(struct control_command *cmd, const struct master *m, const char *other)
{
	control_answer_say(cmd, CONTROL_REFUSED,
	    "whether others use the same file cannot be judged now: %s has errors",
	    control_rights_service(m, cmd->peer) >= CONTROL_LOOK ? other : "another virtual server");
	return false;
}

bool
accounts_rights_check(struct control_command *cmd, const struct master *m, const char *path)
{
	const struct server *s;

	if (is_same_file(path, accounts_rights_path(m, NULL)) &&
	    control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE)
		return refuse(cmd, m, "the manager");
	TAILQ_FOREACH(s, &m->servers, link) {
		if (control_rights_server(s, cmd->peer) >= CONTROL_CONFIGURE)
			continue;
		if (s->conf == NULL)
			return refuse_unknown(cmd, m, s->name);
		if (is_same_file(path, s->conf->password_file))
			return refuse(cmd, m, s->name);
	}
	return true;
}

void
accounts_rights_put_others(const struct master *m, const struct server *of, struct buf *text)
{
	const char *path = accounts_rights_path(m, of);
	const struct server *s;

	if (of != NULL && is_same_file(path, accounts_rights_path(m, NULL)))
		buf_puts(text, "The manager uses the same file.\n");
	TAILQ_FOREACH(s, &m->servers, link)
		if (s != of && is_same_file(path, accounts_rights_path(m, s)))
			buf_printf(text, "The virtual server %s uses the same file.\n", s->name);
}
