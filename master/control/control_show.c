/*
 * control_show - commands that show something: status, counters
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  shows only virtual servers that the operator may control
 * Fails by: not at all
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/counters_text.h"
#include "common/spool/commit_way.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* " listener=101,102": the children of one role (ROLE_COUNT: of all), those that serve or those that end. */
static void
put_pids(struct buf *b, const struct server *s, const char *label, enum role role, bool leaving)
{
	const struct child *c;
	bool any = false;

	TAILQ_FOREACH(c, &s->children, of_server) {
		bool goes = c->phase == CHILD_DRAINING || c->phase == CHILD_STOPPING;

		if ((role != ROLE_COUNT && c->role != role) || goes != leaving)
			continue;
		buf_printf(b, "%s%s%d", any ? "," : " ", any ? "" : label, (int)c->pid);
		any = true;
	}
}

/* How mail is committed, and the file system that says so. Asked once for each configuration. */
static void
put_commit(struct buf *b, struct server *s)
{
	if (s->conf == NULL || s->state == STATE_STOPPED)
		return;
	if (s->commit == NULL)
		s->commit = mem_new(struct commit_way);
	if (s->commit_of != s->conf)
		commit_way_find(s->commit, s->conf->queue);
	s->commit_of = s->conf;
	buf_printf(b, " commit=%s disk=%s", s->commit->batch ? "batch" : "file", log_safe(s->commit->disk));
}

static void
put_status(struct buf *b, struct server *s, const struct control_peer *peer)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	buf_printf(b, "%s %s number=%d id=%u description=%s listen=", s->name, state_name(s->state),
	    (int)s->state, server_id(s), log_safe(s->conf != NULL ? s->conf->description : ""));
	for (size_t i = 0; s->conf != NULL && i < s->conf->nlisten; i++)
		buf_printf(b, "%s%s", i > 0 ? "," : "", s->conf->listen[i].text);
	buf_printf(b, " sessions=%lld queue=", (long long)counters_get(s->counters, COUNTER_INBOUND_CURRENT));
	health_put_queue(b, s);
	put_pids(b, s, "listener=", ROLE_LISTENER, false);
	put_pids(b, s, "pickup=", ROLE_PICKUP, false);
	put_pids(b, s, "deliver=", ROLE_DELIVER, false);
	put_pids(b, s, "maintenance=", ROLE_MAINTENANCE, false);
	put_pids(b, s, "leaving=", ROLE_COUNT, true);
	buf_printf(b, " right=%s", control_rights_name(control_rights_server(s, peer)));
	put_commit(b, s);
	health_put_troubles(&why, s);
	if (s->conf != NULL && s->state != STATE_STOPPED)
		file_handover_blame(s->conf, &why);
	if (why.len > 0)
		buf_printf(b, " reason=%s", log_safe(buf_text(&why)));
	buf_done(&why);
	buf_puts(b, "\n");
}

void
control_show_status(struct control_command *cmd, struct master *m, struct server *only)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (control_answer_covers(cmd, s, only))
			put_status(&cmd->text, s, cmd->peer);
	if (only != NULL || control_rights_service(m, cmd->peer) < cmd->right)
		return;
	buf_printf(&cmd->text, "(service) %s pid=%d right=%s",
	    m->stopping ? "stopping" : m->ready ? "started" : "starting", (int)getpid(),
	    control_rights_name(control_rights_service(m, cmd->peer)));
	for (size_t i = 0; i < CTL_HELPER_COUNT; i++)
		if (m->helper[i].child != NULL)
			buf_printf(&cmd->text, " %s=%d", roster_roles[m->helper[i].role].name,
			    (int)m->helper[i].child->pid);
	if (m->metrics.post.child != NULL)
		buf_printf(&cmd->text, " metrics=%d", (int)m->metrics.post.child->pid);
	if (m->web.post.child != NULL)
		buf_printf(&cmd->text, " web=%d", (int)m->web.post.child->pid);
	health_put_service(&why, m);
	file_handover_blame_service(&m->snapshot->config->service, &why);
	if (why.len > 0)
		buf_printf(&cmd->text, " reason=%s", log_safe(buf_text(&why)));
	buf_done(&why);
	buf_puts(&cmd->text, "\n");
}

static void
put_each(struct buf *b, const struct server *s)
{
	buf_printf(b, "@%s\n", s->name);
	for (enum counter i = 0; i < COUNTER_COUNT; i++)
		buf_printf(b, "%s %lld\n", counters_rows[i].name, (long long)counters_get(s->counters, i));
}

/*
 * The counters of one virtual server, or its samples of the last hour or day; without a name the sums of
 * all, which have no state.
 */
void
control_show_counters(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	const struct server *s;

	if (ring_request_span(w) < COUNTERS_RING_SPANS) {
		ring_request_run(cmd, only, w);
		return;
	}
	if (w->count > 3 || (w->count == 3 && strcmp(w->word[2], "each") != 0)) {
		control_answer_say(cmd, EX_USAGE,
		    "the service does not understand this question for counters");
		return;
	}
	for (enum counter i = 0; i < COUNTER_COUNT; i++) {
		int64_t sum = 0;

		if (only == NULL && i == COUNTER_STATE)
			continue;
		TAILQ_FOREACH(s, &m->servers, link)
			if (control_answer_covers(cmd, s, only))
				sum += counters_get(s->counters, i);
		buf_printf(&cmd->text, "%s %lld\n", counters_rows[i].name, (long long)sum);
	}
	TAILQ_FOREACH(s, &m->servers, link)
		if (w->count == 3 && control_answer_covers(cmd, s, only))
			put_each(&cmd->text, s);
}

void
control_show_prometheus(struct control_command *cmd, struct master *m, struct server *only)
{
	struct counters_text_server *list = NULL;
	const struct server *s;
	size_t n = 0;

	health_gauge_set(m, 0);
	TAILQ_FOREACH(s, &m->servers, link)
		if (control_answer_covers(cmd, s, only)) {
			list = mem_grow(list, n, sizeof(*list));
			list[n++] = (struct counters_text_server){ s->name, s->counters };
		}
	counters_text_prometheus(&cmd->text, list, n);
	free(list);
}
