/*
 * client_auth - our authentication at the host (RFC 4954), between EHLO and the first transaction; pure
 *
 * Runs in:  deliver
 * Owns:     the challenge being read, an initial response too long for the AUTH line
 * Promise:  the strongest mechanism that both sides have; one attempt a connection (settings.again: two). No
 *           secret is sent without TLS unless the settings allow it. Where an account is configured no mail
 *           is sent without AUTH. A 2xx counts only after the last word of the mechanism
 * Fails by: the verdict of the connection, always "later": a wrong account is a fault of the configuration
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"

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
	a->deferred_word = BUF_INIT(AUTH_IN_TOKEN_MAX);
	return a;
}

static void
wipe_buf(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->size);
	buf_done(b);
}

void
client_auth_free(struct client_auth *a)
{
	if (a == NULL)
		return;
	wipe_buf(&a->challenge);
	wipe_buf(&a->raw);
	wipe_buf(&a->deferred_word);
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

/* No mechanism is left: why. */
static void
fail_unable(struct client *c)
{
	const struct client_auth *a = c->auth;

	if (!a->has_offer)
		fail_auth(c, "4.7.0", "%s offers no authentication, but outbound-auth wants it", c->set.host);
	else if ((a->offered & c->set.mechanisms & ~a->refused) != 0)
		fail_auth(c, "4.7.11",
		    "%s offers only authentication that shows the secret, and the connection has no TLS",
		    c->set.host);
	else
		fail_auth(c, "4.7.4", "%s offers no authentication that outbound-auth allows", c->set.host);
}

void
client_auth_begin(struct client *c)
{
	struct client_auth *a = c->auth;
	unsigned usable = c->set.mechanisms & a->offered & ~a->refused;

	if (c->security != CLIENT_SECURED)
		usable &= (~AUTH_OUT_BARE | c->set.clear) & ~AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS);
	if (usable == 0) {
		fail_unable(c);
		return;
	}
	a->mechanism = (enum msg_auth_out_mechanism)__builtin_ctz(usable);	/* in order of strength */
	a->begun = a->last = false;
	a->challenges = 0;
	buf_clear(&a->challenge);
	c->phase = CLIENT_WORD;
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

/* The AUTH line. */
static void
send_first(struct client *c, const void *data, size_t len, bool absent)
{
	struct client_auth *a = c->auth;
	const char *name = msg_auth_out_mechanism_names[a->mechanism];

	a->begun = true;
	buf_printf(&c->out, "AUTH %s", name);
	if (!absent && strlen("AUTH  \r\n") + strlen(name) + BASE64_SIZE(len) - 1 > LINE_MAX) {
		buf_add(&a->deferred_word, data, len);
	} else if (!absent) {
		buf_puts(&c->out, len == 0 ? " =" : " ");
		send_word(c, data, len);
	}
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
}

/* --- the host's replies --- */

void
client_auth_input(struct client *c, const char *data, size_t len)
{
	if (c->phase == CLIENT_AUTH)
		buf_add(&c->auth->raw, data, len);
}

/* The bytes after "334 "; false: no challenge. */
static bool
decode_challenge(struct client_auth *a)
{
	const char *text = a->raw.data;
	size_t len = a->raw.len;
	size_t most;
	char *room;
	ssize_t n;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	text += len < 4 ? len : 4;
	len -= len < 4 ? len : 4;
	buf_clear(&a->challenge);
	most = len / 4 * 3;
	room = buf_room(&a->challenge, most);
	n = room != NULL ? base64_decode(room, most, text, len) : -1;
	if (n < 0)
		return false;
	a->challenge.len = (size_t)n;
	a->challenge.data[n] = '\0';
	return true;
}

static void
take_challenge(struct client *c)
{
	struct client_auth *a = c->auth;

	if (++a->challenges > CHALLENGES_MAX)
		fail_auth(c, "4.5.0", "%s wants one more word for ever", c->set.host);
	else if (c->response->lines != 1 || !buf_ok(&a->raw))
		fail_auth(c, "4.5.0", "%s sent a challenge that is too long", c->set.host);
	else if (a->deferred_word.len > 0) {	/* it did not fit the AUTH line */
		send_word(c, a->deferred_word.data, a->deferred_word.len);
		buf_puts(&c->out, "\r\n");
		wipe_buf(&a->deferred_word);
		c->out_is_auth = true;
	} else if (!decode_challenge(a))
		fail_auth(c, "4.5.0", "%s sent a challenge that is not base64", c->set.host);
	else
		c->phase = CLIENT_WORD;
}

/* The AUTH dialogue from its beginning, on the same connection. */
static void
begin_again(struct client *c)
{
	wipe_buf(&c->auth->deferred_word);
	client_auth_begin(c);
}

/* Microsoft 365 says with these codes that it takes no passwords at all. */
static const char *
hint_of(const struct client *c)
{
	bool basic = strstr(c->response->text, "5.7.30 ") != NULL ||
	    strstr(c->response->text, "5.7.139 ") != NULL;

	return basic && (AUTH_OUT_BIT(c->auth->mechanism) & AUTH_OUT_BASIC) != 0 ?
	    " (this host takes no passwords: outbound-auth = oauth2 may be what it wants)" : "";
}

static void
judge_refusal(struct client *c)
{
	struct client_auth *a = c->auth;
	struct verdict v = client_last_verdict(c);
	struct verdict later;

	if (c->response->code == 535 && c->set.again && !a->repeated) {
		a->repeated = true;
		begin_again(c);
		return;
	}
	/* A mechanism that is offered and then unknown says nothing about the account (RFC 4954 4). */
	if (c->response->code == 504 &&
	    (c->set.mechanisms & a->offered & ~(a->refused | AUTH_OUT_BIT(a->mechanism))) != 0) {
		a->refused |= AUTH_OUT_BIT(a->mechanism);
		begin_again(c);
		return;
	}
	if (v.what == VERDICT_REFUSED)
		c->opening = CLIENT_DENIED;
	verdict_set(&later, VERDICT_LATER, v.what == VERDICT_REFUSED ? "4.7.8" : v.status,
	    "authentication with %s failed: %s%s",
	    msg_auth_out_mechanism_names[a->mechanism], v.text, hint_of(c));
	later.code = v.code;
	snprintf(later.host, sizeof(later.host), "%s", v.host);
	client_fail(c, &later, false);
}

void
client_auth_challenge(struct client *c)
{
	c->out_is_auth = false;
	if (c->response->code == 334)
		take_challenge(c);
	else
		client_fail_protocol(c);
	wipe_buf(&c->auth->raw);
}

void
client_auth_accepted(struct client *c)
{
	struct client_auth *a = c->auth;

	c->out_is_auth = false;
	if (a->last && a->deferred_word.len == 0) {
		wipe_buf(&a->challenge);
		c->opening = CLIENT_AUTHENTICATED;
		c->phase = CLIENT_BETWEEN;
	} else
		fail_auth(c, "4.7.0", "%s took us for %s before it proved itself (%s)", c->set.host,
		    c->set.user, msg_auth_out_mechanism_names[a->mechanism]);
	wipe_buf(&a->raw);
}

void
client_auth_refused(struct client *c)
{
	c->out_is_auth = false;
	judge_refusal(c);
	wipe_buf(&c->auth->raw);
}
