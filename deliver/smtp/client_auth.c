/*
 * client_auth - our authentication at the host (RFC 4954), between EHLO and the first transaction; pure
 *
 * Runs in:  deliver
 * Owns:     the challenge being read; the first word until the host has taken it
 * Promise:  the mechanisms that both sides have are tried in the order of client_auth_next, each once
 *           (settings.again: twice). No secret is sent without TLS unless the settings allow it. Where an
 *           account is configured no mail is sent without AUTH. A 2xx counts only after the last word of the
 *           mechanism. What a host asks counts only for mechanisms that need it
 * Fails by: the verdict of the connection, always "later": a wrong account is a fault of the configuration
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

/* Of a command with its CRLF (RFC 5321 4.5.3.1.4); a longer initial response is sent after the challenge */
#define LINE_MAX 512
#define CHALLENGES_MAX 10	/* of one attempt; no mechanism has more than four */
#define RAW_MAX (BASE64_SIZE(AUTH_IN_TOKEN_MAX) + 64)

struct client_auth *
client_auth_new(void)
{
	struct client_auth *a = mem_new(struct client_auth);

	a->challenge = BUF_INIT(AUTH_IN_TOKEN_MAX);
	a->raw = BUF_INIT(RAW_MAX);
	a->first_word = BUF_INIT(AUTH_IN_TOKEN_MAX);
	return a;
}

void
client_auth_free(struct client_auth *a)
{
	if (a == NULL)
		return;
	buf_wipe(&a->challenge);
	buf_wipe(&a->raw);
	buf_wipe(&a->first_word);
	free(a);
}

/* "AUTH PLAIN LOGIN", and "AUTH=PLAIN LOGIN" as old servers say. */
void
client_auth_offer(struct client *c, const char *line)
{
	struct client_auth *a = c->auth;

	if (a == NULL)
		return;
	for (const char *word = line + strcspn(line, " ="); *word != '\0'; word += strcspn(word, " =")) {
		size_t len;

		word += strspn(word, " =");
		len = strcspn(word, " =");
		for (unsigned i = 0; i < AUTH_OUT_MECHANISMS; i++)
			if (strlen(msg_auth_out_mechanism_names[i]) == len &&
			    strncasecmp(msg_auth_out_mechanism_names[i], word, len) == 0)
				a->offered |= AUTH_OUT_BIT(i);
		a->has_offer |= len > 0;
	}
}

static void fail_auth(struct client *c, const char *status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

static void
fail_auth(struct client *c, const char *status, const char *fmt, ...)
{
	struct verdict v;
	char text[sizeof(v.text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	verdict_set(&v, VERDICT_LATER, status, "%s", text);
	snprintf(v.host, sizeof(v.host), "%s", c->set.host);
	client_fail(c, &v, false);
}

/* No mechanism can be tried: why. */
static void
fail_unable(struct client *c)
{
	const struct client_auth *a = c->auth;

	if (!a->has_offer)
		fail_auth(c, "4.7.0", "%s offers no authentication, but outbound-auth wants it", c->set.host);
	else if (client_auth_next_shared(c) != 0)
		fail_auth(c, "4.7.11",
		    "%s offers only authentication that shows the secret, and the connection has no TLS",
		    c->set.host);
	else
		fail_auth(c, "4.7.4", "%s offers no authentication that outbound-auth%s allows", c->set.host,
		    c->set.mechanisms_named ? " and auth-mechanisms" : "");
}

static void
begin_mechanism(struct client *c, enum msg_auth_out_mechanism mechanism)
{
	struct client_auth *a = c->auth;

	a->mechanism = mechanism;
	a->begun = a->last = a->unsaid = false;
	a->challenges = 0;
	buf_clear(&a->challenge);
	buf_wipe(&a->first_word);
	c->phase = CLIENT_WORD;
}

void
client_auth_begin(struct client *c)
{
	enum msg_auth_out_mechanism mechanism;

	if (client_auth_next_choose(c, &mechanism))
		begin_mechanism(c, mechanism);
	else
		fail_unable(c);
}

/* --- our words --- */

static void
send_word(struct client *c, const void *data, size_t len)
{
	char *text = mem_zalloc(BASE64_SIZE(len));

	base64_encode(text, data, len);
	buf_puts(&c->out, text);
	explicit_bzero(text, BASE64_SIZE(len));
	free(text);
}

/* The AUTH line. The first word is kept: the host may ask for it after all. */
static void
send_first(struct client *c, const void *data, size_t len, bool absent)
{
	struct client_auth *a = c->auth;
	const char *name = msg_auth_out_mechanism_names[a->mechanism];

	a->begun = true;
	buf_printf(&c->out, "AUTH %s", name);
	if (absent)
		return;
	buf_add(&a->first_word, data, len);
	a->unsaid = a->bare ||
	    strlen("AUTH  \r\n") + strlen(name) + BASE64_SIZE(len) - 1 > LINE_MAX;
	if (a->unsaid)
		return;
	buf_puts(&c->out, len == 0 ? " =" : " ");
	send_word(c, data, len);
}

void
client_auth_say(struct client *c, const struct msg_auth_in_token *word, bool last)
{
	struct client_auth *a = c->auth;

	if (c->phase != CLIENT_WORD)
		bug("client_auth_say in phase %d", (int)c->phase);
	a->last = last;
	c->phase = CLIENT_AUTH;
	if (!a->begun) {
		send_first(c, word->data, word->len, word->absent);
		c->out_is_auth = false;
	} else {
		send_word(c, word->data, word->len);
		c->out_is_auth = true;
	}
	buf_puts(&c->out, "\r\n");
}

void
client_auth_give_up(struct client *c, const char *status, const char *why)
{
	if (c->phase != CLIENT_WORD)
		bug("client_auth_give_up in phase %d", (int)c->phase);
	fail_auth(c, status, "no authentication at %s as %s: %s", c->set.host, c->set.user, why);
	c->ours = true;
}

/* --- the host's replies --- */

static void
say_first(struct client *c)
{
	struct client_auth *a = c->auth;

	send_word(c, buf_text(&a->first_word), a->first_word.len);
	buf_puts(&c->out, "\r\n");
	buf_wipe(&a->first_word);
	a->unsaid = false;
	c->out_is_auth = true;
}

/* With this mechanism it gets nowhere, through no fault of the account: the next one, if there is one. */
static void
give_up_mechanism(struct client *c, const char *why)
{
	struct client_auth *a = c->auth;

	a->refused |= AUTH_OUT_BIT(a->mechanism);
	if (client_auth_next_usable(c) == 0) {
		fail_auth(c, "4.5.0", "%s %s", c->set.host, why);
		return;
	}
	a->cancelled = true;
	buf_puts(&c->out, "*\r\n");	/* RFC 4954 4 */
}

static void
take_challenge(struct client *c)
{
	struct client_auth *a = c->auth;

	if (a->cancelled)
		client_fail_protocol(c);
	else if (++a->challenges > CHALLENGES_MAX)
		fail_auth(c, "4.5.0", "%s wants one more word for ever", c->set.host);
	else if (client_challenge_wants_first(a))
		say_first(c);
	else if (client_challenge_is_late(a))
		give_up_mechanism(c, "asks on after the last word");
	else if (!client_challenge_read(a))
		give_up_mechanism(c, "sent a challenge that is too long or not base64");
	else {
		buf_wipe(&a->first_word);
		c->phase = CLIENT_WORD;
	}
}

/* --- the other replies --- */

/* Microsoft 365 says with these codes that it takes no passwords at all. */
static const char *
hint_of(const struct client *c)
{
	bool basic = strstr(c->response->text, "5.7.30 ") != NULL ||
	    strstr(c->response->text, "5.7.139 ") != NULL;

	return basic && (AUTH_OUT_BIT(c->auth->mechanism) & AUTH_OUT_BASIC) != 0 ?
	    " (this host takes no passwords: outbound-auth = oauth2 may be what it wants)" : "";
}

/* " (before it: SCRAM-SHA-256, PLAIN)": mechanisms that were refused in this connection. */
static void
name_others(const struct client_auth *a, char *dst, size_t size)
{
	size_t at = 0;

	dst[0] = '\0';
	for (unsigned i = 0; i < AUTH_OUT_MECHANISMS && at < size; i++)
		if (a->tried & AUTH_OUT_BIT(i) & ~AUTH_OUT_BIT(a->mechanism))
			at += (size_t)snprintf(dst + at, size - at, "%s%s", at == 0 ? " (before it: " : ", ",
			    msg_auth_out_mechanism_names[i]);
	if (at > 0 && at < size)
		snprintf(dst + at, size - at, ")");
}

/* Keeps the refusal, unless one before says more: the host knows the account and denies it. */
static void
keep_refusal(struct client *c)
{
	struct client_auth *a = c->auth;
	struct verdict v = client_verdict_last(c);
	bool denied = v.what == VERDICT_REFUSED &&
	    client_auth_next_about(v.code) != CLIENT_ABOUT_MECHANISM;
	char others[120];

	if (a->denied && !denied && v.what == VERDICT_REFUSED)
		return;
	name_others(a, others, sizeof(others));
	verdict_set(&c->heard, VERDICT_LATER, v.what == VERDICT_REFUSED ? "4.7.8" : v.status,
	    "authentication with %s failed%s: %s%s", msg_auth_out_mechanism_names[a->mechanism], others,
	    v.text, hint_of(c));
	c->heard.code = v.code;
	snprintf(c->heard.host, sizeof(c->heard.host), "%s", v.host);
	a->denied = denied;
	a->heard_mechanism = a->mechanism;
}

/* The mechanism did not do; nothing was judged that would stand against another one. */
static void
try_next(struct client *c)
{
	struct client_auth *a = c->auth;
	enum msg_auth_out_mechanism next;

	if (client_auth_next_choose(c, &next))
		begin_mechanism(c, next);
	else if ((!a->denied && client_auth_next_shared(c) != 0) || !client_fail_heard(c))
		fail_unable(c);
}

static void
judge_refusal(struct client *c)
{
	struct client_auth *a = c->auth;
	int code = c->response->code;

	if (a->cancelled) {
		a->cancelled = false;
		try_next(c);
		return;
	}
	/* An old host may know AUTH without an initial response only (RFC 4954 4 allows one). */
	if ((code == 500 || code == 501) && a->challenges == 0 && a->first_word.len > 0 && !a->bare) {
		a->bare = true;
		begin_mechanism(c, a->mechanism);
		return;
	}
	if (client_auth_next_doubts_token(code) && c->set.again && !a->repeated) {
		a->repeated = true;
		begin_mechanism(c, a->mechanism);
		return;
	}
	a->tried |= AUTH_OUT_BIT(a->mechanism);
	keep_refusal(c);
	a->refused |= client_auth_next_useless(c);
	try_next(c);
}

void
client_auth_input(struct client *c, const char *data, size_t len)
{
	if (c->phase == CLIENT_AUTH)
		client_challenge_input(c->auth, data, len);
}

void
client_auth_challenge(struct client *c)
{
	c->out_is_auth = false;
	if (c->response->code == 334)
		take_challenge(c);
	else
		client_fail_protocol(c);
	buf_wipe(&c->auth->raw);
}

void
client_auth_accepted(struct client *c)
{
	struct client_auth *a = c->auth;

	c->out_is_auth = false;
	if (a->last && !a->unsaid && !a->cancelled) {
		buf_wipe(&a->challenge);
		buf_wipe(&a->first_word);
		client_heard_forget(c);
		c->opening = CLIENT_AUTHENTICATED;
		c->phase = CLIENT_BETWEEN;
	} else
		fail_auth(c, "4.7.0", "%s took us for %s before it proved itself (%s)", c->set.host,
		    c->set.user, msg_auth_out_mechanism_names[a->mechanism]);
	buf_wipe(&a->raw);
}

void
client_auth_refused(struct client *c)
{
	c->out_is_auth = false;
	judge_refusal(c);
	buf_wipe(&c->auth->raw);
}
