/*
 * token_client - asks the fetch helper for the OAuth2 access token of a login
 *
 * Runs in:  deliver
 * Owns:     one question for each login under way
 * Promise:  a token goes only to a host that has proved its name under TLS, and is not kept in this process.
 *           The helper hears of a token that the host refused; one new token is tried. Each question is
 *           answered once, never from inside `ask`
 * Fails by: give_up of the login
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/helpers/policy_client.h"
#include "common/ipc/ctl_client.h"
#include "common/msg/msg_token.h"
#include "deliver/auth_out/auth_out.h"

/*
 * Longer than the time that the helper gives the token endpoint: then its reason is the one that is reported
 */
enum { PATIENCE_MS = 400000 };

struct token_client_question {
	struct ctl_client_question base;
	struct auth_out_login *login;
	uint32_t shown, refused;	/* serial numbers of tokens; 0: none */
	bool last;			/* nothing is asked: the host's challenge is to be answered */
};

static struct msg_auth_in_token word;		/* too large for the stack of a callback chain */

static void
end_question(struct auth_out_login *l)
{
	struct token_client_question *q = l->question;

	l->question = NULL;
	if (q != NULL)
		ctl_client_forget(&q->base);
}

static void
give_up_login(struct auth_out_login *l, const char *status, const char *why)
{
	char text[TOKEN_TEXT_SIZE + 64];

	snprintf(text, sizeof(text), "no token of [oauth %s]: %s", l->account->oauth, why);
	end_question(l);
	l->give_up(l->arg, status, text);
}

static void
measure_token(const struct auth_out_login *l, const struct msg_token_answer *a)
{
	struct measures_row *row = a->result == TOKEN_OK ?
	    measures_row(l->measures, MEASURES_TOKENS, l->account->oauth) : NULL;

	if (row != NULL)
		row->value[MEASURES_TIME] = a->ends;
}

/* May end the connection, and others with it. */
static void
show_token(struct token_client_question *q, const struct msg_token_answer *a)
{
	struct auth_out_login *l = q->login;
	struct xoauth_request request = { .mechanism = l->mechanism, .user = l->account->user,
	    .host = l->host, .port = l->port, .token = a->token, .len = a->len };

	if (a->result != TOKEN_OK) {
		give_up_login(l, "4.7.0", a->text);
	} else if (!xoauth_first(&word, &request)) {
		give_up_login(l, "4.7.0", "it is too long for the AUTH command");
	} else {
		q->shown = a->serial;
		l->say(l->arg, &word, true);
		explicit_bzero(&word, sizeof(word));
	}
}

static int
send_ask(struct ctl_client_question *base, struct ctl *c)
{
	const struct token_client_question *q = (struct token_client_question *)base;
	struct msg_token_ask a = { .refused = q->refused };

	snprintf(a.profile, sizeof(a.profile), "%s", q->login->account->oauth);
	return ctl_send(c, CTL_TOKEN_ASK, base->request, &a, sizeof(a), -1);
}

static bool
on_token_answer(struct ctl_client_question *base, const struct ctl_message *m)
{
	static struct msg_token_answer answer;	/* too large for the stack, as well */

	if (!msg_token_answer_take(&answer, m->data, m->len))
		return false;
	measure_token(((struct token_client_question *)base)->login, &answer);
	show_token((struct token_client_question *)base, &answer);
	explicit_bzero(&answer, sizeof(answer));
	return true;
}

static void
on_no_token(struct ctl_client_question *base, const char *why)
{
	struct token_client_question *q = (struct token_client_question *)base;
	struct auth_out_login *l = q->login;

	if (!q->last) {
		give_up_login(l, "4.3.0", why);
		return;
	}
	q->last = false;
	xoauth_last(&word, l->mechanism);
	l->say(l->arg, &word, false);
}

static void
need_fetch_helper(void *arg)
{
	boot_need(arg, CTL_HELPER_FETCH);
}

static const struct ctl_client_kind kind = {
	.part = "fetch", .answer = CTL_TOKEN_ANSWER,
	.window = 1000,		/* below the helper's limit for one client */
	.repeats = UINT_MAX,	/* a helper that died is asked again until the time is over */
	.silent = "no answer from the fetch helper", .ended = "the fetch helper ended",
	.send = send_ask, .answered = on_token_answer, .failed = on_no_token, .also = &policy_client_kind,
};

struct ctl_client *
token_client_new(struct boot *b)
{
	return ctl_client_new(b->loop, &kind, PATIENCE_MS, need_fetch_helper, b);
}

/* --- the source --- */

static struct token_client_question *
question_of(struct auth_out_login *l)
{
	struct token_client_question *q = l->question;

	if (q == NULL) {
		q = l->question = ctl_client_add(l->client, sizeof(*q));
		q->login = l;
	}
	return q;
}

/* The challenge is the host's no in JSON: {"status":"invalid_token"}. Its reply follows our answer. */
static void
log_challenge(const struct auth_out_login *l, const struct buf *challenge)
{
	char status[64];

	xoauth_status(status, sizeof(status), buf_text(challenge), challenge->len);
	log_event(LOG_WARN, NULL, "challenge", "server=%s host=%s user=%s status=%s", l->server,
	    log_safe(l->where), log_safe(l->account->user), log_safe(status));
}

static void
ask_token(struct auth_out_login *l, const struct buf *challenge)
{
	struct token_client_question *q = question_of(l);

	if (challenge != NULL) {
		log_challenge(l, challenge);
		q->last = true;
		/* There is nothing to ask the helper: on_no_token makes the answer, from the loop */
		ctl_client_fail(&q->base, NULL);
	} else if (strcmp(l->verified, "none") == 0) {
		ctl_client_fail(&q->base,
		    "it is for hosts that prove their name under TLS, and this one did not");
	} else {
		q->refused = l->repeated ? q->shown : 0;
		ctl_client_ask(&q->base);
	}
}

const struct auth_out_source token_client_oauth2 = { .helper = CTL_HELPER_FETCH,
    .mechanisms = AUTH_OUT_TOKENS, .again = true, .ask = ask_token, .end = end_question };
