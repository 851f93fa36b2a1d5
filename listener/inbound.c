/*
 * inbound - one connection: ties socket, dialogue and queue together
 *
 * Runs in:  listener
 * Owns:     conn, session and receive of one client; its place in the counters
 * Promise:  lives until both the socket is closed and the disk has answered for a message handed over
 * Fails by: never; a connection that fails goes away alone
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "listener/listener.h"

/*
 * A message as a whole may take a quarter of an hour and a second for each KiB that has come: slow lines are
 * welcome, a byte every three minutes is not.
 */
enum { MESSAGE_BASE_MS = 900000, MESSAGE_BYTES_A_MS = 1 };

struct inbound {
	TAILQ_ENTRY(inbound) entry;
	struct listener *listener;
	struct conn *conn;		/* NULL: closed, the disk still owes an answer */
	struct session session;
	struct receive receive;
	struct record record;
	struct warrant_question *question;	/* AUTH under way; NULL: none */
	uint64_t message_since;		/* monotonic ms of DATA */
	uint64_t since, active;		/* monotonic ms of the connection, of the last the client did */
	uint32_t serial;
	uint32_t progress;		/* of the session, when the limit was last set */
	union proxy_address peer, *reached;	/* reached: NULL unless a PROXY header said it */
	struct policy_client client;
	struct rdns_query *query;	/* the client's names are being asked for; NULL: not */
	char ip[INET6_ADDRSTRLEN];
};

/* --- what the session asks for --- */

static void
do_send(void *arg, const char *data, size_t len)
{
	struct inbound *c = arg;
	conn_send(c->conn, data, len);
	record_reply(&c->record, data, len);
}

static void
do_command(void *arg, const char *line, size_t len)
{
	record_command(&((struct inbound *)arg)->record, line, len);
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
	record_begin(&c->record);
	secure_format_received(link, conn_link(c->conn));
	return receive_begin(&c->receive, e, link);
}

static bool
do_add(void *arg, const char *data, size_t len)
{
	record_content(&((struct inbound *)arg)->record, data, len);
	return receive_add(&((struct inbound *)arg)->receive, data, len);
}

static void
do_finish(void *arg)
{
	receive_finish(&((struct inbound *)arg)->receive);
}

static void
do_discard(void *arg)
{
	receive_discard(&((struct inbound *)arg)->receive);
}

static void
do_secure(void *arg)
{
	struct inbound *c = arg;
	conn_secure(c->conn, secure_tls(c->listener->secure));
}

static bool
drop_is_full(void *arg)
{
	return quota_is_full(((struct inbound *)arg)->listener->quota);
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

static const char *
sender_of(const struct inbound *c)
{
	const struct envelope *e = c->session.envelope;
	return e == NULL ? "-" : e->m.sender[0] == '\0' ? "<>" : e->m.sender;
}

/* What ties SCRAM-SHA-256-PLUS to this very connection. */
static void
set_binding(struct vouch_start *start, struct ssl_st *link)
{
	static_assert(TLS_BINDING_SIZE <= VOUCH_BINDING_MAX, "fits");
	if (link == NULL || !tls_link_binding(link, start->binding_data))
		return;
	start->binding = VOUCH_TLS_EXPORTER;
	start->binding_len = TLS_BINDING_SIZE;
}

static void
do_vouch(void *arg, const struct vouch_start *start)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;
	const struct config_server *server = l->server;
	struct vouch_start *whole = mem_new(struct vouch_start);

	memcpy(whole, start, vouch_start_size(start));
	snprintf(whole->client, sizeof(whole->client), "%s", c->ip);
	if (server->basic_domain != NULL)
		snprintf(whole->domain, sizeof(whole->domain), "%s", server->basic_domain);
	if (server->service_principal != NULL)
		snprintf(whole->principal, sizeof(whole->principal), "%s", server->service_principal);
	else
		snprintf(whole->principal, sizeof(whole->principal), "smtp/%.200s", server->fqdn);
	set_binding(whole, conn_link(c->conn));
	if (l->warrant == NULL)
		l->warrant = warrant_new(l);
	c->question = warrant_start(l->warrant, c, whole);
	explicit_bzero(whole, sizeof(*whole));
	free(whole);
}

static void
do_vouch_step(void *arg, const struct vouch_token *t)
{
	warrant_step(((struct inbound *)arg)->question, t);
}

static void
do_vouch_cancel(void *arg)
{
	struct inbound *c = arg;
	warrant_cancel(c->question);
	c->question = NULL;
}

static void
refused(void *arg, const char *recipient, const char *reply)
{
	struct inbound *c = arg;
	log_event(LOG_FACT, NULL, "refused", "client=%s sender=%s recipient=%s reply=%s", c->ip, log_safe(sender_of(c)),
	    log_safe(recipient), log_safe(reply));
}

static void
count(void *arg, enum counter which, int64_t n)
{
	counters_add(((struct inbound *)arg)->listener->boot->counters, which, n);
}

static const struct session_ops session_ops = {
	.send = do_send, .command = do_command, .close = do_close, .begin = do_begin, .add = do_add, .finish = do_finish, .discard = do_discard,
	.secure = do_secure, .drop_is_full = drop_is_full, .is_self = is_self, .refused = refused, .count = count,
	.vouch = do_vouch, .vouch_step = do_vouch_step, .vouch_cancel = do_vouch_cancel,
};

/* --- what the socket tells --- */

static size_t
on_input(void *arg, const char *data, size_t len)
{
	size_t used = session_input(&((struct inbound *)arg)->session, data, len);
	record_keep(&((struct inbound *)arg)->record);
	return used;
}

static bool
wants(const void *arg)
{
	return session_wants_input(&((const struct inbound *)arg)->session);
}

static void
on_eof(void *arg)
{
	session_eof(&((struct inbound *)arg)->session);
}

static void
on_secured(void *arg, const char *why)
{
	struct inbound *c = arg;
	unsigned char binding[TLS_BINDING_SIZE];
	count(c, why == NULL ? COUNTER_TLS_SESSIONS : COUNTER_TLS_FAILED, 1);
	if (conn_spilled(c->conn))
		secure_tell(c->listener->secure, "plaintext-discarded", c->ip, "commands behind STARTTLS in the clear");
	if (why != NULL)
		secure_tell(c->listener->secure, "failed", c->ip, why);
	else
		session_secured(&c->session, tls_link_binding(conn_link(c->conn), binding));
}

static void
on_expired(void *arg)
{
	struct inbound *c = arg;
	c->record.idle = true;
	if (c->session.phase == PHASE_SECURING)
		on_secured(c, "no end of the handshake in time");
	session_expire(&c->session);
}

/* What is left of the time for a whole message. */
static uint64_t
message_left(const struct inbound *c)
{
	uint64_t until = c->message_since + MESSAGE_BASE_MS + c->session.data.size / MESSAGE_BYTES_A_MS, now = clock_mono_ms();
	return until > now ? until - now : 0;
}

static void
on_settled(void *arg)
{
	struct inbound *c = arg;
	if (c->progress == c->session.progress)
		return;
	c->progress = c->session.progress;
	c->active = clock_mono_ms();
	uint64_t limit = session_limit_ms(&c->session);
	if (c->session.begun && limit != UINT64_MAX) {
		uint64_t left = message_left(c);
		limit = left < limit ? left : limit;
	}
	conn_limit(c->conn, limit);
}

static void
free_inbound(struct inbound *c)
{
	TAILQ_REMOVE(&c->listener->sessions, c, entry);
	rdns_forget(c->query);
	receive_discard(&c->receive);
	record_done(&c->record);
	warrant_cancel(c->question);
	session_done(&c->session);
	conn_free(c->conn);
	free((char *)(uintptr_t)c->client.names);
	free(c->reached);
	free(c);
}

static void
on_gone(void *arg)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;
	if (c->conn != NULL) {
		record_close(&c->record);
		counters_add(l->boot->counters, COUNTER_INBOUND_CURRENT, -1);
		limit_give(l->limit, &c->peer.sa);
	}
	if (c->receive.storing) {
		rdns_forget(c->query);
		c->query = NULL;
		conn_free(c->conn);
		c->conn = NULL;
		return;
	}
	free_inbound(c);
	listener_check_idle(l);
}

static const struct conn_ops conn_ops = {
	.input = on_input, .wants = wants, .eof = on_eof, .expired = on_expired, .secured = on_secured,
	.settled = on_settled, .gone = on_gone,
};

/* --- life --- */

static void
on_names(void *arg, enum policy_state state, char *names)
{
	struct inbound *c = arg;
	c->query = NULL;
	c->client.state = state;
	c->client.names = names;
	session_named(&c->session);
	conn_resume(c->conn);
}

/* Names that are wanted by and by are on their way from the first moment. */
static void
take_client(struct inbound *c, struct gate_guest *guest)
{
	char ip[NET_TEXT_SIZE];

	c->peer = guest->client;
	if (guest->reached.sa.sa_family != AF_UNSPEC) {
		c->reached = mem_new(union proxy_address);
		*c->reached = guest->reached;
	}
	net_format_ip(ip, &c->peer.sa);
	memcpy(c->ip, ip, sizeof(c->ip) - 1);
	c->client = (struct policy_client){ .address = &c->peer.sa, .names = guest->names, .state = guest->state };
	if (c->client.state != POLICY_ASKING)
		return;
	c->query = rdns_ask(c->listener->rdns, &c->peer.sa, on_names, c);
	if (c->query == NULL)
		c->client.state = POLICY_TROUBLE;
}

void
inbound_open(struct listener *l, struct gate_guest *guest)
{
	struct inbound *c = mem_new(struct inbound);

	c->listener = l;
	c->receive = (struct receive){ .listener = l, .inbound = c };
	c->since = c->active = clock_mono_ms();
	c->serial = ++l->serial;
	take_client(c, guest);
	c->conn = conn_new(l->env, guest->fd, &conn_ops, c);
	session_init(&c->session, l->server, &session_ops, c, &c->client, c->ip);
	record_open(&c->record, l->log, &c->session, guest->fd, c->reached != NULL ? &c->reached->sa : NULL);
	TAILQ_INSERT_TAIL(&l->sessions, c, entry);
	counters_add(l->boot->counters, COUNTER_INBOUND_TOTAL, 1);
	if (l->server->listen[guest->listen].tls)
		session_secure(&c->session);
	else
		session_greet(&c->session);
	c->progress = c->session.progress - 1;
	conn_resume(c->conn);
}

const char *
inbound_client_name(const struct inbound *c)
{
	return c->client.names;
}

/* --- for operators --- */

static const char *
state_name(enum session_phase phase)
{
	static const struct { enum session_phase phase; const char *name; } rows[] = {
		{ PHASE_START, "connected" }, { PHASE_READY, "ready" }, { PHASE_MAIL, "sender" }, { PHASE_RCPT, "recipients" },
		{ PHASE_DATA, "content" }, { PHASE_CHUNK, "content" }, { PHASE_CHUNKS, "content" }, { PHASE_STORING, "storing" },
		{ PHASE_OVER, "closing" }, { PHASE_SECURING, "handshake" }, { PHASE_LOGIN, "login" }, { PHASE_VOUCH, "login" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].phase == phase)
			return rows[i].name;
	return "?";
}

struct inbound *
inbound_next(struct inbound *c)
{
	return TAILQ_NEXT(c, entry);
}

bool
inbound_look(const struct inbound *c, struct inbound_view *v)
{
	uint64_t now = clock_mono_ms();
	if (c->conn == NULL)
		return false;
	*v = (struct inbound_view){
		.serial = c->serial, .messages = c->session.messages, .address = &c->peer.sa, .ip = c->ip, .helo = c->session.helo, .user = c->session.user,
		.state = state_name(c->session.phase),
		.tls = c->session.secure ? tls_link_version(conn_link(c->conn)) : "-", .age_ms = now - c->since, .idle_ms = now - c->active,
	};
	return true;
}

void
inbound_terminate(struct inbound *c)
{
	session_stop(&c->session);	/* a message being stored gets its answer first */
	session_cut(&c->session);
	conn_resume(c->conn);
}

void
inbound_stop_all(struct listener *l)
{
	struct inbound *c, *next;
	TAILQ_FOREACH_SAFE(c, &l->sessions, entry, next) {
		if (c->conn == NULL)
			continue;
		session_stop(&c->session);
		conn_resume(c->conn);
	}
}

void
inbound_cut_all(struct listener *l)
{
	struct inbound *c, *next;
	TAILQ_FOREACH_SAFE(c, &l->sessions, entry, next) {
		if (c->conn != NULL) {
			session_cut(&c->session);
			conn_flush(c->conn);
		}
		on_gone(c);
	}
}

void
inbound_free_all(struct listener *l)
{
	struct inbound *c, *next;
	TAILQ_FOREACH_SAFE(c, &l->sessions, entry, next)
		free_inbound(c);
}

void
inbound_room(struct inbound *c)
{
	session_room(&c->session);
	conn_resume(c->conn);
}

static void
tell_accepted(struct inbound *c, const char *id)
{
	const struct session *s = &c->session;
	size_t recipients = s->envelope->m.nrcpt;
	char link[TLS_FACTS_SIZE];

	secure_format_event(link, c->conn != NULL ? conn_link(c->conn) : NULL);
	log_event(LOG_FACT, id, "accepted", "client=%s helo=%s sender=%s recipients=%zu size=%llu tls=%s%s%s", c->ip, log_safe(s->helo),
	    log_safe(sender_of(c)), recipients, (unsigned long long)s->data.size, link, s->user != NULL ? " user=" : "",
	    s->user != NULL ? log_safe(s->user) : "");
	count(c, COUNTER_MESSAGES_RECEIVED, 1);
	count(c, COUNTER_MESSAGE_BYTES_RECEIVED, (int64_t)s->data.size);
	count(c, COUNTER_RECIPIENTS_RECEIVED, (int64_t)recipients);
}

void
inbound_stored(struct inbound *c, int error, const char *id)
{
	if (error == 0)
		tell_accepted(c, id);
	else
		log_event(LOG_FAULT, NULL, "trouble", "doing=store client=%s reason=%s", c->ip, log_safe(strerror(error)));
	if (c->conn == NULL) {
		on_gone(c);
		return;
	}
	c->record.id = error == 0 ? id : NULL;
	session_stored(&c->session, error, id);
	conn_resume(c->conn);
}

void
inbound_forget_question(struct inbound *c)
{
	c->question = NULL;
}

void
inbound_vouched(struct inbound *c, const struct vouch_answer *a)
{
	session_vouched(&c->session, a);
	conn_resume(c->conn);
}
