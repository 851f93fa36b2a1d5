/*
 * child_events - what birth, messages and death of a child do to the parts above the processes
 *
 * Runs in:  master
 * Owns:     the table of messages, one row a type
 * Promise:  a message does what its row says and no more, and comes from a role of its row; any other one
 *           ends its sender
 * Fails by: not at all
 */
#include <string.h>

#include "master/control/control.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

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

	roster_go_on(m);
	if (c->server != NULL) {
		helper_update(m);	/* listeners wait for the workers of their virtual server */
		server_update(c->server);
	}
	m->ops->changed(m);
}

static void
on_child_died(struct master *m, const struct reap_death *d)
{
	roster_go_on(m);
	if (d->server != NULL) {
		if (d->lost)
			home_lost_stop(d->server, d->words);
		server_child_died(d->server, d);
		return;
	}
	helper_update(m);
	socket_post_update(&m->metrics);
	socket_post_update(&m->web);
}

static void
on_child_born(struct child *c)
{
	watch_request_greet(c);
	control_web_greet(c);
	server_child_born(c);
}

static void
on_child_gone(struct child *c)
{
	helper_child_gone(c);
	control_question_gone(c);
	control_web_gone(c);
}

/* A process of one task. */
static void
on_other_died(struct master *m, pid_t pid, int status)
{
	import_request_died(m, pid, status);
	upgrade_child_died(m, pid, status);
}

#define BIT(role) (1U << ROLE_##role)
#define ANY (~0U)
#define WORKERS (BIT(LISTENER) | BIT(PICKUP) | BIT(DELIVER) | BIT(MAINTENANCE))
/* What each of them may open: file_handover */
#define OPENS (BIT(LISTENER) | BIT(DELIVER) | BIT(AUTH) | BIT(FETCH) | BIT(DIRECTORY) | BIT(RESOLVER) | \
    BIT(WEB) | BIT(LIMITS))
/* Who may ask a helper: channel_rights */
#define ASKS (BIT(LISTENER) | BIT(PICKUP) | BIT(DELIVER) | BIT(AUTH))
#define TESTS (BIT(LISTENER) | BIT(DELIVER) | BIT(FETCH) | BIT(DIRECTORY) | BIT(RESOLVER) | BIT(AUTH))

const struct child_ops child_events = {
	.row = {
		[CTL_READY] = { child_take_ready, ANY, true },
		[CTL_PAUSED] = { child_take_paused, WORKERS, true },
		[CTL_CONTINUED] = { child_take_paused, WORKERS, true },
		[CTL_IDLE] = { NULL, ANY, false },	/* the death that follows says more */
		[CTL_LEFT] = { take_left, ANY, false },	/* no state changes */
		[CTL_REASON] = { child_take_reason, ANY, false },
		[CTL_TROUBLE] = { child_take_trouble, ANY, false },
		[CTL_NEED] = { helper_take_need, ASKS, false },
		[CTL_OPEN] = { take_open, OPENS, false },
		[CTL_TOKEN_KEEP] = { refresh_store_token, BIT(FETCH), false },
		[CTL_SESSIONS_PAGE] = { control_question_take, BIT(LISTENER), true },
		[CTL_QUEUE_PAGE] = { control_question_take, BIT(DELIVER) | BIT(MAINTENANCE), true },
		[CTL_TEST_TEXT] = { control_question_take, TESTS, true },
		[CTL_TEST_END] = { control_question_take, TESTS, true },
		[CTL_WEB_LOGIN] = { control_web_take, BIT(WEB), false },
		[CTL_WEB_PASSWORD] = { control_web_take, BIT(WEB), false },
		[CTL_WEB_TICKET] = { control_web_take, BIT(WEB), false },
		[CTL_WEB_ASK] = { control_web_take, BIT(WEB), false },
		[CTL_WEB_LOGOUT] = { control_web_take, BIT(WEB), true },
		[CTL_WEB_COMMAND] = { control_web_take, BIT(WEB), true },
	},
	.changed = on_child_changed,
	.born = on_child_born,
	.gone = on_child_gone,
	.died = on_child_died,
	.other_died = on_other_died,
	.not_started = server_not_started,
};
