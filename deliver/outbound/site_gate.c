/*
 * site_gate - connections and messages a minute of a host, which several sites may share; [host PATTERN]
 *
 * Runs in:  deliver
 * Owns:     nothing; what is counted is in pace_gate
 * Promise:  who waits for a host that is full or out of messages gets the next place. TLS that is needed is
 *           used whatever the rules leave out
 * Fails by: cannot
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "deliver/outbound/outbound.h"

static_assert(CONFIG_WITHOUT_PIPELINING == (unsigned)CLIENT_PIPELINING &&
    CONFIG_WITHOUT_SIZE == (unsigned)CLIENT_SIZE && CONFIG_WITHOUT_8BITMIME == (unsigned)CLIENT_8BITMIME &&
    CONFIG_WITHOUT_SMTPUTF8 == (unsigned)CLIENT_SMTPUTF8 &&
    CONFIG_WITHOUT_STATUSCODES == (unsigned)CLIENT_STATUSCODES &&
    CONFIG_WITHOUT_CHUNKING == (unsigned)CLIENT_CHUNKING && CONFIG_WITHOUT_DSN == (unsigned)CLIENT_DSN &&
    CONFIG_WITHOUT_STARTTLS == (unsigned)CLIENT_OFFERS_TLS &&
    CONFIG_WITHOUT_BINARYMIME == (unsigned)CLIENT_BINARYMIME, "the bits of enum client_offer");

struct pace_gate *
site_gate_get(const struct site *s, const struct mx_address *a)
{
	const struct config_account *account = &s->d.security.account;
	const struct sockaddr *to = (const struct sockaddr *)&a->to.sa;
	char host[DNS_NAME_SIZE + NET_TEXT_SIZE], ip[NET_TEXT_SIZE];
	const struct config_remote *own = s->d.security.rules;
	bool apart = own != NULL && (config_remote_says(own, CONFIG_REMOTE_CONNECTIONS) ||
	    config_remote_says(own, CONFIG_REMOTE_RATE));
	char who[2 * DNS_NAME_SIZE + 40];
	struct config_remote_rules rules;
	struct pace_gate *g;

	config_remote_find(&rules, s->o->server, apart ? own : NULL, a->host, to);
	net_format_ip(ip, to);
	snprintf(host, sizeof(host), "%s%.*s%s:%u", rules.by_address ? "[" : "", DNS_NAME_SIZE,
	    rules.by_address ? ip : a->host, rules.by_address ? "]" : "", net_port(to));
	/* it is shown to people, in columns */
	for (char *p = host; *p != '\0'; p++)
		*p = (unsigned char)*p <= ' ' ? '?' : (char)tolower((unsigned char)*p);
	snprintf(who, sizeof(who), "%s%s%s%s",
	    account->auth != CONFIG_OUT_ANONYMOUS && account->user != NULL ? account->user : "",
	    apart ? "[domain " : "", apart ? own->name : "", apart ? "]" : "");
	g = pace_gate_get(s->o->gates, host, who, &rules, clock_mono_ms());
	g->paused = config_remote_is_paused(s->o->server, a->host, to);
	shared_limits_add(s->o, g);
	return g;
}

uint64_t
site_gate_rest(const struct site_host *h, uint64_t now, struct verdict *why)
{
	uint64_t host = pace_gate_rest(h->gate, now), address = pace_host_rest(h->pace, now);

	/* as schedule says it of a domain */
	if (h->gate->paused)
		verdict_set(why, VERDICT_LATER, "4.3.2", "paused by an operator");
	else if (host >= address && host > 0)
		*why = *h->gate->why;
	else if (address > 0)
		*why = *h->pace->why;
	return host > address ? host : address;
}

bool
site_gate_has_room(const struct site *s, struct pace_gate *g, uint64_t now)
{
	bool room = (g->heir == NULL || g->heir == s) && pace_gate_has_room(g, now);

	shared_limits_look(s->o, g);
	return room;
}

bool
site_gate_all_paused(const struct site *s)
{
	size_t i = 0;

	while (i < s->list.count && s->host[i].gate->paused)
		i++;
	return s->list.count > 0 && i == s->list.count;
}

static bool
is_full(const struct pace_gate *g)
{
	return g->conns >= pace_gate_most(g);
}

struct outconn *
site_gate_idle_one(const struct site *s)
{
	struct outconn *p;

	TAILQ_FOREACH(p, &s->o->idle, idle_link)
		if (p->gate != NULL && p->gate->heir == s && p->site != s && is_full(p->gate))
			return p;
	return NULL;
}

/*
 * A login without a message counts as a connection alone. Who waits for a message has its turn first; who
 * waits for a connection gets nothing from one that is open.
 */
bool
site_gate_gives(const struct outconn *p, const struct outbound_job *job, uint64_t now)
{
	struct pace_gate *g = p->gate;

	if (g == NULL || job->e == NULL)
		return true;
	if (g->heir != NULL && g->heir != p->site && !is_full(g))
		return false;
	if (pace_gate_takes_job(g, now))
		return true;
	shared_limits_look(p->site->o, g);
	return false;
}

void
site_gate_given(const struct outconn *p, const struct outbound_job *job)
{
	if (p->gate == NULL || job->e == NULL)
		return;
	if (p->gate->heir == p->site)
		p->gate->heir = NULL;
	pace_gate_given(p->gate, clock_mono_ms());
}

void
site_gate_enter(struct outconn *p, struct pace_gate *g)
{
	p->gate = g;
	g->refs++;
	g->conns++;
}

void
site_gate_leave(struct outconn *p, bool wakes)
{
	struct pace_gate *g = p->gate;

	if (g == NULL)
		return;
	g->conns--;
	if (wakes && g->heir != NULL)
		site_waitlist_due(g->heir);
	pace_gate_put(g, clock_mono_ms());
	p->gate = NULL;
}

static enum pace_said
said_of(const struct client *c)
{
	const struct verdict *v = &c->failure;

	if (c->opening == CLIENT_DENIED)
		return PACE_SAID_NO_LOGIN;
	if (c->security == CLIENT_TLS_UNPROVEN || c->security == CLIENT_TLS_CUT ||
	    c->security == CLIENT_TLS_BROKEN || (v->code == 0 && strncmp(v->status, "4.7.", 4) == 0))
		return PACE_SAID_NO_TLS;
	if (v->code != 0)
		return v->what == VERDICT_REFUSED ? PACE_SAID_REFUSED : PACE_SAID_LATER;
	return strcmp(v->status, "4.4.1") == 0 ? PACE_SAID_UNREACHED : PACE_SAID_ENDED;
}

void
site_gate_ended(const struct outconn *p)
{
	if (p->gate != NULL && p->client.phase == CLIENT_OVER && !p->client.ours && !p->over_limit)
		pace_gate_said(p->gate, said_of(&p->client), &p->client.failure);
}

void
site_gate_answered(const struct outconn *p, const struct verdict *why)
{
	if (p->gate != NULL && why != NULL && why->code == 0)
		site_gate_ended(p);
	else if (p->gate != NULL)
		pace_gate_said(p->gate, why == NULL ? PACE_SAID_TAKEN : why->what == VERDICT_REFUSED ?
		    PACE_SAID_REFUSED : PACE_SAID_LATER, why);
}

/* It is down, which others find out: no probe of a rest is under way any more. */
void
site_gate_failed(const struct outconn *p)
{
	p->gate->probes = false;
}

/* Of the [domain] whose mail it is, else of the host, which other sites may have, too. */
static uint64_t
rule_of(const struct outconn *p, enum config_remote_key key)
{
	const struct config_remote *own = p->site->d.security.rules;
	struct config_remote_rules rules;

	if (own == NULL || !config_remote_says(own, key))
		return p->gate->rules.value[key];
	config_remote_of_domain(&rules, own);
	return rules.value[key];
}

unsigned
site_gate_without(const struct outconn *p)
{
	return p->gate == NULL ? 0 :
	    (unsigned)rule_of(p, CONFIG_REMOTE_WITHOUT) & ~(unsigned)CLIENT_OFFERS_TLS;
}

size_t
site_gate_recipients(const struct outconn *p)
{
	return p->gate == NULL ? SIZE_MAX : (size_t)rule_of(p, CONFIG_REMOTE_RECIPIENTS);
}

/*
 * What the host offers of these is not heard. 8BITMIME is: a host that offers it takes 8-bit content, with or
 * without its parameter.
 */
void
site_gate_settings(const struct outconn *p, struct client_settings *set)
{
	set->unheard = site_gate_without(p) & ~(unsigned)CLIENT_8BITMIME;
	if ((rule_of(p, CONFIG_REMOTE_WITHOUT) & CLIENT_OFFERS_TLS) && set->tls == CLIENT_TLS_MAY &&
	    !p->try.strict)
		set->tls = CLIENT_TLS_OFF;
}
