/*
 * inbound_ops - what a dialogue asks of the outside, done for one connection
 *
 * Runs in:  listener
 * Owns:     nothing; all is the connection's
 * Promise:  none of it calls back into the session
 * Fails by: never; what cannot be done is answered later, to the session
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg_auth_in.h"
#include "common/ipc/msg_etrn.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

static void
do_send(void *arg, const char *data, size_t len)
{
	struct inbound *c = arg;

	conn_send(c->conn, data, len);
	inbound_log_reply(&c->record, data, len);
}

static void
do_command(void *arg, const char *line, size_t len)
{
	inbound_log_command(&((struct inbound *)arg)->record, line, len);
}

static void
do_close(void *arg, bool linger)
{
	conn_close(((struct inbound *)arg)->conn, linger);
}

static int
do_begin(void *arg, struct message_envelope *e)
{
	struct inbound *c = arg;
	char link[TLS_FACTS_SIZE];

	c->message_since = clock_mono_ms();
	inbound_log_begin(&c->record);
	tls_files_format_received(link, conn_link(c->conn));
	return inbound_content_begin(&c->receive, e, link);
}

static bool
do_add(void *arg, const char *data, size_t len)
{
	inbound_log_content(&((struct inbound *)arg)->record, data, len);
	return inbound_content_add(&((struct inbound *)arg)->receive, data, len);
}

static void
do_finish(void *arg)
{
	inbound_content_finish(&((struct inbound *)arg)->receive);
}

static void
do_discard(void *arg)
{
	inbound_content_discard(&((struct inbound *)arg)->receive);
}

static void
do_secure(void *arg)
{
	struct inbound *c = arg;

	conn_secure(c->conn, tls_files_tls(c->listener->secure));
}

static bool
drop_is_full(void *arg)
{
	return drop_quota_is_full(((struct inbound *)arg)->listener->quota);
}

static enum recipient_check_answer
do_seek(void *arg, const char *address)
{
	struct inbound *c = arg;

	return recipient_check_find(c->listener->seek, &c->seek, c, address);
}

static bool
is_self(void *arg, const char *literal)
{
	struct inbound *c = arg;
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);

	if (c->reached != NULL)
		memcpy(&local, c->reached, sizeof(*c->reached));
	else if (getsockname(conn_fd(c->conn), (struct sockaddr *)&local, &len) == -1)
		return false;
	return policy_is_literal(literal, (struct sockaddr *)&local);
}

const char *
inbound_ops_sender(const struct inbound *c)
{
	const struct envelope *e = c->session.envelope;

	return e == NULL ? "-" : e->m.sender[0] == '\0' ? "<>" : e->m.sender;
}

/* What ties SCRAM-SHA-256-PLUS to this very connection. */
static void
set_binding(struct msg_auth_in_start *start, struct ssl_st *link)
{
	static_assert(TLS_BINDING_SIZE <= AUTH_IN_BINDING_MAX && TLS_UNIQUE_SIZE <= AUTH_IN_UNIQUE_MAX,
	    "fits");

	if (link == NULL || !tls_link_binding(link, start->binding_data))
		return;
	start->binding = AUTH_IN_TLS_EXPORTER;
	start->binding_len = TLS_BINDING_SIZE;
	start->unique_len = tls_link_unique(link, start->unique_data) ? TLS_UNIQUE_SIZE : 0;
}

static void
do_vouch(void *arg, const struct msg_auth_in_start *start)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;
	const struct config_server *server = l->server;
	struct msg_auth_in_start *whole = mem_new(struct msg_auth_in_start);

	memcpy(whole, start, msg_auth_in_start_size(start));
	snprintf(whole->client, sizeof(whole->client), "%s", c->ip);
	if (server->basic_domain != NULL)
		snprintf(whole->domain, sizeof(whole->domain), "%s", server->basic_domain);
	if (server->service_principal != NULL)
		snprintf(whole->principal, sizeof(whole->principal), "%s", server->service_principal);
	else
		snprintf(whole->principal, sizeof(whole->principal), "smtp/%.200s", server->fqdn);
	set_binding(whole, conn_link(c->conn));
	if (l->auth_in_client == NULL)
		l->auth_in_client = auth_in_client_new(l);
	c->question = auth_in_client_start(l->auth_in_client, c, whole);
	explicit_bzero(whole, sizeof(*whole));
	free(whole);
}

static void
do_vouch_step(void *arg, const struct msg_auth_in_token *t)
{
	auth_in_client_step(((struct inbound *)arg)->question, t);
}

static void
do_vouch_cancel(void *arg)
{
	struct inbound *c = arg;

	auth_in_client_cancel(c->question);
	c->question = NULL;
}

static void
do_plead(void *arg, struct msg_etrn *d)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;

	snprintf(d->client, sizeof(d->client), "%s", c->ip);
	d->port = net_port(&c->peer.sa);
	if (l->claim == NULL)
		l->claim = etrn_client_new(l);
	c->claim = etrn_client_start(l->claim, c, d);
}

static void
do_refused(void *arg, const char *recipient, const char *reply)
{
	struct inbound *c = arg;

	log_event(LOG_FACT, NULL, "refused", "client=%s sender=%s recipient=%s reply=%s", c->ip,
	    log_safe(inbound_ops_sender(c)), log_safe(recipient), log_safe(reply));
}

static void
do_count(void *arg, enum counter which, int64_t n)
{
	counters_add(((struct inbound *)arg)->listener->boot->counters, which, n);
}

const struct session_ops inbound_ops_ops = {
	.send = do_send, .command = do_command, .close = do_close, .begin = do_begin, .add = do_add,
	.finish = do_finish, .discard = do_discard,
	.secure = do_secure, .drop_is_full = drop_is_full, .seek = do_seek, .is_self = is_self,
	.refused = do_refused, .count = do_count,
	.auth_start = do_vouch, .auth_step = do_vouch_step, .auth_cancel = do_vouch_cancel,
	.plead = do_plead,
};
