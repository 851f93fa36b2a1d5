/*
 * bearing - tokens from the fetch helper, for connections that log in with OAuth2
 *
 * Runs in:  deliver
 * Owns:     the channel to the helper, a record for each login under way
 * Promise:  a token is shown to a host that has proved its name under TLS, and is not kept here; one that the host refuses is told to the
 *           helper, and a new one is shown once. Each question is answered once, never from inside it
 * Fails by: peer_auth_give_up()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/bearer.h"
#include "deliver/deliver.h"

enum { NEED_MS = 1000, PATIENCE_MS = 400000 };	/* longer than the helper has for the endpoint, so that its reason is the one seen */

struct bearing_question {
	TAILQ_ENTRY(bearing_question) link;
	struct peer *peer;
	uint32_t request;
	uint32_t shown, refused;	/* serials of tokens; 0 none */
	bool sent, waits;		/* with the helper; for its answer */
	bool last;			/* the host's challenge is to be answered */
	const char *trouble;		/* to be told by the timer */
	uint64_t deadline;
};

struct bearing {
	struct remote *r;
	struct ctl *ctl;		/* NULL: none */
	TAILQ_HEAD(, bearing_question) questions;
	uint32_t request;
	uint64_t needed_ms;
	struct loop_timer *timer;
	struct bearer_answer answer;	/* too large for the stack of a callback chain, as is the word */
	struct vouch_token word;
};

static const char *
profile_of(const struct bearing_question *q)
{
	return q->peer->site->d.security.account.oauth;
}

static void
forget(struct bearing *b, struct bearing_question *q)
{
	q->peer->proof = NULL;
	TAILQ_REMOVE(&b->questions, q, link);
	free(q);
}

static void
give_up(struct bearing *b, struct bearing_question *q, const char *status, const char *why)
{
	struct peer *p = q->peer;
	char text[BEARER_TEXT_SIZE + 64];

	snprintf(text, sizeof(text), "no token of [oauth %s]: %s", profile_of(q), why);
	forget(b, q);
	peer_auth_give_up(p, status, text);
}

/* May end the connection, and others with it. */
static void
show(struct bearing *b, struct bearing_question *q, const struct bearer_answer *a)
{
	struct peer *p = q->peer;
	struct xoauth_wish wish = { .mechanism = p->client.auth->mechanism, .user = p->client.set.user, .host = p->host, .port = p->port,
		.token = a->token, .len = a->len };

	q->waits = false;
	if (a->result != BEARER_OK) {
		give_up(b, q, "4.7.0", a->text);
	} else if (!xoauth_first(&b->word, &wish)) {
		give_up(b, q, "4.7.0", "it is too long for the AUTH command");
	} else {
		q->shown = a->serial;
		peer_auth_say(p, &b->word, true);
		explicit_bzero(&b->word, sizeof(b->word));
	}
}

static void
fail_soon(struct bearing *b, struct bearing_question *q, const char *why)
{
	q->trouble = why;
	loop_timer_set(b->timer, 0);
}

static void
send_ask(struct bearing *b, struct bearing_question *q)
{
	struct bearer_ask a = { .refused = q->refused };

	snprintf(a.profile, sizeof(a.profile), "%s", profile_of(q));
	q->sent = true;
	if (ctl_send(b->ctl, CTL_BEARER_ASK, q->request, &a, sizeof(a), -1) == -1)
		fail_soon(b, q, "the fetch helper does not listen");
}

static void
on_message(void *arg, const struct ctl_message *m)
{
	struct bearing *b = arg;
	struct bearing_question *q;

	if (m->type != CTL_BEARER_ANSWER || !bearer_answer_take(&b->answer, m->data, m->len)) {
		log_event(LOG_WARN, NULL, "trouble", "part=fetch reason=%s", log_safe("malformed answer"));
		return;
	}
	TAILQ_FOREACH(q, &b->questions, link)
		if (q->request == m->request && q->sent && q->waits) {
			show(b, q, &b->answer);
			break;
		}
	explicit_bzero(&b->answer, sizeof(b->answer));
	explicit_bzero((void *)(uintptr_t)m->data, m->len);	/* the receive buffer of this process */
}

/* What it had not answered is asked of its successor. */
static void
on_close(void *arg, bool bad)
{
	struct bearing *b = arg;
	struct bearing_question *q;

	if (bad)
		log_event(LOG_WARN, NULL, "trouble", "part=fetch reason=%s", log_safe("misbehaved"));
	ctl_free(b->ctl);
	b->ctl = NULL;
	TAILQ_FOREACH(q, &b->questions, link)
		if (q->waits)
			q->sent = false;
	loop_timer_set(b->timer, 0);
}

/* Each round from the front, for telling one may end others. */
static struct bearing_question *
next_due(struct bearing *b, uint64_t now)
{
	struct bearing_question *q;

	TAILQ_FOREACH(q, &b->questions, link) {
		if (q->waits && q->trouble == NULL && q->deadline <= now)
			q->trouble = "no answer from the fetch helper";
		if (q->waits && (q->trouble != NULL || q->last))
			return q;
	}
	return NULL;
}

static void
need(struct bearing *b, uint64_t now)
{
	if (b->needed_ms == 0 || now - b->needed_ms >= NEED_MS) {
		b->needed_ms = now;
		boot_need(b->r->b, CTL_HELPER_FETCH);
	}
	loop_timer_set(b->timer, NEED_MS);
}

static void
on_timer(void *arg)
{
	struct bearing *b = arg;
	struct bearing_question *q;
	uint64_t now = clock_mono_ms();

	while ((q = next_due(b, now)) != NULL)
		if (q->last) {
			q->last = q->waits = false;
			xoauth_last(&b->word, q->peer->client.auth->mechanism);
			peer_auth_say(q->peer, &b->word, false);
		} else
			give_up(b, q, "4.3.0", q->trouble);
	TAILQ_FOREACH(q, &b->questions, link) {
		if (q->waits && !loop_timer_is_set(b->timer))
			loop_timer_set(b->timer, NEED_MS);
		if (q->waits && !q->sent && b->ctl != NULL)
			send_ask(b, q);
		else if (q->waits && !q->sent)
			need(b, now);
	}
}

/* --- the source that peer_auth asks --- */

static struct bearing *
bearing_of(struct remote *r)
{
	if (r->bearing == NULL) {
		r->bearing = mem_new(struct bearing);
		r->bearing->r = r;
		TAILQ_INIT(&r->bearing->questions);
		r->bearing->timer = loop_timer_new(r->loop, on_timer, r->bearing);
	}
	return r->bearing;
}

static struct bearing_question *
question_of(struct bearing *b, struct peer *p)
{
	struct bearing_question *q = p->proof;

	if (q == NULL) {
		q = p->proof = mem_new(struct bearing_question);
		q->peer = p;
		TAILQ_INSERT_TAIL(&b->questions, q, link);
	}
	return q;
}

/* The host's no, in words of its own: {"status":"invalid_token"}. A reply follows our answer to it. */
static void
tell_challenge(const struct peer *p, const struct buf *challenge)
{
	char status[64];

	xoauth_status(status, sizeof(status), buf_text(challenge), challenge->len);
	log_event(LOG_WARN, NULL, "challenge", "server=%s host=%s user=%s status=%s", p->site->r->server->name, log_safe(p->where),
	    log_safe(p->client.set.user), log_safe(status));
}

static void
ask(struct peer *p, const struct buf *challenge)
{
	struct bearing *b = bearing_of(p->site->r);
	struct bearing_question *q = question_of(b, p);
	uint64_t now = clock_mono_ms();

	q->waits = true;
	q->deadline = now + PATIENCE_MS;
	if (challenge != NULL) {
		tell_challenge(p, challenge);
		q->last = true;
		loop_timer_set(b->timer, 0);
		return;
	}
	if (strcmp(p->verified, "none") == 0) {
		fail_soon(b, q, "it is for hosts that prove their name under TLS, and this one did not");
		return;
	}
	q->refused = p->client.auth->repeated ? q->shown : 0;
	q->request = ++b->request;
	q->sent = false;
	if (b->ctl != NULL)
		send_ask(b, q);
	else
		need(b, now);
	if (!loop_timer_is_set(b->timer))
		loop_timer_set(b->timer, NEED_MS);
}

static void
end(struct peer *p, enum peer_auth_end how)
{
	(void)how;
	if (p->proof != NULL)
		forget(p->site->r->bearing, p->proof);
}

void
bearing_channel(struct remote *r, int fd)
{
	struct bearing *b = bearing_of(r);

	if (b->ctl != NULL) {
		close(fd);		/* one is enough */
		return;
	}
	b->ctl = ctl_new(r->loop, fd, CTL_FROM_HELPER, on_message, on_close, b);
	loop_timer_set(b->timer, 0);
}

void
bearing_free(struct bearing *b)
{
	struct bearing_question *q;

	if (b == NULL)
		return;
	while ((q = TAILQ_FIRST(&b->questions)) != NULL)
		forget(b, q);
	ctl_free(b->ctl);
	loop_timer_free(b->timer);
	free(b);
}

const struct peer_auth_source bearing_oauth2 = {
	.mechanisms = PROVE_TOKENS, .hold = true, .again = true, .ask = ask, .end = end,
};
