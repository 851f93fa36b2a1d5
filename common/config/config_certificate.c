/*
 * config_certificate - our client certificate at remote hosts: client-certificate and client-key of a
 * [domain] or of the server; judged; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  certificate and key come from one place. The server's is shown to its smart hosts alone; a host
 *           that only the DNS names is shown none but that of its own domain
 * Fails by: false: there is none; faults
 */
#include "common/config/config_certificate.h"

#include <string.h>

#include "common/config/config_private.h"

static bool
fill(struct config_certificate *c, const char *certificate, const char *key, const char *domain)
{
	*c = (struct config_certificate){ certificate, key, domain };
	return certificate != NULL && key != NULL;
}

static bool
has_own(const struct config_domain *d)
{
	return config_domain_has_hosts(d) && (d->client_certificate != NULL || d->client_key != NULL);
}

bool
config_certificate_find(struct config_certificate *c, const struct config_server *s,
    const struct config_domain *d, bool by_dns)
{
	if (d != NULL && has_own(d))
		return fill(c, d->client_certificate, d->client_key, d->name);
	if (by_dns || !config_account_has_hosts(s, d))
		return fill(c, NULL, NULL, "");
	return fill(c, s->client_certificate, s->client_key, "");
}

bool
config_certificate_at(struct config_certificate *c, const struct config_server *s, const char *domain)
{
	if (domain[0] == '\0')
		return fill(c, s->client_certificate, s->client_key, "");
	if (strcmp(domain, CONFIG_CERTIFICATE_EVACUATE) == 0)
		return fill(c, s->evacuate_certificate, s->evacuate_key, CONFIG_CERTIFICATE_EVACUATE);
	for (size_t i = 0; i < s->ndomain; i++)
		if (strcmp(s->domain[i].name, domain) == 0 && has_own(&s->domain[i]))
			return fill(c, s->domain[i].client_certificate, s->domain[i].client_key,
			    s->domain[i].name);
	return fill(c, NULL, NULL, "");
}

const char *
config_certificate_place(const struct config_server *s, size_t n)
{
	return n == 0 ? "" : n == 1 ? CONFIG_CERTIFICATE_EVACUATE :
	    n - 2 < s->ndomain ? s->domain[n - 2].name : NULL;
}

const char *
config_certificate_key(const char *place, bool private_key)
{
	if (strcmp(place, CONFIG_CERTIFICATE_EVACUATE) == 0)
		return private_key ? "evacuate-key" : "evacuate-certificate";
	return private_key ? "client-key" : "client-certificate";
}

/* --- judgement --- */

static bool
is_shown(const struct config_server *s)
{
	struct config_certificate c;
	bool shown = s->smart_host.count > 0;

	for (size_t i = 0; i < s->ndomain && !shown; i++)
		shown = config_domain_has_hosts(&s->domain[i]) && s->domain[i].route.count > 0 &&
		    config_certificate_find(&c, s, &s->domain[i], false) && *c.domain == '\0';
	return shown;
}

static void
judge_one(const struct config_delivery *p)
{
	const struct config_server *s = &p->w->config->server[p->server];
	const char *certificate = p->d != NULL ? p->d->client_certificate : s->client_certificate,
	    *key = p->d != NULL ? p->d->client_key : s->client_key;
	enum config_outbound_tls mode = p->d != NULL && p->d->has_outbound_tls ? p->d->outbound_tls :
	    s->outbound_tls;

	if (config_faults_origin(p, "client-certificate")->bad ||
	    config_faults_origin(p, "client-key")->bad || (certificate == NULL && key == NULL))
		return;
	if (certificate == NULL || key == NULL)
		config_faults_at_delivery(p, certificate != NULL ? "client-certificate" : "client-key", false,
		    "client-certificate and client-key belong together, and %s is missing",
		    certificate != NULL ? "client-key" : "client-certificate");
	else if (mode == CONFIG_OUT_TLS_OFF)
		config_faults_at_delivery(p, "client-certificate", true,
		    "client-certificate has no effect with outbound-tls = off");
	else if (p->d != NULL && p->d->helo)
		config_faults_at_delivery(p, "client-certificate", false,
		    "client-certificate cannot be had with helo = yes, for there is no STARTTLS after HELO");
	else if (p->d == NULL && !is_shown(s))
		config_faults_at_delivery(p, "client-certificate", true,
		    "client-certificate has no effect: it is shown only to hosts of smart-host, and there "
		    "is none; a domain that is found by the DNS needs one of its own");
}

/* It has its own TLS: outbound-tls = off is said when a queue is to go. */
static void
judge_evacuation(const struct config_delivery *p)
{
	const struct config_server *s = &p->w->config->server[p->server];
	bool has = s->evacuate_certificate != NULL;

	if (has != (s->evacuate_key != NULL))
		config_faults_at_delivery(p, has ? "evacuate-certificate" : "evacuate-key", false,
		    "evacuate-certificate and evacuate-key belong together, and %s is missing",
		    has ? "evacuate-key" : "evacuate-certificate");
}

void
config_certificate_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct config_delivery p = { w, server, NULL };

	judge_one(&p);
	judge_evacuation(&p);
	for (size_t i = 0; i < s->ndomain; i++) {
		p.d = &s->domain[i];
		if (config_domain_has_hosts(p.d))
			judge_one(&p);
	}
}
