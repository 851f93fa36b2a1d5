/*
 * etrn - ETRN, ATRN and TURN: a host comes for the backlog of its domains; XEVACUATE: a node brings its
 * queue; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  any client may ask that a backlog is sent to the domain's own hosts (RFC 1985); down the client's
 *           connection it goes only to an account of each domain that it names (RFC 2645), and under TLS
 *           where outbound-tls wants it. Only a node whose certificate is named brings anything
 * Fails by: replies
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "common/msg/msg_etrn.h"
#include "listener/smtp/smtp_private.h"

static bool
has_backlog(const struct config_domain *d)
{
	return d->type == CONFIG_DOMAIN_REMOTE && d->hold;
}

bool
etrn_is_offered(const struct session *s)
{
	for (size_t i = 0; i < s->server->ndomain; i++)
		if (has_backlog(&s->server->domain[i]))
			return true;
	return false;
}

bool
etrn_atrn_is_offered(const struct session *s)
{
	if ((s->server->authentication & ~(unsigned)CONFIG_AUTH_ANONYMOUS) == 0)
		return false;
	for (size_t i = 0; i < s->server->ndomain; i++)
		if (has_backlog(&s->server->domain[i]) && s->server->domain[i].atrn_accounts.count > 0)
			return true;
	return false;
}

/* Lower case, as the configuration has it. False: no domain. */
static bool
take_domain(char name[MSG_ETRN_NAME_SIZE], const char *text, size_t len)
{
	if (len == 0 || len >= MSG_ETRN_NAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	name[len] = '\0';
	return net_is_hostname(name);
}

static bool
domain_has_backlog(const struct session *s, const char *domain)
{
	const struct config_domain *d = config_domain_find(s->server, domain);

	return d != NULL && has_backlog(d);
}

/* A [domain] of the configuration is for a name below this one. */
static bool
has_backlog_below(const struct session *s, const char *domain)
{
	size_t len = strlen(domain);

	for (size_t i = 0; i < s->server->ndomain; i++) {
		const struct config_domain *d = &s->server->domain[i];
		size_t size = strlen(d->name);

		if (has_backlog(d) && size > len && d->name[size - len - 1] == '.' &&
		    strcmp(d->name + size - len, domain) == 0)
			return true;
	}
	return false;
}

static void
ask_deliver(struct session *s, struct msg_etrn *d)
{
	session_phase_enter(s, PHASE_ETRN);
	if (d->turn != MSG_ETRN_SEND)
		session_phase_wait(s, d->turn == MSG_ETRN_TURN ? WAIT_ATRN : WAIT_EVACUATE);
	s->ops->ask_etrn(s->arg, d);
}

/* "domain"; "@domain": it and all below. "#queue" (RFC 1985 5.3) is for servers that name queues. */
void
etrn_command(struct session *s, const char *arg, size_t len)
{
	struct msg_etrn d = { 0 };
	char domain[MSG_ETRN_NAME_SIZE];
	bool below = *arg == '@';

	if (!(s->server->authentication & CONFIG_AUTH_ANONYMOUS) && s->user == NULL)
		session_reply(s, REPLY_AUTH_REQUIRED, NULL);
	else if (!etrn_is_offered(s))
		session_reply(s, REPLY_UNAVAILABLE, NULL);
	else if (!take_domain(domain, arg + below, len - below))
		session_reply(s, REPLY_BAD_PARAMETER, NULL);
	else if (!domain_has_backlog(s, domain) && !(below && has_backlog_below(s, domain)))
		session_reply(s, REPLY_ETRN_REFUSED, domain);
	else {
		msg_etrn_add(&d, domain, strlen(domain), false);
		if (below)
			msg_etrn_add(&d, domain, strlen(domain), true);
		ask_deliver(s, &d);
	}
}

/* Whether the user may fetch that domain's mail; `domain` NULL: that of any domain. */
static bool
may_fetch(const struct session *s, const char *domain)
{
	if (domain != NULL) {
		const struct config_domain *d = config_domain_find(s->server, domain);

		return d != NULL && has_backlog(d) && config_domain_serves(d, s->user);
	}
	for (size_t i = 0; i < s->server->ndomain; i++)
		if (has_backlog(&s->server->domain[i]) &&
		    config_domain_serves(&s->server->domain[i], s->user))
			return true;
	return false;
}

/* outbound-tls counts also where a client fetches the mail: it leaves over this connection. */
static bool
needs_tls(const struct session *s, const struct config_domain *d)
{
	enum config_outbound_tls mode = d->has_outbound_tls ? d->outbound_tls : s->server->outbound_tls;

	return s->link == LINK_CLEAR && (mode == CONFIG_OUT_TLS_REQUIRED || mode == CONFIG_OUT_TLS_VERIFY);
}

/* One of all domains that the user may fetch. */
static bool
any_needs_tls(const struct session *s)
{
	for (size_t i = 0; i < s->server->ndomain; i++) {
		const struct config_domain *d = &s->server->domain[i];

		if (has_backlog(d) && config_domain_serves(d, s->user) && needs_tls(s, d))
			return true;
	}
	return false;
}

/* "a.example,b.example"; blanks around the commas are accepted, although RFC 2645 has none. */
static enum reply
take_domains(const struct session *s, struct msg_etrn *d, const char *arg, size_t len)
{
	char domain[MSG_ETRN_NAME_SIZE];

	for (size_t at = 0, end; at <= len; at = end + 1) {
		const char *comma = memchr(arg + at, ',', len - at);
		size_t from = at, to;

		end = to = comma != NULL ? (size_t)(comma - arg) : len;
		while (from < to && arg[from] == ' ')
			from++;
		while (to > from && arg[to - 1] == ' ')
			to--;
		if (!take_domain(domain, arg + from, to - from) || !msg_etrn_add(d, domain, to - from, false))
			return REPLY_BAD_PARAMETER;
		if (!may_fetch(s, domain))
			return REPLY_TURN_REFUSED;
		if (needs_tls(s, config_domain_find(s->server, domain)))
			return REPLY_NEED_TLS;
	}
	return REPLY_NONE;
}

void
etrn_atrn_command(struct session *s, const char *arg, size_t len)
{
	struct msg_etrn d = { .turn = MSG_ETRN_TURN };
	enum reply bad = REPLY_NONE;

	if (!etrn_atrn_is_offered(s))
		bad = REPLY_UNAVAILABLE;
	else if (s->user == NULL)
		bad = REPLY_AUTH_REQUIRED;
	else if (!may_fetch(s, NULL) || strlen(s->user) >= sizeof(d.account))
		bad = REPLY_TURN_REFUSED;
	else if (len > 0)
		bad = take_domains(s, &d, arg, len);
	else if (any_needs_tls(s))
		bad = REPLY_NEED_TLS;
	if (bad != REPLY_NONE) {
		session_reply(s, bad, NULL);
		return;
	}
	memcpy(d.account, s->user, strlen(s->user));
	ask_deliver(s, &d);
}

static void
answer_etrn(struct session *s, const struct msg_etrn_answer *a, const char *node)
{
	char text[MSG_ETRN_NAME_SIZE + 64];

	session_phase_enter(s, PHASE_READY);
	snprintf(text, sizeof(text), "%" PRIu64 " pending message%s for node %s", a->messages,
	    a->messages == 1 ? "" : "s", node);
	if (a->result == MSG_ETRN_LATER)
		session_reply(s, REPLY_ETRN_LATER, node);
	else if (a->result == MSG_ETRN_NOTHING)
		session_reply(s, REPLY_ETRN_NOTHING, node);
	else {
		s->idle = 0;	/* mail goes out for it */
		session_reply(s, a->more ? REPLY_ETRN_PENDING : REPLY_ETRN_COUNT, a->more ? node : text);
	}
}

/*
 * After this 250 the client is the server, and the deliver worker its client (RFC 2645 5.2, RFC 821 3.8): no
 * further word is the session's.
 */
static void
answer_atrn(struct session *s, const struct msg_etrn_answer *a)
{
	if (a->result == MSG_ETRN_STARTED) {
		session_reply(s, REPLY_TURNED, NULL);
		session_phase_enter(s, PHASE_TURNED);
		return;
	}
	session_phase_enter(s, PHASE_READY);
	session_reply(s, a->result == MSG_ETRN_NOTHING ? REPLY_TURN_NOTHING : REPLY_TURN_LATER, NULL);
}

/* To all others it is a command that is not there. */
void
etrn_evacuate_command(struct session *s, const char *arg, size_t len)
{
	struct msg_etrn d = { .turn = MSG_ETRN_EVACUATE };

	if (s->evacuates)
		ask_deliver(s, &d);
	else
		session_reply(s, REPLY_UNAVAILABLE, NULL);
}

/* The deliver worker takes the messages, and answers for each: no further word is the session's. */
static void
answer_evacuate(struct session *s, const struct msg_etrn_answer *a)
{
	bool begins = a->result == MSG_ETRN_STARTED;

	session_reply(s, begins ? REPLY_EVACUATE : REPLY_EVACUATE_LATER, NULL);
	session_phase_enter(s, begins ? PHASE_TURNED : PHASE_READY);
}

void
etrn_answer(struct session *s, const struct msg_etrn_answer *a, const char *node)
{
	if (s->wait == WAIT_EVACUATE)
		answer_evacuate(s, a);
	else if (s->wait == WAIT_ATRN)
		answer_atrn(s, a);
	else
		answer_etrn(s, a, node);
}
