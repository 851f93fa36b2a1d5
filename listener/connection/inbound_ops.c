/*
 * inbound_ops - what a dialogue asks of the outside, done for one connection, and the helpers' answers to it
 *
 * Runs in:  listener
 * Owns:     nothing; all is the connection's
 * Promise:  no op calls back into the session; answers come later, from the loop
 * Fails by: never; what cannot be done is an answer to the session
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_etrn.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

static void
do_send(void *arg, const char *data, size_t len)
{
	struct inbound *c = arg;

	conn_send(c->conn, data, len);
	inbound_log_reply(&c->log, data, len);
}

static void
do_command(void *arg, const char *line, size_t len)
{
	inbound_log_command(&((struct inbound *)arg)->log, line, len);
}

static void
do_close(void *arg, bool linger)
{
	conn_close(((struct inbound *)arg)->conn, linger);
}

static int
do_begin(void *arg, struct message_envelope *e, bool mend)
{
	struct inbound *c = arg;
	char link[TLS_FACTS_SIZE];
	int error;

	if (inbound_memory_is_short(c, true))
		return ENOMEM;
	c->content_since = clock_mono_ms();	/* another may have ended in the same round */
	tls_files_format_received(link, conn_link(c->conn));
	if (c->session.filters)
		memcpy(e->id, c->filter_id, sizeof(e->id));
	error = inbound_content_begin(&c->content, e, c->names, link, mend);
	inbound_log_begin(&c->log, error == 0 ? c->content.scan : NULL);
	inbound_memory_count(c);
	return error;
}

static bool
do_add(void *arg, const char *data, size_t len)
{
	return inbound_content_add(&((struct inbound *)arg)->content, data, len);
}

static void
do_finish(void *arg)
{
	inbound_content_finish(&((struct inbound *)arg)->content);
}

static void
do_discard(void *arg)
{
	inbound_content_discard(&((struct inbound *)arg)->content);
}

static void
do_secure(void *arg)
{
	struct inbound *c = arg;

	conn_secure(c->conn, tls_files_tls(c->listener->tls_files));
}

static bool
memory_is_short(void *arg)
{
	return inbound_memory_is_short(arg, false);
}

static bool
disk_is_short(void *arg)
{
	return queue_room_is_short(((struct inbound *)arg)->listener->queue_room);
}

static bool
drop_is_full(void *arg)
{
	return queue_room_drop_is_full(((struct inbound *)arg)->listener->queue_room);
}

static void
on_recipient_answer(void *arg)
{
	struct inbound *c = arg;

	session_run_again(&c->session);
	conn_resume(c->conn);
}

static enum session_recipient
do_check_recipient(void *arg, const char *address)
{
	struct inbound *c = arg;

	return recipient_check_find(c->listener->recipient_check, &c->recipient_check, address,
	    on_recipient_answer, c);
}

static bool
is_own_address(void *arg, const char *literal)
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

/* The judge of the configuration has refused what is longer. */
static void
join_words(char *dst, const struct config_strings *words)
{
	static_assert(CONFIG_KERBEROS_LIST_MAX < AUTH_IN_LIST_SIZE, "a list that was judged fits");

	for (size_t i = 0, at = 0; i < words->count && at < AUTH_IN_LIST_SIZE; i++) {
		at += (size_t)snprintf(dst + at, AUTH_IN_LIST_SIZE - at, "%s%s", at > 0 ? " " : "",
		    words->text[i]);
	}
}

/* What ties SCRAM-SHA-256-PLUS and Kerberos to this connection (RFC 9266, RFC 5929). */
static void
set_binding(struct msg_auth_in_start *start, struct ssl_st *link)
{
	static_assert(TLS_BINDING_SIZE <= AUTH_IN_BINDING_MAX && TLS_UNIQUE_SIZE <= AUTH_IN_UNIQUE_MAX &&
	    TLS_ENDPOINT_MAX <= AUTH_IN_BINDING_MAX,
	    "fits");

	if (link == NULL)
		return;
	start->endpoint_len = (uint8_t)tls_link_endpoint(link, start->endpoint_data);
	if (!tls_link_binding(link, start->binding_data))
		return;
	start->binding = AUTH_IN_TLS_EXPORTER;
	start->binding_len = TLS_BINDING_SIZE;
	start->unique_len = tls_link_unique(link, start->unique_data) ? TLS_UNIQUE_SIZE : 0;
}

static void
on_auth_answer(void *arg, const struct msg_auth_in_answer *a)
{
	struct inbound *c = arg;

	if (a->result != AUTH_IN_CHALLENGE)
		c->auth_question = NULL;
	session_auth_answered(&c->session, a);
	conn_resume(c->conn);
}

static void
do_auth_start(void *arg, const struct msg_auth_in_start *start)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;
	const struct config_server *server = l->server;
	size_t size = msg_auth_in_start_size(start);
	struct msg_auth_in_start *whole = memcpy(mem_zalloc(size), start, size);

	snprintf(whole->client, sizeof(whole->client), "%s", c->ip);
	if (server->basic_domain != NULL)
		snprintf(whole->domain, sizeof(whole->domain), "%s", server->basic_domain);
	if (server->service_principal != NULL)
		snprintf(whole->principal, sizeof(whole->principal), "%s", server->service_principal);
	else
		snprintf(whole->principal, sizeof(whole->principal), "smtp/%.200s", server->fqdn);
	join_words(whole->realms, &server->kerberos_realms);
	join_words(whole->accounts, &server->kerberos_accounts);
	whole->kerberos_binding = (uint8_t)server->kerberos_binding;
	set_binding(whole, conn_link(c->conn));
	c->auth_question = auth_in_client_start(l->helper[CTL_HELPER_AUTH], whole, on_auth_answer, c);
	explicit_bzero(whole, size);
	free(whole);
}

static void
do_auth_step(void *arg, const struct msg_auth_in_token *t)
{
	auth_in_client_step(((struct inbound *)arg)->auth_question, t);
}

static void
do_auth_cancel(void *arg)
{
	struct inbound *c = arg;

	auth_in_client_cancel(c->auth_question);
	c->auth_question = NULL;
}

static void
do_long_line(void *arg, bool begins)
{
	inbound_long_line(arg, begins);
}

static void
on_relay_end(void *arg)
{
	struct inbound *c = arg;

	session_phase_end(&c->session, false);
	conn_resume(c->conn);
}

static void
on_etrn_answer(void *arg, const struct msg_etrn_answer *a, const char *node, int fd)
{
	struct inbound *c = arg;

	c->etrn_question = NULL;
	if (c->conn != NULL)
		session_etrn_answered(&c->session, a, node);
	if (c->conn != NULL && fd != -1 && c->session.phase == PHASE_TURNED)
		c->atrn_relay = atrn_relay_new(c->listener->boot->loop, c->conn, fd, on_relay_end, c);
	else if (fd != -1)
		close(fd);
	if (c->conn != NULL)
		conn_resume(c->conn);
}

static void
do_ask_etrn(void *arg, struct msg_etrn *d)
{
	struct inbound *c = arg;

	snprintf(d->client, sizeof(d->client), "%s", c->ip);
	d->port = net_port(&c->peer.sa);
	c->etrn_question = etrn_client_start(c->listener->helper[CTL_HELPER_DELIVER], d, on_etrn_answer, c);
}

static void
do_refused(void *arg, const char *recipient, const char *reply)
{
	struct inbound *c = arg;
	const struct msg_filter_answer *a = c->session.refusing;
	bool trouble = a != NULL && (a->flags & FILTER_TROUBLE);

	log_event(LOG_FACT, NULL, "refused", "client=%s sender=%s recipient=%s reply=%s%s%s%s%s", c->ip,
	    log_safe(inbound_log_sender(&c->session)), log_safe(recipient), log_safe(reply),
	    a != NULL ? " filter=" : "", a != NULL ? log_safe(a->filter[0] != '\0' ? a->filter : "-") : "",
	    trouble ? " reason=" : "", trouble ? log_safe(a->text) : "");
}

static void
do_count(void *arg, enum counter which, int64_t n)
{
	counters_add(((struct inbound *)arg)->listener->boot->counters, which, n);
}

const struct session_ops inbound_ops = {
	.send = do_send, .command = do_command, .close = do_close, .begin = do_begin, .add = do_add,
	.finish = do_finish, .discard = do_discard, .secure = do_secure, .drop_is_full = drop_is_full,
	.memory_is_short = memory_is_short, .disk_is_short = disk_is_short,
	.filter = inbound_filter_ask, .check_recipient = do_check_recipient,
	.is_own_address = is_own_address, .refused = do_refused,
	.count = do_count, .auth_start = do_auth_start, .auth_step = do_auth_step,
	.auth_cancel = do_auth_cancel, .long_line = do_long_line, .ask_etrn = do_ask_etrn,
};
