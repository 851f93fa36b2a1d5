/*
 * token_client - tokens from the fetch helper, for connections that log in with OAuth2
 *
 * Runs in:  deliver
 * Owns:     a record for each login under way
 * Promise:  a token is shown to a host that has proved its name under TLS, and is not kept here; one that the
 *           host refuses is told to the helper, and a new one is shown once. Each question is answered once,
 *           never from inside it
 * Fails by: outconn_auth_give_up()
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_client.h"
#include "common/ipc/msg_token.h"
#include "deliver/outbound/outbound.h"

/* Longer than the helper has for the endpoint, so that its reason is the one seen */
enum { PATIENCE_MS = 400000 };

struct token_client_question {
	struct ctl_client_question base;
	struct outconn *peer;
	uint32_t shown, refused;	/* serials of tokens; 0 none */
	bool last;			/* the host's challenge is to be answered */
};

static struct msg_auth_in_token word;		/* too large for the stack of a callback chain */

static const char *
profile_of(const struct token_client_question *q)
{
	return q->peer->site->d.security.account.oauth;
}

static void
end(struct outconn *p, enum outconn_auth_end how)
{
	struct token_client_question *q = p->proof;

	(void)how;
	p->proof = NULL;
	if (q != NULL)
		ctl_client_forget(&q->base);
}

static void
give_up(struct token_client_question *q, const char *status, const char *why)
{
	struct outconn *p = q->peer;
	char text[TOKEN_TEXT_SIZE + 64];

	snprintf(text, sizeof(text), "no token of [oauth %s]: %s", profile_of(q), why);
	end(p, OUTCONN_AUTH_GONE);
	outconn_auth_give_up(p, status, text);
}

/* May end the connection, and others with it. */
static void
show(struct token_client_question *q, const struct msg_token_answer *a)
{
	struct outconn *p = q->peer;
	struct xoauth_wish wish = { .mechanism = p->client.auth->mechanism, .user = p->client.set.user,
	    .host = p->host, .port = p->port,
		.token = a->token, .len = a->len };

	if (a->result != TOKEN_OK) {
		give_up(q, "4.7.0", a->text);
	} else if (!xoauth_first(&word, &wish)) {
		give_up(q, "4.7.0", "it is too long for the AUTH command");
	} else {
		q->shown = a->serial;
		outconn_auth_say(p, &word, true);
		explicit_bzero(&word, sizeof(word));
	}
}

static int
send_ask(struct ctl_client_question *base, struct ctl *c)
{
	const struct token_client_question *q = (struct token_client_question *)base;
	struct msg_token_ask a = { .refused = q->refused };

	snprintf(a.profile, sizeof(a.profile), "%s", profile_of(q));
	return ctl_send(c, CTL_TOKEN_ASK, base->request, &a, sizeof(a), -1);
}

static bool
on_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	static struct msg_token_answer answer;	/* too large, as well */

	if (!msg_token_answer_take(&answer, m->data, m->len))
		return false;
	show((struct token_client_question *)base, &answer);
	explicit_bzero(&answer, sizeof(answer));
	return true;
}

static void
on_failure(struct ctl_client_question *base, const char *why)
{
	struct token_client_question *q = (struct token_client_question *)base;

	if (!q->last) {
		give_up(q, "4.3.0", why);
		return;
	}
	q->last = false;
	xoauth_last(&word, q->peer->client.auth->mechanism);
	outconn_auth_say(q->peer, &word, false);
}

static void
need(void *arg)
{
	boot_need(((struct outbound *)arg)->b, CTL_HELPER_FETCH);
}

static const struct ctl_client_kind kind = {
	.part = "fetch", .answer = CTL_TOKEN_ANSWER, .repeats = UINT_MAX /* patience alone ends it */,
	.silent = "no answer from the fetch helper", .ended = "the fetch helper ended",
	.send = send_ask, .answered = on_answer, .failed = on_failure,
};

struct ctl_client *
token_client_new(struct outbound *r)
{
	return ctl_client_new(r->loop, &kind, PATIENCE_MS, need, r);
}

/* --- the source that outconn_auth asks --- */

static struct token_client_question *
question_of(struct outconn *p)
{
	struct token_client_question *q = p->proof;

	if (q == NULL) {
		q = p->proof = ctl_client_add(p->site->r->token_client, sizeof(*q));
		q->peer = p;
	}
	return q;
}

/* The host's no, in words of its own: {"status":"invalid_token"}. A reply follows our answer to it. */
static void
tell_challenge(const struct outconn *p, const struct buf *challenge)
{
	char status[64];

	xoauth_status(status, sizeof(status), buf_text(challenge), challenge->len);
	log_event(LOG_WARN, NULL, "challenge", "server=%s host=%s user=%s status=%s",
	    p->site->r->server->name, log_safe(p->where), log_safe(p->client.set.user), log_safe(status));
}

static void
ask(struct outconn *p, const struct buf *challenge)
{
	struct token_client_question *q = question_of(p);

	if (challenge != NULL) {
		tell_challenge(p, challenge);
		q->last = true;
		/* There is nothing to ask: our last word is said from the loop */
		ctl_client_fail(&q->base, NULL);
	} else if (strcmp(p->verified, "none") == 0) {
		ctl_client_fail(&q->base,
		    "it is for hosts that prove their name under TLS, and this one did not");
	} else {
		q->refused = p->client.auth->repeated ? q->shown : 0;
		ctl_client_ask(&q->base);
	}
}

const struct outconn_auth_source token_client_oauth2 = {
	.mechanisms = AUTH_OUT_TOKENS, .hold = true, .again = true, .ask = ask, .end = end,
};
