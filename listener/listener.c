/*
 * listener - the process that takes mail by SMTP for one virtual server: set-up, the master's messages, the
 * end
 *
 * Runs in:  listener
 * Owns:     struct listener and everything in it
 * Promise:  pause and drain end no session; stop lets messages under way finish within the grace time
 * Fails by: die() while it is set up; afterwards never
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/helpers/directory_client.h"
#include "common/helpers/dns_client.h"
#include "common/helpers/filter_client.h"
#include "common/helpers/limits_client.h"
#include "common/ipc/ctl_client.h"
#include "common/process/pool.h"
#include "common/process/turns.h"
#include "common/w3clog/w3clog.h"
#include "listener/accept/accept.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

#define POOL_THREADS 2	/* both write content of large messages: see listener/connection/queue_message */

/* --- what other processes are asked --- */

static void
need_resolver(void *arg)
{
	boot_need(arg, CTL_HELPER_RESOLVER);
}

static void
need_auth(void *arg)
{
	boot_need(arg, CTL_HELPER_AUTH);
}

static void
need_directory(void *arg)
{
	boot_need(arg, CTL_HELPER_DIRECTORY);
}

static void
need_deliver(void *arg)
{
	boot_need(arg, CTL_HELPER_DELIVER);
}

static void
need_filter(void *arg)
{
	boot_need(arg, CTL_HELPER_FILTER);
}

static void
need_limits(void *arg)
{
	boot_need(arg, CTL_HELPER_LIMITS);
}

static void
need_pickup(void *arg)
{
	boot_need(arg, CTL_HELPER_PICKUP);
}

/* A helper is started, and a channel to it asked for, with the first question only. */
static void
set_up_helpers(struct listener *l)
{
	struct loop *loop = l->boot->loop;
	struct ctl_client **to = l->helper;

	to[CTL_HELPER_AUTH] = auth_in_client_new(loop, need_auth, l->boot);
	to[CTL_HELPER_PICKUP] = spool_client_new(loop, need_pickup, l->boot);
	to[CTL_HELPER_DELIVER] = etrn_client_new(loop, need_deliver, l->boot);
	if (policy_wants_names(l->server)) {
		to[CTL_HELPER_RESOLVER] = dns_client_new(loop, need_resolver, l->boot);
		l->rdns = rdns_new(l->boot, to[CTL_HELPER_RESOLVER]);
	}
	if (config_filter_is_used(l->server, CONFIG_FILTER_SMTP))
		to[CTL_HELPER_FILTER] = filter_client_new(loop, need_filter, l->boot);
	if (config_limits_are_shared(l->boot->config))
		to[CTL_HELPER_LIMITS] = limits_client_new(loop, need_limits, l->boot);
	if (l->server->ldap.enable) {
		to[CTL_HELPER_DIRECTORY] = directory_client_new(loop, RECIPIENT_CHECK_WAIT_MS, need_directory,
		    l->boot);
		l->recipient_check = recipient_check_new(to[CTL_HELPER_DIRECTORY]);
	}
}

/* CTL_CHANNEL: to a helper that was asked for. */
static void
take_channel(struct listener *l, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (m->fd == -1)
		return;
	memcpy(&channel, m->data, sizeof(channel));
	if (channel.helper < CTL_HELPER_COUNT && l->helper[channel.helper] != NULL)
		ctl_client_channel(l->helper[channel.helper], ctl_take_fd(m));
}

/* --- the end --- */

/* Draining or stopping, and the last connection has gone: the process ends. */
static void
check_idle(struct listener *l)
{
	if (l->state < LISTENER_DRAINING || l->ended)
		return;
	if (!TAILQ_EMPTY(&l->sessions) || !pending_is_empty(l->pending)) {
		boot_left(l->boot);
		return;
	}
	w3clog_end(l->log);
	if (!log_sender_is_idle(l->log_sender))
		return;
	l->ended = true;
	boot_tell(l->boot, CTL_IDLE);
	boot_end(l->boot);
}

static void
on_grace_over(void *arg)
{
	struct listener *l = arg;

	inbound_cut_all(l);
	/* Messages not yet on disk were not promised to anyone: their clients come again. */
	if (!l->ended) {
		l->ended = true;
		boot_end(l->boot);
	}
}

/* --- the way in: gatekeeper, pending, gatekeeper again, inbound --- */

static void
on_admitted(void *arg, struct gatekeeper_client *client)
{
	inbound_open(arg, client);
}

static void
on_pending_known(void *arg, struct gatekeeper_client *client)
{
	struct listener *l = arg;

	gatekeeper_check_client(l->gatekeeper, client);
	check_idle(l);
}

static void
on_pending_failed(void *arg, struct gatekeeper_client *client, const char *why)
{
	struct listener *l = arg;

	gatekeeper_close_client(l->gatekeeper, client, why);
	check_idle(l);
}

static const struct pending_ops on_pending = { .known = on_pending_known, .failed = on_pending_failed };

/* All that is needed is here: accepts connections, and says so to the master. */
static void
serve_clients(void *arg)
{
	struct listener *l = arg;

	if (--l->missing > 0 || l->state > LISTENER_PAUSED)
		return;
	l->gatekeeper = gatekeeper_open(l, on_admitted, l);
	if (l->state == LISTENER_PAUSED)
		gatekeeper_stop(l->gatekeeper);
	boot_ready(l->boot);
}

/* --- set-up --- */

static void
run_listener(struct boot *b)
{
	struct listener *l = mem_new(struct listener);

	b->state = l;
	l->boot = b;
	l->server = b->server;
	l->session_ended = check_idle;
	l->conn_env = mem_new(struct conn_env);
	l->conn_env->loop = b->loop;
	l->conn_env->counters = b->counters;
	l->conn_env->handshakes = turns_new(b->loop);
	TAILQ_INIT(&l->sessions);
	TAILQ_INIT(&l->long_lines);
	inbound_memory_open(l, inbound_shed);
	set_up_helpers(l);
	l->pool = pool_new(l->boot->loop, POOL_THREADS);
	l->queue_writer = queue_message_writer(l);
	if (l->helper[CTL_HELPER_FILTER] != NULL)
		l->scratch_writer = scratch_writer(l);
	l->log_sender = log_sender_new(l);
	need_pickup(b);		/* at once: there is no message without it */
	ceilings_find(&l->ceilings, l->server, b->config->servers);
	l->client_limit = client_limit_new(&l->ceilings, l->server->client_prefix_ipv4,
	    l->server->client_prefix_ipv6, counters_client_count(b->counters), b->slot);
	l->client_shares = client_share_open(l, &l->ceilings, counters_client_count(b->counters));
	client_limit_share(l->client_limit, l->client_shares);
	l->pending = pending_new(l, &on_pending, l);
	l->grace = loop_timer_new(b->loop, on_grace_over, l);
	l->missing = 3;
	l->queue_room = queue_room_new(l, serve_clients, l);
	l->tls_files = tls_files_new(l, serve_clients, l);
	if (l->tls_files == NULL)
		serve_clients(l);
	serve_clients(l);
}

static void
finish_listener(struct boot *b)
{
	struct listener *l = b->state;

	pending_free(l->pending);
	gatekeeper_free(l->gatekeeper);
	inbound_free_all(l);
	inbound_memory_close(l);
	w3clog_end(l->log);
	pool_free(l->pool);
	w3clog_free(l->log);
	log_sender_free(l->log_sender);
	queue_room_free(l->queue_room);
	queue_message_writer_free(l->queue_writer);
	scratch_writer_free(l->scratch_writer);
	for (unsigned i = 0; i < CTL_HELPER_COUNT; i++)
		ctl_client_free(l->helper[i]);
	tls_files_free(l->tls_files);
	rdns_free(l->rdns);
	recipient_check_free(l->recipient_check);
	client_limit_free(l->client_limit);
	client_share_close(l->client_shares);
	loop_timer_free(l->grace);
	turns_free(l->conn_env->handshakes);
	free(l->conn_env);
	free(l);
	b->state = NULL;
}

/* --- control: pause and continue are answered always, drain and stop count once --- */

static void
on_pause(struct listener *l, const struct ctl_message *m)
{
	if (l->state == LISTENER_OPEN) {
		l->state = LISTENER_PAUSED;
		gatekeeper_pause(l->gatekeeper);
	}
	boot_tell(l->boot, CTL_PAUSED);
}

static void
on_continue(struct listener *l, const struct ctl_message *m)
{
	if (l->state == LISTENER_PAUSED) {
		l->state = LISTENER_OPEN;
		gatekeeper_continue(l->gatekeeper);
	}
	boot_tell(l->boot, CTL_CONTINUED);
}

static void
on_drain(struct listener *l, const struct ctl_message *m)
{
	if (l->state >= LISTENER_DRAINING)
		return;
	l->state = LISTENER_DRAINING;
	gatekeeper_stop(l->gatekeeper);
	check_idle(l);
}

static void
on_stop(struct listener *l, const struct ctl_message *m)
{
	if (l->state == LISTENER_STOPPING)
		return;
	l->state = LISTENER_STOPPING;
	gatekeeper_close(l->gatekeeper);
	pending_stop(l->pending);
	loop_timer_set(l->grace, boot_grace(m));
	inbound_stop_all(l);
	check_idle(l);
}

static void
on_logs(struct listener *l, const struct ctl_message *m)
{
	w3clog_reopen(l->log);
}

static void
on_tickets(struct listener *l, const struct ctl_message *m)
{
	tls_files_take_tickets(l->tls_files, m);
}

static void
on_file(struct listener *l, const struct ctl_message *m)
{
	tls_files_take_file(l->tls_files, m);
}

static void
on_renewed(struct listener *l, const struct ctl_message *m)
{
	tls_files_renew(l->tls_files);
}

static void (*const controls[CTL_COUNT])(struct listener *l, const struct ctl_message *m) = {
	[CTL_PAUSE] = on_pause,
	[CTL_CONTINUE] = on_continue,
	[CTL_DRAIN] = on_drain,
	[CTL_STOP] = on_stop,
	[CTL_LOGS] = on_logs,
	[CTL_TICKETS] = on_tickets,
	[CTL_FILE] = on_file,
	[CTL_RENEWED] = on_renewed,
	[CTL_CHANNEL] = take_channel,
	[CTL_SESSIONS] = session_list_answer,
	[CTL_CERTIFICATES] = certificate_list_answer,
};

static void
on_listener_control(struct boot *b, const struct ctl_message *m)
{
	if (controls[m->type] != NULL)
		controls[m->type](b->state, m);
}

const struct boot_role listener_role = {
	.name = "listener",
	.title = "takes mail by SMTP",
	.per_server = true,
	.user = offsetof(struct config_service, listener_user),
	.run = run_listener,
	.on_control = on_listener_control,
	.finish = finish_listener,
};
