/*
 * auth_verb - the AUTH command and its dialogue (RFC 4954): lines of base64 between the client and the auth
 * helper; pure
 *
 * Runs in:  listener
 * Owns:     the table of mechanisms as clients see them
 * Promise:  offers and accepts the same mechanisms: those that the configuration allows and this connection
 *           is good enough for; no password is checked here; what the client sent is wiped once handed on
 * Fails by: replies
 */
#include <assert.h>
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#include "common/base/base64.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/msg/msg_auth_in.h"
#include "listener/smtp/smtp.h"

/* What a mechanism needs of the connection. */
enum auth_verb_link {
	NEEDS_NOTHING,
	NEEDS_SECRECY,		/* TLS, unless basic-requires-tls = no */
	NEEDS_BINDING,		/* TLS to which the login can be tied */
};

/* The strongest first: many clients take the first one that they know. */
static const struct auth_verb_row {
	enum msg_auth_in_mechanism mechanism;
	enum config_auth key;		/* the word of `authentication` that allows it */
	enum auth_verb_link link;
} auth_verb_rows[] = {
	{ AUTH_IN_GSSAPI, CONFIG_AUTH_INTEGRATED, NEEDS_NOTHING },
	{ AUTH_IN_SCRAM_PLUS, CONFIG_AUTH_BASIC, NEEDS_BINDING },
	{ AUTH_IN_SCRAM, CONFIG_AUTH_BASIC, NEEDS_NOTHING },
	{ AUTH_IN_PLAIN, CONFIG_AUTH_BASIC, NEEDS_SECRECY },
	{ AUTH_IN_LOGIN, CONFIG_AUTH_BASIC, NEEDS_SECRECY },
};
static_assert(nitems_of(auth_verb_rows) == AUTH_IN_SMTP_MECHANISMS, "one row a mechanism");
static_assert(AUTH_VERB_LONG_MAX == sizeof("AUTH GSSAPI \r\n") - 1 + BASE64_SIZE(AUTH_IN_TOKEN_MAX) - 1,
    "a token of Kerberos fits");
static_assert(CONFIG_OFFER_PLAIN == 1 << AUTH_IN_PLAIN && CONFIG_OFFER_LOGIN == 1 << AUTH_IN_LOGIN &&
    CONFIG_OFFER_SCRAM == 1 << AUTH_IN_SCRAM && CONFIG_OFFER_SCRAM_PLUS == 1 << AUTH_IN_SCRAM_PLUS &&
    CONFIG_OFFER_GSSAPI == 1 << AUTH_IN_GSSAPI, "the bits of the configuration");

static bool
link_is_fit(const struct session *s, const struct auth_verb_row *row)
{
	if (row->link == NEEDS_BINDING)
		return s->link == LINK_TLS_BOUND;
	return s->link != LINK_CLEAR || row->link == NEEDS_NOTHING ||
	    (row->link == NEEDS_SECRECY && !s->server->basic_requires_tls);
}

/* The configuration has it, and this connection is good enough. */
static bool
row_is_offered(const struct session *s, const struct auth_verb_row *row)
{
	return (s->server->authentication & row->key) &&
	    (s->server->offered_mechanisms & 1U << row->mechanism) && link_is_fit(s, row);
}

bool
auth_verb_is_offered(const struct session *s)
{
	for (size_t i = 0; i < nitems_of(auth_verb_rows); i++)
		if (row_is_offered(s, &auth_verb_rows[i]))
			return true;
	return false;
}

void
auth_verb_put_offer(const struct session *s, char *dst, size_t size, const char *before)
{
	strlcpy(dst, "AUTH", size);
	for (size_t i = 0; i < nitems_of(auth_verb_rows); i++)
		if (row_is_offered(s, &auth_verb_rows[i])) {
			strlcat(dst, before, size);
			strlcat(dst, msg_auth_in_mechanism_names[auth_verb_rows[i].mechanism], size);
			before = " ";
		}
}

static const struct auth_verb_row *
find_mechanism(const char *name, size_t len)
{
	for (size_t i = 0; i < nitems_of(auth_verb_rows); i++) {
		const char *have = msg_auth_in_mechanism_names[auth_verb_rows[i].mechanism];

		if (strlen(have) == len && strncasecmp(have, name, len) == 0)
			return &auth_verb_rows[i];
	}
	return NULL;
}

static size_t
line_max_of(const struct auth_verb_row *row)
{
	return row->mechanism == AUTH_IN_GSSAPI ? AUTH_VERB_LONG_MAX : AUTH_VERB_LINE_MAX;
}

/* Only a mechanism that is offered has long lines, and only where AUTH may come at all. */
size_t
auth_verb_line_max(const struct session *s, const char *data, size_t size)
{
	static const char verb[] = "AUTH ";
	const size_t n = sizeof(verb) - 1;
	const struct auth_verb_row *row;
	const char *blank;

	if (s->phase == PHASE_AUTH_LINE)
		return s->auth_line_max;
	if (size < n || strncasecmp(data, verb, n) != 0)
		return 0;
	blank = memchr(data + n, ' ', MIN(size, (size_t)SESSION_LINE_MAX) - n);
	row = blank != NULL ? find_mechanism(data + n, (size_t)(blank - data) - n) : NULL;
	if (row == NULL || s->user != NULL || !row_is_offered(s, row))
		return AUTH_VERB_LINE_MAX;
	return s->phase == PHASE_READY || (s->phase == PHASE_START && !s->server->helo_required) ?
	    line_max_of(row) : AUTH_VERB_LINE_MAX;
}

/* Room for what that many letters of base64 say. */
static size_t
token_room(size_t len)
{
	return MIN(len / 4 * 3, (size_t)AUTH_IN_TOKEN_MAX);
}

/* "=" is an initial response of no bytes (RFC 4954 4). `t` has token_room(len). */
static bool
take_token(struct msg_auth_in_token *t, const char *text, size_t len, bool initial)
{
	ssize_t n;

	if (initial && len == 1 && text[0] == '=')
		len = 0;
	else if (initial && len == 0)
		t->absent = true;
	n = base64_decode(t->data, token_room(len), text, len);
	t->len = n > 0 ? (uint16_t)n : 0;
	return n >= 0;
}

static void
enter_helper(struct session *s)
{
	session_phase_enter(s, PHASE_AUTH_HELPER);
	s->progress++;
}

static void
start_login(struct session *s, const struct auth_verb_row *row, const char *initial, size_t len)
{
	size_t size = offsetof(struct msg_auth_in_start, token.data) + token_room(len);
	struct msg_auth_in_start *start = mem_zalloc(size);

	start->mechanism = (uint8_t)row->mechanism;
	s->mechanism = msg_auth_in_mechanism_names[row->mechanism];
	/* Where -PLUS was not offered, a client that could do it and says so tells the truth. */
	start->tls = s->link == LINK_TLS_BOUND && (s->server->offered_mechanisms & CONFIG_OFFER_SCRAM_PLUS);
	s->auth_line_max = (uint32_t)line_max_of(row);
	if (take_token(&start->token, initial, len, true)) {
		enter_helper(s);
		s->ops->auth_start(s->arg, start);
	} else {
		session_reply(s, REPLY_AUTH_BASE64, NULL);
	}
	explicit_bzero(start, size);
	free(start);
}

void
auth_verb_command(struct session *s, const char *arg, size_t len)
{
	const char *blank = memchr(arg, ' ', len), *end = arg + len;
	size_t n = blank != NULL ? (size_t)(blank - arg) : len;
	const struct auth_verb_row *row = find_mechanism(arg, n);

	if (!(s->server->authentication & (CONFIG_AUTH_BASIC | CONFIG_AUTH_INTEGRATED)))
		session_reply(s, REPLY_UNAVAILABLE, NULL);
	else if (s->user != NULL)
		session_reply(s, REPLY_AUTH_TWICE, NULL);
	else if (s->phase != PHASE_READY)
		session_reply(s, REPLY_AUTH_LATE, NULL);
	else if (row == NULL || !(s->server->authentication & row->key) ||
	    !(s->server->offered_mechanisms & 1U << row->mechanism))
		session_reply(s, REPLY_AUTH_MECHANISM, NULL);
	else if (!link_is_fit(s, row))
		session_reply(s, row->link == NEEDS_SECRECY ? REPLY_AUTH_TLS : REPLY_AUTH_MECHANISM, NULL);
	else {
		for (arg += n; arg < end && *arg == ' '; arg++)
			;
		if (memchr(arg, ' ', (size_t)(end - arg)) != NULL)
			session_reply(s, REPLY_BAD_PARAMETER, NULL);
		else
			start_login(s, row, arg, (size_t)(end - arg));
	}
}

void
auth_verb_refuse(struct session *s, enum reply why)
{
	s->ops->auth_cancel(s->arg);
	session_phase_enter(s, PHASE_READY);
	session_reply(s, why, NULL);
}

void
auth_verb_line(struct session *s, const char *line, size_t len)
{
	size_t room = token_room(len);
	struct msg_auth_in_token *t = msg_auth_in_token_new(room);

	if (len == 1 && line[0] == '*') {
		auth_verb_refuse(s, REPLY_AUTH_CANCELLED);
	} else if (!take_token(t, line, len, false)) {
		auth_verb_refuse(s, REPLY_AUTH_BASE64);
	} else {
		enter_helper(s);
		s->ops->auth_step(s->arg, t);
	}
	explicit_bzero(t->data, room);	/* also what was decoded before a bad character */
	msg_auth_in_token_forget(&t);
}

static void
send_challenge(struct session *s, const struct msg_auth_in_token *t)
{
	char *text = mem_zalloc(BASE64_SIZE((size_t)t->len));
	struct buf out = BUF_INIT(BASE64_SIZE((size_t)t->len) + REPLY_SIZE);
	size_t len = base64_encode(text, t->data, t->len);

	reply_format_long(&out, REPLY_AUTH_CHALLENGE, text, len);
	s->ops->send(s->arg, out.data, out.len);
	buf_done(&out);
	free(text);
	session_phase_enter(s, PHASE_AUTH_LINE);
	s->progress++;
}

void
auth_verb_answer(struct session *s, const struct msg_auth_in_answer *a)
{
	if (s->phase != PHASE_AUTH_HELPER)
		bug("an answer about a client in phase %d", (int)s->phase);
	if (a->result == AUTH_IN_CHALLENGE) {
		send_challenge(s, &a->token);
		return;
	}
	session_phase_enter(s, PHASE_READY);
	if (a->result == AUTH_IN_OK) {
		free(s->user);
		s->user = mem_strdup(a->user);
		session_reply(s, REPLY_AUTH_OK, NULL);
	} else {
		session_reply(s, a->result == AUTH_IN_FAILED ? REPLY_AUTH_FAILED : REPLY_AUTH_LATER, NULL);
	}
}
