/*
 * child_events - what birth, messages and death of a child do to the parts above the processes
 *
 * Runs in:  master
 * Owns:     the table of messages, one row a type
 * Promise:  a message does what its row says and no more; a type without a row does nothing
 * Fails by: not at all
 */
#include <string.h>

#include "master/control/control.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* A worker gets files of its own virtual server only; a helper names the virtual server. */
static void
take_open(struct child *c, const struct ctl_message *m)
{
	struct ctl_file file;

	memcpy(&file, m->data, sizeof(file));
	file.server[sizeof(file.server) - 1] = '\0';
	file_handover_send(c, m->request, &file,
	    c->server != NULL ? c->server : server_list_find(c->m, file.server));
}

static void
take_left(struct child *c, const struct ctl_message *m)
{
	control_progress(c->m->control);
}

static void
on_child_changed(struct child *c)
{
	struct master *m = c->m;

	if (c->server != NULL)
		server_update(c->server);
	m->ops->changed(m);
}

static void
on_child_died(struct master *m, const struct reap_death *d)
{
	if (d->server != NULL) {
		server_child_died(d->server, d);
		return;
	}
	helper_update(m);
	metrics_post_update(m);
}

const struct child_ops child_events = {
	.row = {
		[CTL_READY] = { child_take_ready, true },
		[CTL_PAUSED] = { child_take_paused, true },
		[CTL_CONTINUED] = { child_take_paused, true },
		[CTL_IDLE] = { NULL, false },		/* the death that follows says more */
		[CTL_LEFT] = { take_left, false },	/* no state changes */
		[CTL_REASON] = { child_take_reason, false },
		[CTL_TROUBLE] = { child_take_trouble, false },
		[CTL_NEED] = { helper_take_need, false },
		[CTL_OPEN] = { take_open, false },
		[CTL_TOKEN_KEEP] = { refresh_store_token, false },
		[CTL_SESSIONS_PAGE] = { control_question_take, true },
		[CTL_QUEUE_PAGE] = { control_question_take, true },
		[CTL_TEST_TEXT] = { control_question_take, true },
		[CTL_TEST_END] = { control_question_take, true },
	},
	.changed = on_child_changed,
	.born = server_child_born,
	.gone = control_question_gone,
	.died = on_child_died,
	.not_started = server_not_started,
};
