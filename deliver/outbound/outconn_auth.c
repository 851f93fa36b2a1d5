/*
 * outconn_auth - the AUTH dialogue of a connection: which of our sources has the words, and what became of it
 *
 * Runs in:  deliver
 * Owns:     nothing; what a source has under way for a connection is the source's, at peer.proof
 * Promise:  one question to a source at a time; a connection that ends takes its question along; one event
 *           each authentication that the peer has judged, with no secret in it
 * Fails by: the client's verdict
 */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/outbound/outbound.h"

static const struct outconn_auth_source *const sources[] = {
	[CONFIG_OUT_BASIC] = &auth_out_client_basic,
	[CONFIG_OUT_INTEGRATED] = &auth_out_client_integrated,
	[CONFIG_OUT_OAUTH2] = &token_client_oauth2,
};

/* NULL: anonymous. */
static const struct outconn_auth_source *
source_of(const struct outconn *p)
{
	enum config_outbound_auth auth = p->site->d.security.account.auth;

	return (size_t)auth < nitems_of(sources) ? sources[auth] : NULL;
}

void
outconn_auth_settings(const struct outconn *p, struct client_settings *set)
{
	const struct destination_security *security = &p->site->d.security;
	const struct outconn_auth_source *source = source_of(p);

	if (source == NULL)
		return;
	set->user = security->account.user;
	set->mechanisms = source->mechanisms;
	set->again = source->again;
	if (security->tls == CONFIG_OUT_TLS_OFF || net_is_loopback((const struct sockaddr *)&p->to.sa))
		set->clear =
		    AUTH_OUT_BARE &
		    ~AUTH_OUT_TOKENS;	/* a token goes under TLS, whatever is configured (RFC 6750 5.3) */
}

void
outconn_auth_prove(struct outconn *p)
{
	const struct client_auth *a = p->client.auth;

	if (p->proving)
		return;
	p->proving = true;
	source_of(p)->ask(p, a->begun ? &a->challenge : NULL);
}

void
outconn_auth_binding(const struct outconn *p, struct msg_auth_out_start *s)
{
	s->binding = AUTH_IN_NO_BINDING;
	if (p->tls == NULL || !tls_link_binding(p->tls, s->binding_data))
		return;
	s->binding = AUTH_IN_TLS_EXPORTER;
	s->binding_len = TLS_BINDING_SIZE;
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
	enum outconn_auth_end how = c->authenticated ? OUTCONN_AUTH_TAKEN : c->denied ? OUTCONN_AUTH_DENIED :
	    OUTCONN_AUTH_GONE;

	if (c->auth == NULL || p->proved)
		return;
	p->proved = true;
	p->proving = false;
	source_of(p)->end(p, how);
	if (how != OUTCONN_AUTH_GONE)
		log_event(LOG_FACT, NULL, "auth", "result=%s user=%s host=%s mechanism=%s",
		    how == OUTCONN_AUTH_TAKEN ? "ok" : "failed", log_safe(c->set.user), log_safe(p->where),
		    msg_auth_out_mechanism_names[c->auth->mechanism]);
}

bool
outconn_auth_holds(const struct outconn *p)
{
	return p->client.denied && source_of(p)->hold;
}

/* --- from the sources --- */

void
outconn_auth_say(struct outconn *p, const struct msg_auth_in_token *word, bool last)
{
	p->proving = false;
	client_auth_say(&p->client, word, last);
	outconn_go_on(p);
}

void
outconn_auth_give_up(struct outconn *p, const char *status, const char *why)
{
	p->proving = false;
	client_auth_give_up(&p->client, status, why);
	outconn_go_on(p);
}
