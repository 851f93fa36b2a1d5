/*
 * outconn - one outbound connection: its state, its time limits; drives the client dialogue
 *
 * Runs in:  deliver
 * Owns:     the socket; the bytes to be sent: commands, at most one piece of content
 * Promise:  about seven system calls a message on a kept connection: all commands in one write, a small
 *           content in one more. No wait without a limit; a host that sends or takes byte by byte cannot
 *           stretch it
 * Fails by: the client's verdicts; site_closed, once
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "common/spool/spool.h"
#include "deliver/outbound/outbound.h"

enum { CONNECT_MS = 30000, IDLE_MS = 5000 };
#define MARKED_AT_ONCE 8	/* connections whose rest is done without looking for replies of others */
#define KEEP_OUT 4096		/* bytes: an idle connection keeps no larger buffer for its next commands */

/* No limit of the dialogue is longer than outbound-timeout. */
static uint64_t
bounded_limit(const struct outconn *p, uint64_t ms)
{
	return MIN(ms, p->site->o->server->outbound_timeout);
}

/* --- waiting --- */

/*
 * Waits, at most for the limit of the present phase. It is counted from the last step of the dialogue or the
 * last byte that was sent, not from bytes that came; these can only make it shorter.
 */
static void
wait_for_host(struct outconn *p, bool blocked)
{
	uint64_t limit = client_time_limit(&p->client);
	size_t step = p->client.answered;

	loop_io_want(p->io, blocked ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	loop_io_first(p->io, p->client.phase == CLIENT_DOT);
	if (p->state == OUTCONN_CONNECTING)
		return;		/* the limit is CONNECT_MS, set at the beginning */
	if (p->timed == p->client.phase && p->timed_step == step && limit >= p->timed_limit)
		return;
	p->timed = p->client.phase;
	p->timed_step = step;
	p->timed_limit = limit;
	loop_timer_set(p->timer, outconn_deadline_cut(p, bounded_limit(p, limit)));
}

static void
wait_idle(struct outconn *p)
{
	p->timed = CLIENT_PHASE_COUNT;
	if (p->client.out.size > KEEP_OUT)
		buf_done(&p->client.out);
	loop_io_want(p->io, LOOP_READ);
	loop_timer_set(p->timer, IDLE_MS);
	site_idle(p->site, p);
}

/* The socket goes to who wanted it; this end of it is over. */
static void
hand_over(struct outconn *p, struct outbound_job *job)
{
	int fd = p->fd;
	struct ssl_st *tls = p->tls;

	loop_io_free(p->io);
	p->io = NULL;
	p->fd = -1;
	p->tls = NULL;
	job->handed(job->arg, fd, tls, p->where);
	site_job_over(p->site, p, job, CLIENT_FINAL);
	client_end(&p->client, "it is handed over");
}

/* A job without a message is done when the connection is open. */
static void
begin_job(struct outconn *p, struct outbound_job *job)
{
	struct client_mail mail = { .e = job->e, .sender = job->sender };

	if (job->e == NULL && job->handed != NULL) {
		hand_over(p, job);
		return;
	}
	if (job->e == NULL) {
		job->done_login(job->arg, p);
		site_job_over(p->site, p, job, CLIENT_FINAL);
		return;
	}
	p->client.without = outconn_memory_without(p, job) | site_gate_without(p);
	outconn_content_prepare(p, job, &mail);
	if (p->client.without & CLIENT_SEVERAL)
		rcpt_list_limit(&job->list, 1);
	p->job_at = clock_mono_ms();
	if (p->pace != NULL)
		rcpt_list_limit(&job->list, pace_host_most(p->pace, p->job_at));
	rcpt_list_limit(&job->list, site_gate_recipients(p));
	rcpt_list_mail(&job->list, &p->client, &mail);
	p->job = job;
	p->content_at = 0;
	p->messages++;
	outconn_wait_begin(p, outconn_run);
	p->timed = CLIENT_PHASE_COUNT;
	outconn_deadline_begin(p, &mail);
	client_transaction_begin(&p->client, &mail);
}

static void
send_quit(struct outconn *p)
{
	p->timed = CLIENT_PHASE_COUNT;
	site_quitting(p->site, p);
	client_quit(&p->client);
}

/* The connection is ready for a message: begins one, sends QUIT or becomes idle. False: it is idle. */
static bool
take_job(struct outconn *p)
{
	struct outbound_job *job;

	if (p->state < OUTCONN_OPEN) {
		p->state = OUTCONN_OPEN;
		outconn_auth_end(p);
		outconn_memory_opened(p);
		outconn_report_over(p);
		site_opened(p->site, p);
	}
	if (p->site->o->draining || p->spent || (p->gate != NULL && pace_gate_has_surplus(p->gate,
	    clock_mono_ms())) || p->client.clear != CLIENT_CLEAR_TAKEN ||
	    (p->site->kind == SITE_CONNECTS &&
	    p->messages >= p->site->o->server->max_messages_per_connection)) {
		send_quit(p);
		return true;
	}
	job = site_take(p->site, p);
	if (job == NULL && (p->site->kind == SITE_ATRN_ENDS || outconn_memory_is_makeshift(p))) {
		send_quit(p);
		return true;
	}
	if (job == NULL) {
		wait_idle(p);
		return false;
	}
	begin_job(p, job);
	return true;
}

static void
finish_job(struct outconn *p)
{
	struct outbound_job *job = p->job;
	enum client_fate fate = client_finish(&p->client);

	fate = outconn_memory_finished(p, job, fate);
	p->job = NULL;
	buf_done(&p->form);
	site_job_over(p->site, p, job, fate);
}

/* The TLS handshake. False: it waits for the host. */
static bool
shake_hands(struct outconn *p)
{
	bool blocked;

	if (outconn_io_shake(p, &blocked))
		return true;
	wait_for_host(p, blocked);
	return false;
}

/* Does what the dialogue asks for, until it waits for the host. May free `p`. */
void
outconn_run(struct outconn *p)
{
	(void)shared_limits_allow(p);
	for (;;) {
		switch (client_action(&p->client)) {
		case CLIENT_DONE:
			finish_job(p);
			break;
		case CLIENT_ASK_WORD:
			outconn_auth_ask(p);
			wait_for_host(p, false);
			return;
		case CLIENT_READY:
			if (!take_job(p))
				return;
			break;
		case CLIENT_HANDSHAKE:
			if (!shake_hands(p))
				return;
			break;
		case CLIENT_CONTENT:
			if (!outconn_bytes_send_content(p)) {
				wait_for_host(p, true);
				return;
			}
			break;
		case CLIENT_WAIT: {
			bool blocked = !outconn_bytes_send(p);

			if (client_action(&p->client) != CLIENT_WAIT)
				break;
			wait_for_host(p, blocked);
			return;
		}
		case CLIENT_CLOSE:
			site_closed(p->site, p);
			return;
		}
	}
}

static void
set_marked(struct outconn *p, bool marked)
{
	if (p->marked != marked)
		p->site->o->marked += marked ? 1 : -1U;
	p->marked = marked;
}

/*
 * The host has taken the message: that is marked before anything else is done, also for other connections
 * whose reply waits. Else it comes twice when the process ends now.
 */
static bool
mark_first(struct outconn *p, enum client_phase before)
{
	const struct rcpt_list *l;

	if (before != CLIENT_DOT || p->client.phase != CLIENT_BETWEEN || p->client.fate != CLIENT_FINAL ||
	    client_action(&p->client) != CLIENT_DONE || p->job->taken == NULL ||
	    (p->site->o->spool != NULL && !spool_folder_is_ours(p->site->o->spool)))
		return false;
	l = &p->job->list;
	for (size_t i = l->settled; i < l->settled + l->part; i++)
		if (l->verdict[i].what == VERDICT_DELIVERED)
			p->job->taken(p->job->arg, l->index[i]);
	loop_io_first(p->io, false);
	set_marked(p, true);
	p->timed = CLIENT_PHASE_COUNT;
	/* the rest follows when all replies that came are marked; with many, others come before it */
	if (p->site->o->marked <= MARKED_AT_ONCE)
		loop_timer_first(p->timer);
	else
		loop_timer_set(p->timer, 0);
	return true;
}

static void
on_io(void *arg, unsigned what)
{
	struct outconn *p = arg;
	enum client_phase before = p->client.phase;

	if (!p->marked && (what & LOOP_READ) && client_action(&p->client) != CLIENT_HANDSHAKE)
		outconn_bytes_receive(p);
	if (!p->marked && mark_first(p, before))
		return;
	set_marked(p, false);
	outconn_run(p);
}

static void
on_timer(void *arg)
{
	struct outconn *p = arg;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (p->marked) {
		set_marked(p, false);
		outconn_run(p);
		return;
	}
	if (p->state == OUTCONN_IDLE) {
		outconn_quit(p);
		return;
	}
	if (p->state == OUTCONN_CONNECTING && p->timed == CLIENT_PHASE_COUNT) {
		/* Nothing came: either the host is connected and silent, or there is no connection. */
		if (getpeername(p->fd, (struct sockaddr *)&sa, &len) == 0) {
			p->timed = p->client.phase;
			loop_timer_set(p->timer, bounded_limit(p, client_time_limit(&p->client)));
			return;
		}
		client_unreached(&p->client, p->where, strerror(ETIMEDOUT));
	} else if (outconn_deadline_is_over(p))
		client_overdue(&p->client);
	else
		client_timeout(&p->client);
	outconn_run(p);
}

/* --- beginning and end --- */

/* The source has the next word of the AUTH dialogue. */
static void
on_word(void *arg, const struct msg_auth_in_token *word, bool last)
{
	struct outconn *p = arg;

	p->auth = OUTCONN_AUTH_QUIET;
	client_auth_say(&p->client, word, last);
	outconn_run(p);
}

static void
on_no_word(void *arg, const char *status, const char *why)
{
	struct outconn *p = arg;

	p->auth = OUTCONN_AUTH_QUIET;
	client_auth_give_up(&p->client, status, why);
	outconn_run(p);
}

/* With the host at `a`; NULL: with one that has connected to us. */
static void
begin_dialogue(struct outconn *p, const struct mx_address *a)
{
	struct site *s = p->site;
	struct client_settings set = { .fqdn = s->o->server->fqdn, .host = p->host, .helo = s->d.helo,
	    .tls = CLIENT_TLS_OFF, .heard = outconn_log_reply, .arg = p };

	p->login.say = on_word;
	p->login.give_up = on_no_word;
	p->login.arg = p;
	p->login.measures = counters_measures(s->o->counters);
	if (a != NULL) {
		outconn_memory_begin(p, a, &set);
		site_gate_settings(p, &set);
	}
	outconn_auth_settings(p, &set);
	client_init(&p->client, &set);
	p->sent_at = clock_mono_ms();
	p->verified = p->proofs = "none";
	snprintf(p->facts, sizeof(p->facts), "-");
}

/* 0, or -1: the client knows why. */
static int
begin_with(struct outconn *p, const struct mx_address *a)
{
	begin_dialogue(p, a);
	outconn_report_begin(p, a);
	if (a->refused != NULL) {
		outconn_report_refused(p);
		client_insecure(&p->client, CLIENT_TLS_UNPROVEN, a->refused);
		return -1;
	}
	if (outconn_connect_begin(p) == 0)
		return 0;
	client_unreached(&p->client, p->where, strerror(errno));
	return -1;
}

/*
 * A refused connection is seen by recv(2), an accepted one by its greeting: there is no wait for "writable".
 * Where TLS begins at once, we send the first bytes.
 */
static void
watch_socket(struct outconn *p)
{
	bool first = client_action(&p->client) == CLIENT_HANDSHAKE;

	p->io = loop_io_new(p->site->o->loop, p->fd, first ? LOOP_WRITE : LOOP_READ, on_io, p);
	p->timer = loop_timer_new(p->site->o->loop, on_timer, p);
	loop_timer_set(p->timer, bounded_limit(p, CONNECT_MS));
	outconn_wait_begin(p, outconn_run);
}

struct outconn *
outconn_open(struct site *s, unsigned index, struct verdict *why)
{
	struct outconn *p = mem_new(struct outconn);
	const struct mx_address *a = &s->list.address[index];

	p->site = s;
	p->fd = -1;
	p->generation = s->generation;
	p->index = index;
	p->gate = s->host[index].gate;	/* counted when it is open: site_gate_enter */
	p->timed = CLIENT_PHASE_COUNT;
	outconn_connect_names(p, a);
	if (begin_with(p, a) == -1) {
		*why = p->client.failure;
		outconn_free(p);
		return NULL;
	}
	watch_socket(p);
	return p;
}

/* The host has connected to us and has authenticated: no TLS is begun on its connection from here. */
struct outconn *
outconn_atrn(struct site *s, int fd, uint16_t port)
{
	struct outconn *p = mem_new(struct outconn);

	p->site = s;
	p->fd = fd;
	p->timed = CLIENT_PHASE_COUNT;
	p->host = mem_printf("[%s]", s->d.domain);
	snprintf(p->ip, sizeof(p->ip), "%s", s->d.domain);
	snprintf(p->where, sizeof(p->where), "[%s]:%u", p->ip, port);
	p->port = port;
	p->memory_key = mem_strdup(s->d.domain);
	begin_dialogue(p, NULL);
	watch_socket(p);
	return p;
}

void
outconn_start(struct outconn *p, struct outbound_job *job)
{
	begin_job(p, job);
	outconn_run(p);
}

void
outconn_quit(struct outconn *p)
{
	if (client_action(&p->client) == CLIENT_READY) {
		send_quit(p);
		outconn_run(p);
	} else
		site_closed(p->site, p);
}

void
outconn_free(struct outconn *p)
{
	set_marked(p, false);
	outconn_auth_end(p);
	outconn_report_over(p);
	buf_done(&p->form);
	outconn_io_close(p);
	client_done(&p->client);
	loop_timer_free(p->timer);
	outconn_wait_done(p);
	loop_io_free(p->io);
	if (p->fd != -1)
		close(p->fd);
	free(p->tlsa);
	free(p->memory_key);
	free(p->host);
	free(p);
}
