/*
 * outconn_auth - the AUTH dialogue of a connection: asks the source of the words, reports how it ended
 *
 * Runs in:  deliver
 * Owns:     nothing; what a source has under way is its own, at login.question
 * Promise:  one question to a source at a time; a connection that ends closes its question. One event for
 *           each authentication that the host has judged, with no secret in it
 * Fails by: the client's verdict
 */
#include <assert.h>

#include "common/base/log.h"
#include "deliver/outbound/outbound.h"

/* The configuration stands below the messages between processes: it has the same bits, and other names. */
static_assert((unsigned)CONFIG_SCRAM_PLUS == AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS) &&
    CONFIG_SCRAM == AUTH_OUT_BIT(AUTH_OUT_SCRAM) && CONFIG_GSSAPI == AUTH_OUT_BIT(AUTH_OUT_GSSAPI) &&
    CONFIG_OAUTHBEARER == AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) &&
    CONFIG_XOAUTH2 == AUTH_OUT_BIT(AUTH_OUT_XOAUTH2) && CONFIG_PLAIN == AUTH_OUT_BIT(AUTH_OUT_PLAIN) &&
    CONFIG_LOGIN == AUTH_OUT_BIT(AUTH_OUT_LOGIN), "the bits of enum config_mechanism");

static const struct auth_out_source *
source_of(const struct outconn *p)
{
	return auth_out_source_of(p->site->d.security.account.auth);
}

void
outconn_auth_settings(const struct outconn *p, struct client_settings *set)
{
	const struct destination_security *security = &p->site->d.security;
	const struct auth_out_source *source = source_of(p);

	if (source == NULL)
		return;
	set->user = security->account.user;
	set->mechanisms = source->mechanisms & security->mechanisms;
	if (p->gate != NULL && p->gate->rules.value[CONFIG_REMOTE_MECHANISMS] != 0)
		set->mechanisms &= (unsigned)p->gate->rules.value[CONFIG_REMOTE_MECHANISMS];
	set->mechanisms_named = set->mechanisms != source->mechanisms;
	set->again = source->again;
	/* A token needs TLS, whatever is configured (RFC 6750 5.3) */
	if (security->tls == CONFIG_OUT_TLS_OFF || net_is_loopback((const struct sockaddr *)&p->to.sa))
		set->clear = AUTH_OUT_BARE & ~AUTH_OUT_TOKENS;
}

void
outconn_auth_ask(struct outconn *p)
{
	const struct auth_out_source *source = source_of(p);
	const struct client_auth *a = p->client.auth;
	struct auth_out_login *l = &p->login;

	if (p->auth == OUTCONN_AUTH_ASKED)
		return;
	p->auth = OUTCONN_AUTH_ASKED;
	l->client = p->site->o->helper[source->helper];
	l->account = &p->site->d.security.account;
	l->server = p->site->o->server->name;
	l->host = p->host;
	l->where = p->where;
	l->port = p->port;
	l->tls = p->tls;
	l->verified = p->verified;
	l->mechanism = a->mechanism;
	l->unbound = a->mechanism == AUTH_OUT_SCRAM && (a->offered & AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS)) != 0;
	l->repeated = a->repeated;
	source->ask(l, a->begun ? &a->challenge : NULL);
}

void
outconn_auth_secured(struct outconn *p)
{
	unsigned char binding[TLS_BINDING_SIZE];

	if (!tls_link_binding(p->tls, binding))
		p->client.set.mechanisms &= ~AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS);
}

void
outconn_auth_end(struct outconn *p)
{
	const struct client *c = &p->client;

	if (c->auth == NULL || p->auth == OUTCONN_AUTH_OVER)
		return;
	p->auth = OUTCONN_AUTH_OVER;
	source_of(p)->end(&p->login);
	if (c->opening == CLIENT_AUTHENTICATED || c->opening == CLIENT_DENIED)
		log_event(LOG_FACT, NULL, "auth", "result=%s user=%s host=%s mechanism=%s",
		    c->opening == CLIENT_AUTHENTICATED ? "ok" : "failed", log_safe(c->set.user),
		    log_safe(p->where), msg_auth_out_mechanism_names[c->auth->mechanism]);
}
