/*
 * ehlo - HELO and EHLO, and the table of extensions; pure
 *
 * Runs in:  listener
 * Owns:     the extension rows
 * Promise:  what is announced works; every name is taken, and kept without control bytes
 * Fails by: a reply
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp_private.h"

enum { EHLO_NAME_MAX = 255, EXTENSION_SIZE = 96 };

/* Without a limit the keyword has no number (RFC 1870 6.1), as IIS writes it. */
static void
put_size(const struct session *s, char *dst)
{
	if (s->server->max_message_size == CONFIG_UNLIMITED)
		strcpy(dst, "SIZE");
	else
		snprintf(dst, EXTENSION_SIZE, "SIZE %" PRIu64, s->server->max_message_size);
}

static void
put_auth(const struct session *s, char *dst)
{
	auth_verb_put_offer(s, dst, EXTENSION_SIZE, " ");
}

static void
put_old_auth(const struct session *s, char *dst)
{
	auth_verb_put_offer(s, dst, EXTENSION_SIZE, "=");
}

static bool
may_auth_in_old_form(const struct session *s)
{
	return s->server->auth_for_old_clients && auth_verb_is_offered(s);
}

static bool
may_secure(const struct session *s)
{
	return s->server->tls != CONFIG_TLS_OFF && s->link == LINK_CLEAR;
}

/* What came under TLS alone can be asked to stay so (RFC 8689 2). */
static bool
is_secure(const struct session *s)
{
	return s->link != LINK_CLEAR;
}

/* RFC 3461 lets a client ask for reports: strangers need none about addresses here. */
static bool
offers_dsn(const struct session *s)
{
	return policy_serves(s->server, s->server->dsn, s->client, s->user != NULL) == POLICY_YES;
}

/* A private extension between nodes of Postern, see postern-guide-nodes(7). */
static bool
may_evacuate(const struct session *s)
{
	return s->evacuates;
}

static const struct extension {
	const char *keyword;
	void (*put)(const struct session *s, char *dst);	/* NULL: the line is the keyword alone */
	bool (*offered)(const struct session *s);		/* NULL: always */
} extension_rows[] = {
	{ .keyword = "PIPELINING" },
	{ .keyword = "SIZE", .put = put_size },
	{ .keyword = "8BITMIME" },
	{ .keyword = "BINARYMIME" },
	{ .keyword = "CHUNKING" },
	{ .keyword = "DSN", .offered = offers_dsn },
	{ .keyword = "SMTPUTF8" },
	{ .keyword = "REQUIRETLS", .offered = is_secure },
	{ .keyword = "ENHANCEDSTATUSCODES" },
	{ .keyword = "STARTTLS", .offered = may_secure },
	{ .keyword = "AUTH", .put = put_auth, .offered = auth_verb_is_offered },
	{ .keyword = "AUTH=", .put = put_old_auth, .offered = may_auth_in_old_form },
	{ .keyword = "ETRN", .offered = etrn_is_offered },
	{ .keyword = "ATRN", .offered = etrn_atrn_is_offered },
	{ .keyword = "TURN", .offered = etrn_atrn_is_offered },
	{ .keyword = "XEVACUATE", .offered = may_evacuate },
	{ .keyword = "HELP" },
	{ .keyword = "VRFY" },
};

bool
ehlo_offers(const struct session *s, const char *keyword)
{
	for (size_t i = 0; i < nitems_of(extension_rows); i++)
		if (strcmp(extension_rows[i].keyword, keyword) == 0)
			return extension_rows[i].offered == NULL || extension_rows[i].offered(s);
	return true;
}

bool
ehlo_name_is_good(const char *helo)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]/+*";

	if (helo == NULL || helo[0] == '\0' || strlen(helo) > EHLO_NAME_MAX)
		return false;
	/* No parenthesis, as that is a comment in Received. */
	return helo[strspn(helo, good)] == '\0';
}

/*
 * Printable ASCII stays; a backslash begins an escape. Of a name that is too long so much is kept that it
 * still is.
 */
static char *
make_printable(const char *name, size_t len)
{
	struct buf out = BUF_INIT(4 * (EHLO_NAME_MAX + 1));
	char *text;

	for (size_t i = 0; i < len && i <= EHLO_NAME_MAX; i++)
		if (name[i] >= ' ' && name[i] <= '~' && name[i] != '\\')
			buf_add(&out, name + i, 1);
		else
			buf_printf(&out, "\\x%02x", (unsigned char)name[i]);
	text = mem_strdup(buf_text(&out));
	buf_done(&out);
	return text;
}

/*
 * Computers are called as people call them, and many devices say no name: none is a reason to refuse mail
 * (RFC 5321 4.1.4). A second HELO or EHLO is a reset.
 */
static bool
take_name(struct session *s, const char *arg, size_t len, bool extended)
{
	enum stage_result said;
	char *name;

	if (len == 0 && s->server->helo_required) {
		session_reply(s, REPLY_ARGUMENT_MISSING, NULL);
		return false;
	}
	name = make_printable(arg, len);
	if (s->filter_mail)
		session_phase_reset(s);	/* the filters are asked between two messages */
	said = filter_stage_ask(s, FILTER_HELO, name, "");
	if (said != STAGE_PASSED) {
		free(name);
		if (said == STAGE_REFUSED)
			filter_stage_say(s, NULL);
		return false;
	}
	free(s->helo);
	s->helo = name;
	s->extended = extended;
	session_phase_enter(s, PHASE_READY);
	session_phase_reset(s);
	return true;
}

static void
first_line(const struct session *s, char *dst, size_t size)
{
	snprintf(dst, size, "%s Hello [%s]", s->server->fqdn, s->ip);
}

void
ehlo_helo(struct session *s, const char *arg, size_t len)
{
	char line[REPLY_SIZE];

	if (!take_name(s, arg, len, false))
		return;
	first_line(s, line, sizeof(line));
	session_reply(s, REPLY_HELLO, line);
}

void
ehlo_ehlo(struct session *s, const char *arg, size_t len)
{
	char line[REPLY_SIZE], space[nitems_of(extension_rows)][EXTENSION_SIZE];
	const char *text[nitems_of(extension_rows) + 1];
	struct buf out;
	size_t n;

	if (!take_name(s, arg, len, true))
		return;
	first_line(s, line, sizeof(line));
	n = 0;
	text[n++] = line;
	for (size_t i = 0; i < nitems_of(extension_rows); i++) {
		const struct extension *e = &extension_rows[i];

		if (e->offered != NULL && !e->offered(s))
			continue;
		if (e->put != NULL)
			e->put(s, space[i]);
		text[n++] = e->put != NULL ? space[i] : e->keyword;
	}
	out = BUF_INIT(nitems_of(text) * REPLY_SIZE);
	reply_format_lines(&out, REPLY_HELLO, text, n);
	s->ops->send(s->arg, out.data, out.len);
	buf_done(&out);
}
