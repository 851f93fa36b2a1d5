/*
 * inbound - one connection: ties socket, dialogue and queue together
 *
 * Runs in:  listener
 * Owns:     conn, session, content and log of one client; its places in the limits and counters
 * Promise:  lives until the socket is closed and filters and disk have answered for a message that is being
 *           stored. Its places are taken so long: closing early makes no room for another
 * Fails by: never; a connection that fails is freed and touches no other
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/helpers/filter_client.h"
#include "common/ipc/ctl_client.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"
#include "listener/listener.h"

/*
 * A whole message may take 15 minutes and one second for each 1,000 bytes that have come: enough for a slow
 * line, and an end for a client that sends one byte every three minutes. Content that is refused, and only
 * read to its end, has no more time.
 */
enum { MESSAGE_BASE_MS = 900000, MESSAGE_BYTES_A_MS = 1 };

static void
add_counter(struct inbound *c, enum counter which, int64_t n)
{
	counters_add(c->listener->boot->counters, which, n);
}

/* Before a command: a client that is never idle for long does not stay for ever. */
static void
retire_old(struct inbound *c)
{
	uint64_t life = c->listener->server->session_time, age = clock_mono_ms() - c->since;

	if (life != CONFIG_UNLIMITED && age >= life)
		session_retire(&c->session, age - life >= MESSAGE_BASE_MS);
}

/* --- conn_ops --- */

static size_t
on_input(void *arg, const char *data, size_t len)
{
	struct inbound *c = arg;
	size_t used;

	if (c->atrn_relay != NULL)
		return atrn_relay_input(c->atrn_relay, data, len);
	retire_old(c);
	if ((c->session.phase & PHASE_CONTENT) && len > INBOUND_PIECE)
		len = INBOUND_PIECE;
	used = session_input(&c->session, data, len);
	inbound_log_keep(&c->log);
	return used;
}

static bool
wants_input(const void *arg)
{
	const struct inbound *c = arg;

	return c->atrn_relay != NULL ? atrn_relay_wants(c->atrn_relay) : session_wants_input(&c->session);
}

static bool
leaves_at_close(const void *arg)
{
	const struct session *s = &((const struct inbound *)arg)->session;

	return s->phase == PHASE_AUTH_HELPER || s->wait == WAIT_FILTER;
}

static void
on_eof(void *arg)
{
	struct inbound *c = arg;

	session_eof(&c->session);
}

static void
on_secured(void *arg, const char *why)
{
	struct inbound *c = arg;
	unsigned char binding[TLS_BINDING_SIZE];

	add_counter(c, why == NULL ? COUNTER_TLS_SESSIONS : COUNTER_TLS_FAILED, 1);
	if (conn_spilled(c->conn))
		tls_files_tell(c->listener->tls_files, "plaintext-discarded", c->ip,
		    "commands behind STARTTLS in the clear");
	if (why != NULL)
		tls_files_tell(c->listener->tls_files, "failed", c->ip, why);
	else {
		c->session.evacuates = tls_files_is_shown(&c->listener->server->evacuate_from,
		    conn_link(c->conn));
		session_secured(&c->session, tls_link_binding(conn_link(c->conn), binding));
	}
}

static void
on_expired(void *arg)
{
	struct inbound *c = arg;

	c->log.idle = c->session.wait != WAIT_PAUSE;
	if (c->session.phase == PHASE_SECURING)
		on_secured(c, "no end of the handshake in time");
	session_expire(&c->session);
}

static uint64_t
content_base_ms(void)
{
#ifdef POSTERN_TEST
	const char *ms = getenv("POSTERN_CONTENT_TIME");

	if (ms != NULL)
		return strtoull(ms, NULL, 10);
#endif
	return MESSAGE_BASE_MS;
}

/* What is left of the time for the whole content, in ms; UINT64_MAX: none is coming. */
static uint64_t
content_left(struct inbound *c)
{
	const struct data *data = &c->session.data;
	uint64_t now = clock_mono_ms(), until;

	if (!(c->session.phase & (PHASE_CONTENT | PHASE_CHUNKS))) {
		c->content_since = 0;
		return UINT64_MAX;
	}
	if (c->content_since == 0)
		c->content_since = now;
	until = c->content_since + content_base_ms() + MAX(data->size, data->wasted) / MESSAGE_BYTES_A_MS;
	return until > now ? until - now : 0;
}

static void
on_round_done(void *arg)
{
	struct inbound *c = arg;
	uint64_t limit, left;

	inbound_memory_count(c);
	if (c->atrn_relay != NULL) {
		c->active = clock_mono_ms();
		atrn_relay_round_done(c->atrn_relay);
	}
	if (c->progress == c->session.progress)
		return;
	c->progress = c->session.progress;
	c->active = clock_mono_ms();
	left = content_left(c);
	limit = session_limit_ms(&c->session);
	conn_limit(c->conn, limit != UINT64_MAX && left < limit ? left : limit);
}

/* Nothing is asked for it any more. */
static void
forget_questions(struct inbound *c)
{
	rdns_forget(c->names_query);
	recipient_check_forget(c->recipient_check);
	c->names_query = NULL;
	c->recipient_check = NULL;
}

static void
free_inbound(struct inbound *c)
{
	add_counter(c, COUNTER_INBOUND_CURRENT, -1);
	client_limit_give(c->listener->client_limit, &c->peer.sa);
	TAILQ_REMOVE(&c->listener->sessions, c, entry);
	inbound_memory_forget(c);
	if (c->session.long_line)
		inbound_long_line(c, false);
	forget_questions(c);
	inbound_content_discard(&c->content);
	inbound_log_done(&c->log);
	inbound_content_done(&c->content);
	auth_in_client_cancel(c->auth_question);
	ctl_client_forget(c->etrn_question);
	filter_client_close(c->filter);
	atrn_relay_free(c->atrn_relay);
	session_done(&c->session);
	conn_free(c->conn);
	free(c->names);
	free(c->reached);
	free(c);
}

static void
on_gone(void *arg)
{
	struct inbound *c = arg;
	struct listener *l = c->listener;

	if (c->conn != NULL) {
		log_detail(NULL, "session", "session=%d-%u state=closed client=%s messages=%u seconds=%llu",
		    log_pid(), c->serial, c->ip, c->session.messages,
		    (unsigned long long)(clock_mono_ms() - c->since) / 1000);
		inbound_log_close(&c->log);
	}
	if (c->content.storing) {
		forget_questions(c);
		conn_free(c->conn);
		c->conn = NULL;
		inbound_memory_count(c);
		return;
	}
	free_inbound(c);
	l->session_ended(l);
}

static const struct conn_ops conn_ops = {
	.input = on_input, .wants = wants_input, .leaves = leaves_at_close, .eof = on_eof,
	.expired = on_expired, .secured = on_secured, .round_done = on_round_done, .gone = on_gone,
};

/* --- beginning and end --- */

static void
set_names(struct inbound *c, enum policy_state state, char *names)
{
	c->names = names;
	c->client.names = names;
	c->client.state = state;
}

static void
on_names(void *arg, enum policy_state state, char *names)
{
	struct inbound *c = arg;

	c->names_query = NULL;
	set_names(c, state, names);
	inbound_filter_named(c);
	session_run_again(&c->session);
	conn_resume(c->conn);
}

/* Names that a later command may need are asked for at once. */
static void
take_client(struct inbound *c, struct gatekeeper_client *client)
{
	char ip[NET_TEXT_SIZE];

	c->peer = client->address;
	if (client->reached.sa.sa_family != AF_UNSPEC) {
		c->reached = mem_new(union proxy_address);
		*c->reached = client->reached;
	}
	net_format_ip(ip, &c->peer.sa);
	memcpy(c->ip, ip, sizeof(c->ip) - 1);
	c->client.address = &c->peer.sa;
	set_names(c, client->state, client->names);
	if (c->client.state != POLICY_ASKING)
		return;
	c->names_query = rdns_ask(c->listener->rdns, &c->peer.sa, on_names, c);
	if (c->names_query == NULL)
		c->client.state = POLICY_TROUBLE;
}

static void
on_room(void *arg)
{
	struct inbound *c = arg;

	session_room(&c->session);
	conn_resume(c->conn);
}

static void
tell_accepted(struct inbound *c, const char *id)
{
	const struct session *s = &c->session;
	size_t recipients = s->envelope->m.nrcpt;
	struct ssl_st *tls = c->conn != NULL ? conn_link(c->conn) : NULL;
	char link[TLS_FACTS_SIZE], certificate[TLS_FILES_FINGERPRINT_SIZE], mended[HEADER_MEND_SIZE];
	char message_id[INBOUND_CONTENT_ID_SIZE];

	inbound_content_message_id(message_id, &c->content, id);
	header_mend_format(mended, c->content.mend.found, s->data.mended);
	tls_files_format_event(link, tls);
	tls_files_format_fingerprint(certificate, tls);
	log_event(LOG_FACT, id, "accepted",
	    "client=%s helo=%s sender=%s recipients=%zu size=%llu tls=%s%s%s%s%s%s%s%s%s", c->ip,
	    log_safe(s->helo), log_safe(inbound_log_sender(&c->session)), recipients,
	    (unsigned long long)s->data.size, link,
	    s->user != NULL ? " user=" : "", s->user != NULL ? log_safe(s->user) : "",
	    certificate[0] != '\0' ? " certificate=" : "", certificate,
	    mended[0] != '\0' ? " mended=" : "", mended,
	    message_id[0] != '\0' ? " message-id=" : "", message_id[0] != '\0' ? log_safe(message_id) : "");
	add_counter(c, COUNTER_MESSAGES_RECEIVED, 1);
	add_counter(c, COUNTER_MESSAGE_BYTES_RECEIVED, (int64_t)s->data.size);
	add_counter(c, COUNTER_RECIPIENTS_RECEIVED, (int64_t)recipients);
}

/* The client may have gone meanwhile: its message is accepted all the same. */
static void
on_stored(void *arg, int error, const char *id)
{
	struct inbound *c = arg;

	if (error == 0) {
		tell_accepted(c, id);
		inbound_filter_stored(c);
	} else
		log_event(LOG_FAULT, NULL, "trouble", "doing=store client=%s reason=%s", c->ip,
		    log_safe(strerror(error)));
	if (c->conn == NULL) {
		on_gone(c);
		return;
	}
	c->log.id = error == 0 ? id : NULL;
	session_stored(&c->session, error, id);
	conn_resume(c->conn);
}

/* The next hop has refused it while the client waited: the client has it still, or has gone with it. */
static void
on_hop_refused(void *arg, const char *words)
{
	struct inbound *c = arg;

	if (c->conn == NULL) {
		on_gone(c);
		return;
	}
	c->log.id = NULL;
	session_refused(&c->session, words);
	conn_resume(c->conn);
}

/* The filters have refused a message, or thrown it away. */
static void
on_refused(void *arg, const struct msg_filter_answer *a)
{
	struct inbound *c = arg;

	if (a->verdict == FILTER_DISCARD)
		inbound_filter_discarded(c, a);
	if (c->conn == NULL) {
		on_gone(c);
		return;
	}
	session_judged(&c->session, a, c->filter_id);
	conn_resume(c->conn);
}

/* Where the client has reached us, as far as the kernel need not be asked; NULL. */
static const struct sockaddr *
reached_address(const struct inbound *c, const struct gatekeeper_client *client)
{
	const struct sockaddr *own = (const void *)&c->listener->server->listen[client->listen].address.sa;

	return c->reached != NULL ? &c->reached->sa : net_is_any(own) ? NULL : own;
}

void
inbound_open(struct listener *l, struct gatekeeper_client *client)
{
	struct inbound *c = mem_new(struct inbound);

	c->listener = l;
	c->since = c->active = clock_mono_ms();
	c->serial = ++l->serial;
	take_client(c, client);
	c->content = (struct inbound_content){ .listener = l, .room = on_room, .stored = on_stored,
	    .ask = inbound_filter_ask_content, .refused = on_refused, .hop_refused = on_hop_refused,
	    .arg = c };
	c->conn = conn_new(l->conn_env, client->fd, &conn_ops, c);
	session_init(&c->session, l->server, &inbound_ops, c, &c->client, c->ip);
	inbound_log_open(&c->log, l->log, &c->session, client->fd, reached_address(c, client));
	TAILQ_INSERT_TAIL(&l->sessions, c, entry);
	inbound_memory_count(c);
	add_counter(c, COUNTER_INBOUND_TOTAL, 1);
	log_detail(NULL, "session", "session=%d-%u state=opened client=%s", log_pid(), c->serial, c->ip);
	if (l->server->listen[client->listen].tls)
		session_phase_secure(&c->session);
	else
		session_greet(&c->session);
	c->progress = c->session.progress - 1;
	conn_resume(c->conn);
}

/* --- for operators --- */

struct inbound *
inbound_next(struct inbound *c)
{
	return TAILQ_NEXT(c, entry);
}

bool
inbound_view(const struct inbound *c, struct inbound_view *v)
{
	uint64_t now = clock_mono_ms();

	if (c->conn == NULL)
		return false;
	*v = (struct inbound_view){
		.serial = c->serial, .messages = c->session.messages, .address = &c->peer.sa, .ip = c->ip,
		.helo = c->session.helo, .user = c->session.user,
		.state = c->judging ? "filtering" : session_phase_name(&c->session),
		.tls = c->session.link != LINK_CLEAR ? tls_link_version(conn_link(c->conn)) : "-",
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

/* What it holds is free at once: an end that waits for the client would leave it for seconds. */
void
inbound_shed(struct inbound *c)
{
	session_shed(&c->session);
	conn_flush(c->conn);
	on_gone(c);
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
