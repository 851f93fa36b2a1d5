/*
 * listener - the process that takes mail by SMTP for one virtual server: set-up, the master's orders, the end
 *
 * Runs in:  listener
 * Owns:     struct listener and everything in it
 * Promise:  pause and drain end no session; stop lets messages under way finish within the grace time
 * Fails by: die() while it is set up; afterwards never
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_client.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/spool.h"
#include "common/w3clog/w3clog.h"
#include "listener/accept/accept.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

#define POOL_THREADS 5	/* two write content, two sync: see common/spool/enqueue; one the protocol log */

static void
set_up_spool(struct listener *l)
{
	const struct config_server *s = l->server;
	struct spool_paths paths = { .pickup = s->pickup, .queue = s->queue,
	    .drop = config_domain_drop_folder(s), .badmail = s->badmail };
	const char *where = "";

	l->spool = spool_open(&paths, &where);
	if (l->spool == NULL)
		die(EX_CANTCREAT, "cannot open %s: %s", where, strerror(errno));
	l->pool = pool_new(l->boot->loop, POOL_THREADS);
	l->enqueue = enqueue_new(l->boot->loop, l->pool, l->spool, BOOT_HINT);
	enqueue_count(l->enqueue, l->boot->counters);
	l->log = w3clog_new(l->boot->loop, l->pool, l->boot->config, s, l->boot->counters);
}

static void
cut_all(void *arg)
{
	struct listener *l = arg;

	inbound_cut_all(l);
	/* Messages not yet on disk were not promised to anyone: their clients come again. */
	if (!l->ended) {
		l->ended = true;
		boot_end(l->boot);
	}
}

static void
listener_run(struct boot *b)
{
	struct listener *l = mem_new(struct listener);

	b->state = l;
	l->boot = b;
	l->server = b->server;
	l->env = mem_new(struct conn_env);
	l->env->loop = b->loop;
	l->env->counters = b->counters;
	TAILQ_INIT(&l->sessions);
	set_up_spool(l);
	l->quota = drop_quota_new(l);
	l->limit = client_limit_new(l->server->connection_limit_per_client, counters_crowd(b->counters),
	    b->slot);
	l->wants_names = policy_wants_names(l->server);
	l->rdns = l->wants_names ? rdns_new(b) : NULL;
	l->seek = recipient_check_new(b);
	l->pending = pending_new(l);
	l->grace = loop_timer_new(b->loop, cut_all, l);
	l->secure = tls_files_new(l);
	if (l->secure == NULL)
		listener_serve(l);
}

void
listener_serve(struct listener *l)
{
	if (l->mood > LISTENER_PAUSED)
		return;
	l->gate = gatekeeper_open(l);
	if (l->mood == LISTENER_PAUSED)
		gatekeeper_leave(l->gate);
	boot_ready(l->boot);
}

void
listener_check_idle(struct listener *l)
{
	if (l->mood < LISTENER_DRAINING || l->ended || !TAILQ_EMPTY(&l->sessions) ||
	    !pending_is_empty(l->pending))
		return;
	l->ended = true;
	boot_tell(l->boot, CTL_IDLE);
	boot_end(l->boot);
}

/* Each order once; a process that drains or stops does not open again. */
static void
stop(struct listener *l, const struct ctl_message *m)
{
	uint32_t grace = 0;

	if (l->mood == LISTENER_STOPPING)
		return;
	if (m->len == sizeof(grace))
		memcpy(&grace, m->data, sizeof(grace));
	l->mood = LISTENER_STOPPING;
	gatekeeper_close(l->gate);
	pending_stop(l->pending);
	loop_timer_set(l->grace, grace);
	inbound_stop_all(l);
	listener_check_idle(l);
}

/* To a helper that was asked for. */
static void
take_channel(struct listener *l, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (m->fd == -1)
		return;
	memcpy(&channel, m->data, sizeof(channel));
	if (channel.helper == CTL_HELPER_RESOLVER && l->rdns != NULL)
		rdns_channel(l->rdns, m->fd);
	else if (channel.helper == CTL_HELPER_AUTH && l->auth_in_client != NULL)
		ctl_client_channel(l->auth_in_client, m->fd);
	else if (channel.helper == CTL_HELPER_DIRECTORY && l->seek != NULL)
		recipient_check_channel(l->seek, m->fd);
	else if (channel.helper == CTL_HELPER_DELIVER && l->claim != NULL)
		ctl_client_channel(l->claim, m->fd);
	else
		close(m->fd);
}

static void
listener_control(struct boot *b, const struct ctl_message *m)
{
	struct listener *l = b->state;

	switch (m->type) {
	case CTL_PAUSE:
		if (l->mood == LISTENER_OPEN) {
			l->mood = LISTENER_PAUSED;
			gatekeeper_shut(l->gate);
		}
		boot_tell(b, CTL_PAUSED);
		break;
	case CTL_CONTINUE:
		if (l->mood == LISTENER_PAUSED) {
			l->mood = LISTENER_OPEN;
			gatekeeper_reopen(l->gate);
		}
		boot_tell(b, CTL_CONTINUED);
		break;
	case CTL_DRAIN:
		if (l->mood < LISTENER_DRAINING) {
			l->mood = LISTENER_DRAINING;
			gatekeeper_leave(l->gate);
			listener_check_idle(l);
		}
		break;
	case CTL_STOP:
		stop(l, m);
		break;
	case CTL_LOGS:
		w3clog_reopen(l->log);
		break;
	case CTL_TICKETS:
		tls_files_take_tickets(l->secure, m);
		break;
	case CTL_FILE:
		tls_files_take_file(l->secure, m);
		break;
	case CTL_RENEWED:
		tls_files_renew(l->secure);
		break;
	case CTL_CHANNEL:
		take_channel(l, m);
		break;
	case CTL_SESSIONS:
		session_list_answer(l, m);
		break;
	default:
		break;
	}
}

static void
listener_finish(struct boot *b)
{
	struct listener *l = b->state;

	pending_free(l->pending);
	gatekeeper_free(l->gate);
	inbound_free_all(l);
	ctl_client_free(l->auth_in_client);
	ctl_client_free(l->claim);
	tls_files_free(l->secure);
	rdns_free(l->rdns);
	recipient_check_free(l->seek);
	w3clog_end(l->log);
	pool_free(l->pool);
	w3clog_free(l->log);
	enqueue_free(l->enqueue);
	drop_quota_free(l->quota);
	spool_close(l->spool);
	client_limit_free(l->limit);
	loop_timer_free(l->grace);
	free(l->env);
	free(l);
	b->state = NULL;
}

const struct boot_role listener_role = {
	.name = "listener",
	.title = "takes mail by SMTP",
	.per_server = true,
	.run = listener_run,
	.on_control = listener_control,
	.finish = listener_finish,
};
