/*
 * inbound - one connection: ties socket, dialogue and queue together
 *
 * Runs in:  listener
 * Owns:     conn, session and receive of one client; its place in the counters
 * Promise:  lives until both the socket is closed and the disk has answered for a message handed over
 * Fails by: never; a connection that fails goes away alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/ipc/ctl_client.h"
#include "common/ipc/msg_auth_in.h"
#include "common/ipc/msg_etrn.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

/*
 * A message as a whole may take a quarter of an hour and a second for each KiB that has come: slow lines are
 * welcome, a byte every three minutes is not.
 */
enum { MESSAGE_BASE_MS = 900000, MESSAGE_BYTES_A_MS = 1 };

static void
count(struct inbound *c, enum counter which, int64_t n)
{
	counters_add(c->listener->boot->counters, which, n);
}

/* --- what the socket tells --- */

static size_t
on_input(void *arg, const char *data, size_t len)
{
	struct inbound *c = arg;
	size_t used;

	if (c->atrn_relay != NULL)
		return atrn_relay_input(c->atrn_relay, data, len);
	used = session_input(&c->session, data, len);
	inbound_log_keep(&c->record);
	return used;
}

static bool
wants(const void *arg)
{
	const struct inbound *c = arg;

	return c->atrn_relay != NULL ? atrn_relay_wants(c->atrn_relay) : session_wants_input(&c->session);
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
		tls_files_tell(c->listener->secure, "plaintext-discarded", c->ip,
		    "commands behind STARTTLS in the clear");
	if (why != NULL)
		tls_files_tell(c->listener->secure, "failed", c->ip, why);
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
	uint64_t until = c->message_since + MESSAGE_BASE_MS + c->session.data.size / MESSAGE_BYTES_A_MS,
	    now = clock_mono_ms();

	return until > now ? until - now : 0;
}

static void
on_settled(void *arg)
{
	struct inbound *c = arg;
	uint64_t limit;

	if (c->atrn_relay != NULL) {
		c->active = clock_mono_ms();
		atrn_relay_settled(c->atrn_relay);
	}
	if (c->progress == c->session.progress)
		return;
	c->progress = c->session.progress;
	c->active = clock_mono_ms();
	limit = session_limit_ms(&c->session);
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
	recipient_check_forget(c->seek);
	inbound_content_discard(&c->receive);
	inbound_log_done(&c->record);
	auth_in_client_cancel(c->question);
	ctl_client_forget(c->claim);
	atrn_relay_free(c->atrn_relay);
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
		inbound_log_close(&c->record);
		count(c, COUNTER_INBOUND_CURRENT, -1);
		client_limit_give(l->limit, &c->peer.sa);
	}
	if (c->receive.storing) {
		rdns_forget(c->query);
		recipient_check_forget(c->seek);
		c->query = NULL;
		c->seek = NULL;
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

void
inbound_sought(struct inbound *c)
{
	session_named(&c->session);
	conn_resume(c->conn);
}

/* Names that are wanted by and by are on their way from the first moment. */
static void
take_client(struct inbound *c, struct gatekeeper_client *guest)
{
	char ip[NET_TEXT_SIZE];

	c->peer = guest->client;
	if (guest->reached.sa.sa_family != AF_UNSPEC) {
		c->reached = mem_new(union proxy_address);
		*c->reached = guest->reached;
	}
	net_format_ip(ip, &c->peer.sa);
	memcpy(c->ip, ip, sizeof(c->ip) - 1);
	c->client = (struct policy_client){ .address = &c->peer.sa, .names = guest->names,
	    .state = guest->state };
	if (c->client.state != POLICY_ASKING)
		return;
	c->query = rdns_ask(c->listener->rdns, &c->peer.sa, on_names, c);
	if (c->query == NULL)
		c->client.state = POLICY_TROUBLE;
}

void
inbound_open(struct listener *l, struct gatekeeper_client *guest)
{
	struct inbound *c = mem_new(struct inbound);

	c->listener = l;
	c->receive = (struct inbound_content){ .listener = l, .inbound = c };
	c->since = c->active = clock_mono_ms();
	c->serial = ++l->serial;
	take_client(c, guest);
	c->conn = conn_new(l->env, guest->fd, &conn_ops, c);
	session_init(&c->session, l->server, &inbound_ops_ops, c, &c->client, c->ip);
	inbound_log_open(&c->record, l->log, &c->session, guest->fd,
	    c->reached != NULL ? &c->reached->sa : NULL);
	TAILQ_INSERT_TAIL(&l->sessions, c, entry);
	count(c, COUNTER_INBOUND_TOTAL, 1);
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
		{ PHASE_START, "connected" }, { PHASE_READY, "ready" }, { PHASE_MAIL, "sender" },
		{ PHASE_RCPT, "recipients" },
		{ PHASE_DATA, "content" }, { PHASE_CHUNK, "content" }, { PHASE_CHUNKS, "content" },
		{ PHASE_STORING, "storing" },
		{ PHASE_OVER, "closing" }, { PHASE_SECURING, "handshake" }, { PHASE_AUTH_LINE, "login" },
		{ PHASE_AUTH_HELPER, "login" },
		{ PHASE_ASKING, "asking" }, { PHASE_TURNED, "turned" },
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
		.serial = c->serial, .messages = c->session.messages, .address = &c->peer.sa, .ip = c->ip,
		.helo = c->session.helo, .user = c->session.user, .state = state_name(c->session.phase),
		.tls = c->session.secure ? tls_link_version(conn_link(c->conn)) : "-",
		.age_ms = now - c->since, .idle_ms = now - c->active,
	};
	tls_files_format_fingerprint(v->certificate, conn_link(c->conn));
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
	struct ssl_st *tls = c->conn != NULL ? conn_link(c->conn) : NULL;
	char link[TLS_FACTS_SIZE], certificate[TLS_FILES_FINGERPRINT_SIZE];

	tls_files_format_event(link, tls);
	tls_files_format_fingerprint(certificate, tls);
	log_event(LOG_FACT, id, "accepted",
	    "client=%s helo=%s sender=%s recipients=%zu size=%llu tls=%s%s%s%s%s", c->ip, log_safe(s->helo),
	    log_safe(inbound_ops_sender(c)), recipients, (unsigned long long)s->data.size, link,
	    s->user != NULL ? " user=" : "",
	    s->user != NULL ? log_safe(s->user) : "", certificate[0] != '\0' ? " certificate=" : "",
	    certificate);
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
		log_event(LOG_FAULT, NULL, "trouble", "doing=store client=%s reason=%s", c->ip,
		    log_safe(strerror(error)));
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
inbound_vouched(struct inbound *c, const struct msg_auth_in_answer *a)
{
	session_vouched(&c->session, a);
	conn_resume(c->conn);
}

static void
on_passage_end(void *arg)
{
	struct inbound *c = arg;

	session_end(&c->session, false);
	conn_resume(c->conn);
}

void
inbound_claimed(struct inbound *c, const struct msg_etrn_answer *a, const char *node, int fd)
{
	c->claim = NULL;
	if (c->conn != NULL)
		session_asked(&c->session, a, node);
	if (c->conn != NULL && fd != -1 && c->session.phase == PHASE_TURNED)
		c->atrn_relay = atrn_relay_new(c->listener->boot->loop, c->conn, fd, on_passage_end, c);
	else if (fd != -1)
		close(fd);
	if (c->conn != NULL)
		conn_resume(c->conn);
}
