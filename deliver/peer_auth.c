/*
 * peer_auth - the AUTH dialogue of a connection: which of our sources has the words, and what became of it
 *
 * Runs in:  deliver
 * Owns:     nothing; what a source has under way for a connection is the source's, at peer.proof
 * Promise:  one question to a source at a time; a connection that ends takes its question along; one event each authentication
 *           that the peer has judged, with no secret in it
 * Fails by: the client's verdict
 */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

static const struct peer_auth_source *const sources[] = {
	[CONFIG_OUT_BASIC] = &prover_basic,
	[CONFIG_OUT_INTEGRATED] = &prover_integrated,
	[CONFIG_OUT_OAUTH2] = &bearing_oauth2,
};

/* NULL: anonymous. */
static const struct peer_auth_source *
source_of(const struct peer *p)
{
	enum config_outbound_auth auth = p->site->d.security.account.auth;

	return (size_t)auth < nitems_of(sources) ? sources[auth] : NULL;
}

void
peer_auth_settings(const struct peer *p, struct client_settings *set)
{
	const struct destination_security *security = &p->site->d.security;
	const struct peer_auth_source *source = source_of(p);

	if (source == NULL)
		return;
	set->user = security->account.user;
	set->mechanisms = source->mechanisms;
	set->again = source->again;
	if (security->tls == CONFIG_OUT_TLS_OFF || net_is_loopback((const struct sockaddr *)&p->to.sa))
		set->clear = PROVE_BARE & ~PROVE_TOKENS;	/* a token goes under TLS, whatever is configured (RFC 6750 5.3) */
}

void
peer_auth_prove(struct peer *p)
{
	const struct client_auth *a = p->client.auth;

	if (p->proving)
		return;
	p->proving = true;
	source_of(p)->ask(p, a->begun ? &a->challenge : NULL);
}

void
peer_auth_binding(const struct peer *p, struct prove_start *s)
{
	s->binding = VOUCH_NO_BINDING;
	if (p->tls == NULL || !tls_link_binding(p->tls, s->binding_data))
		return;
	s->binding = VOUCH_TLS_EXPORTER;
	s->binding_len = TLS_BINDING_SIZE;
}

void
peer_auth_secured(struct peer *p)
{
	unsigned char binding[TLS_BINDING_SIZE];

	if (!tls_link_binding(p->tls, binding))
		p->client.set.mechanisms &= ~PROVE_BIT(PROVE_SCRAM_PLUS);
}

void
peer_auth_end(struct peer *p)
{
	const struct client *c = &p->client;
	enum peer_auth_end how = c->authenticated ? PEER_AUTH_TAKEN : c->denied ? PEER_AUTH_DENIED : PEER_AUTH_GONE;

	if (c->auth == NULL || p->proved)
		return;
	p->proved = true;
	p->proving = false;
	source_of(p)->end(p, how);
	if (how != PEER_AUTH_GONE)
		log_event(LOG_FACT, NULL, "auth", "result=%s user=%s host=%s mechanism=%s",
		    how == PEER_AUTH_TAKEN ? "ok" : "failed", log_safe(c->set.user), log_safe(p->where),
		    prove_mechanism_names[c->auth->mechanism]);
}

bool
peer_auth_holds(const struct peer *p)
{
	return p->client.denied && source_of(p)->hold;
}

/* --- from the sources --- */

void
peer_auth_say(struct peer *p, const struct vouch_token *word, bool last)
{
	p->proving = false;
	client_auth_say(&p->client, word, last);
	peer_go_on(p);
}

void
peer_auth_give_up(struct peer *p, const char *status, const char *why)
{
	p->proving = false;
	client_auth_give_up(&p->client, status, why);
	peer_go_on(p);
}
