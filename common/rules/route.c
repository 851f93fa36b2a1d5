/*
 * route - from a recipient's domain to drop, smart hosts, MX, or a refusal; pure
 *
 * Runs in:  master, posternctl, deliver, pickup
 * Owns:     the parsed smart hosts of the server and of its remote domains
 * Promise:  local domains first, then the remote domain's own entry (exact before longest "*."), then the
 *           sender's, then the server's smart hosts, then DNS; the security of the entry counts on each of
 *           these ways; no account of a sender is for hosts that only the DNS names; nothing is looked up
 * Fails by: route_new NULL; route_find never
 */
#include "common/rules/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/mail/address.h"
#include "common/mail/idn.h"
#include "common/base/net.h"
#include "common/config/config_certificate.h"

struct hosts {
	const struct config_domain *domain;	/* NULL: the server's */
	struct destination d;			/* no host: by DNS */
	/* The server's smart hosts with this domain's security; no host: unchanged */
	struct destination via;
	struct destination_security direct;	/* of hosts that only the DNS names */
	char *suffix;				/* what it adds to a key */
};

struct route {
	const struct config_server *server;
	struct hosts *hosts;		/* [0] is the server's, then one for each domain with a route */
	size_t count;
};

/* --- security --- */

static struct destination_security
security_of(const struct config_server *s, const struct config_domain *domain, bool by_dns)
{
	struct destination_security own = { .tls = s->outbound_tls, .mechanisms = s->mechanisms };

	struct config_certificate certificate;

	if (config_certificate_find(&certificate, s, domain, by_dns))
		own.certificate = certificate.domain;
	/* the configuration was judged before */
	(void)config_account_find(&own.account, s, domain, by_dns);
	if (domain != NULL && domain->has_outbound_tls)
		own.tls = domain->outbound_tls;
	if (domain != NULL && !config_remote_is_empty(&domain->rules))
		own.rules = &domain->rules;
	if (domain != NULL && domain->mechanisms != 0)
		own.mechanisms = domain->mechanisms;
	own.mta_sts = by_dns && own.tls != CONFIG_OUT_TLS_OFF &&
	    (domain != NULL && domain->has_mta_sts ? domain->mta_sts : s->mta_sts);
	own.reported = by_dns && own.tls != CONFIG_OUT_TLS_OFF && s->tls_reports;
	return own;
}

static bool
is_same_certificate(const struct destination_security *a, const struct destination_security *b)
{
	return a->certificate == NULL || b->certificate == NULL ? a->certificate == b->certificate :
	    strcmp(a->certificate, b->certificate) == 0;
}

bool
route_security_is_same(const struct destination_security *a, const struct destination_security *b)
{
	return a->tls == b->tls && a->rules == b->rules && is_same_certificate(a, b) &&
	    a->account.auth == b->account.auth &&
	    (a->account.auth == CONFIG_OUT_ANONYMOUS ||
	    (strcmp(a->account.domain, b->account.domain) == 0 && a->mechanisms == b->mechanisms));
}

/*
 * ";tls=verify;account=a.example;mechanisms=0x20;certificate=a.example;rules=a.example", or "" when it is the
 * server's.
 */
static char *
make_suffix(const struct destination_security *own, const struct destination_security *usual)
{
	static const char *const names[] = {
		[CONFIG_OUT_TLS_OFF] = "off", [CONFIG_OUT_TLS_MAY] = "may",
		[CONFIG_OUT_TLS_REQUIRED] = "required",
		[CONFIG_OUT_TLS_VERIFY] = "verify", [CONFIG_OUT_TLS_DANE] = "dane",
	};

	struct destination_security other = *usual;
	bool anonymous = own->account.auth == CONFIG_OUT_ANONYMOUS;
	struct buf text = BUF_INIT(ROUTE_KEY_SIZE);
	char *suffix;

	other.tls = own->tls;
	other.mechanisms = own->mechanisms;
	other.certificate = own->certificate;
	other.rules = own->rules;
	if (own->tls != usual->tls)
		buf_printf(&text, ";tls=%s", names[own->tls]);
	if (!route_security_is_same(own, &other))
		buf_printf(&text, "%s%s", anonymous ? ";anonymous" : ";account=",
		    anonymous ? "" : own->account.domain);
	if (!anonymous && own->mechanisms != usual->mechanisms)
		buf_printf(&text, ";mechanisms=%#x", own->mechanisms);
	if (!is_same_certificate(own, usual))
		buf_printf(&text, ";certificate=%s", own->certificate != NULL ? own->certificate : "none");
	if (own->rules != NULL)
		buf_printf(&text, ";rules=%s", own->rules->name);
	suffix = mem_strdup(buf_text(&text));
	buf_done(&text);
	return suffix;
}

/* --- destinations --- */

/* "hosts:[192.0.2.1]:25,relay.example:587;helo;tls=verify" */
static void
make_hosts_key(struct destination *d, const char *suffix)
{
	struct buf key = BUF_INIT(1U << 20);

	buf_puts(&key, "hosts:");
	for (size_t i = 0; i < d->nhost; i++)
		buf_printf(&key, "%s%s%s%s:%u", i == 0 ? "" : ",", d->host[i].literal ? "[" : "",
		    d->host[i].name, d->host[i].literal ? "]" : "", d->host[i].port);
	if (d->helo)
		buf_puts(&key, ";helo");
	buf_puts(&key, suffix);
	d->key = mem_strdup(buf_text(&key));
	buf_done(&key);
}

void
route_destination_done(struct destination *d)
{
	for (size_t i = 0; i < d->nhost; i++)
		free(d->host[i].name);
	free(d->host);
	free(d->key);
	free(d->domain);
	*d = (struct destination){ 0 };
}

void
route_destination_copy(struct destination *to, const struct destination *from)
{
	*to = *from;
	to->key = mem_strdup(from->key);
	to->domain = mem_strdup(from->domain);
	to->host = from->nhost == 0 ? NULL : mem_array(NULL, from->nhost, sizeof(*to->host));
	for (size_t i = 0; i < from->nhost; i++) {
		to->host[i] = from->host[i];
		to->host[i].name = mem_strdup(from->host[i].name);
	}
}

/* `d` already has its port, helo and security. */
static int
fill_hosts(struct destination *d, const struct config_strings *texts, const char *suffix)
{
	d->named = true;
	d->host = mem_array(NULL, texts->count, sizeof(*d->host));
	for (size_t i = 0; i < texts->count; i++) {
		if (route_host_parse(&d->host[i], texts->text[i], d->port) == -1)
			return -1;
		d->nhost++;
	}
	d->domain = mem_strdup(d->host[0].name);
	make_hosts_key(d, suffix);
	return 0;
}

/* --- the table --- */

static bool
is_dns(const struct config_strings *route)
{
	return route->count == 0 || (route->count == 1 && strcasecmp(route->text[0], "dns") == 0);
}

static int
add_hosts(struct route *r, const struct config_domain *domain, const struct config_strings *texts,
    const char **why)
{
	const struct config_server *s = r->server;
	struct destination_security own = security_of(s, domain, false), usual = security_of(s, NULL, false),
	    direct_usual = security_of(s, NULL, true);
	char *suffix = make_suffix(&own, &usual);
	struct hosts *h = &r->hosts[r->count++];
	int rc = 0;

	h->domain = domain;
	h->direct = security_of(s, domain, true);
	h->suffix = make_suffix(&h->direct, &direct_usual);
	h->d = (struct destination){ .port = domain != NULL && domain->has_port ? domain->port : s->port,
	    .helo = domain != NULL && domain->helo, .security = own };
	h->via = (struct destination){ .port = s->port, .security = own };
	if (!is_dns(texts))
		rc = fill_hosts(&h->d, texts, suffix);
	else if (*suffix != '\0' && domain != NULL && !domain->has_route && s->smart_host.count > 0)
		rc = fill_hosts(&h->via, &s->smart_host, suffix);
	free(suffix);
	if (rc == -1)
		*why = domain != NULL ? domain->name : "smart-host";
	return rc;
}

struct route *
route_new(const struct config_server *s, const char **why)
{
	struct route *r = mem_new(struct route);
	int rc;

	r->server = s;
	r->hosts = mem_zalloc((s->ndomain + 1) * sizeof(*r->hosts));
	rc = add_hosts(r, NULL, &s->smart_host, why);
	for (size_t i = 0; i < s->ndomain && rc == 0; i++)
		if (config_domain_has_hosts(&s->domain[i]))
			rc = add_hosts(r, &s->domain[i], &s->domain[i].route, why);
	if (rc == 0)
		return r;
	route_free(r);
	return NULL;
}

void
route_free(struct route *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++) {
		route_destination_done(&r->hosts[i].d);
		route_destination_done(&r->hosts[i].via);
		free(r->hosts[i].suffix);
	}
	free(r->hosts);
	free(r);
}

/* The hosts of each entry, or the server's; local domains have none. */
void
route_each(const struct route *r, void (*call)(void *arg, const struct destination *d), void *arg)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->hosts[i].d.nhost > 0)
			call(arg, &r->hosts[i].d);
		if (r->hosts[i].via.nhost > 0)
			call(arg, &r->hosts[i].via);
	}
}

static const struct hosts *
hosts_of(const struct route *r, const struct config_domain *domain)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->hosts[i].domain == domain)
			return &r->hosts[i];
	return &r->hosts[0];
}

/* Whoever sends, mail for that domain goes as the domain says. */
static bool
has_own_manner(const struct config_domain *d)
{
	return d != NULL && (d->has_outbound_tls || d->has_outbound_auth || d->user != NULL ||
	    d->client_certificate != NULL || d->mechanisms != 0);
}

/*
 * Those of the sender's entry, or the server's smart hosts with its account; NULL: it has none.
 */
static const struct hosts *
hosts_of_sender(const struct route *r, const char *sender)
{
	const struct config_domain *entry = sender == NULL ? NULL :
	    config_domain_of_sender(r->server, sender);
	const struct hosts *h = entry != NULL ? hosts_of(r, entry) : NULL;

	return h != NULL && (h->d.nhost > 0 || h->via.nhost > 0) ? h : NULL;
}

/* Refuses a domain that the DNS can never have, with a text of our own. */
static void
judge_direct(const char *domain, struct route_answer *a)
{
	struct destination_host h;
	char ascii[IDN_SIZE];

	a->kind = ROUTE_DIRECT;
	if (*domain == '[') {
		int rc = route_host_parse(&h, domain, a->port);

		free(h.name);
		if (rc == 0 && domain[strlen(domain) - 1] == ']')
			return;
		a->why = "the domain is a malformed address literal";
	} else if (!idn_is_ascii(domain)) {
		if (idn_to_ascii(ascii, domain))
			return;
		a->why = "the domain has no ASCII form (IDNA)";
	} else if (net_is_hostname(domain)) {
		return;
	} else {
		a->why = "the domain is no valid host name";
	}
	a->kind = ROUTE_REFUSED;
	a->status = "5.1.2";
}

/* What one domain has of its own, and what its sender has. */
struct way {
	const struct hosts *own;
	bool own_dns;			/* "route = dns" instead of the server's smart host */
	const struct hosts *by;		/* of the sender; NULL: none */
	const struct destination *smart;	/* NULL: none */
};

static void
take_domain(const struct route *r, struct way *w, const struct config_domain *entry, struct route_answer *a)
{
	w->own = &r->hosts[0];
	if (entry != NULL) {
		w->own = hosts_of(r, entry);
		a->helo = w->own->d.helo;
		a->backlog = entry->hold;
		a->port = w->own->d.port;
		a->hosts = w->own->d.nhost > 0 ? &w->own->d : NULL;
		w->own_dns = entry->has_route && a->hosts == NULL;
	}
	a->security = w->own->direct;
	a->suffix = w->own->suffix;
	w->smart = w->own->via.nhost > 0 ? &w->own->via : r->hosts[0].d.nhost > 0 ? &r->hosts[0].d : NULL;
}

static void
take_sender(const struct route *r, struct way *w, const char *sender, struct route_answer *a)
{
	w->by = hosts_of_sender(r, sender);
	if (w->by == NULL)
		return;
	a->hosts = w->by->d.nhost > 0 ? &w->by->d : NULL;
	w->smart = w->by->d.nhost > 0 ? NULL : &w->by->via;
	a->sender = w->by->domain;
}

/* By the MX of the domain; with the smart host behind it, or instead of it where the domain cannot be. */
static void
take_direct(const struct route *r, const struct way *w, const char *domain, struct route_answer *a)
{
	judge_direct(domain, a);
	if (!w->own_dns && r->server->smart_host_after_direct != CONFIG_DIRECT_NO)
		a->fallback = w->smart;
	if (a->kind == ROUTE_REFUSED && a->fallback != NULL) {
		a->kind = ROUTE_HOSTS;
		a->hosts = a->fallback;
		a->security = a->hosts->security;
	}
}

static void
find_way(const struct route *r, const char *domain, const char *sender, struct route_answer *a)
{
	const struct config_server *s = r->server;
	const struct config_domain *entry = *domain == '\0' ? s->default_domain :
	    config_domain_find(s, domain);
	struct way w = { 0 };

	*a = (struct route_answer){ .kind = ROUTE_LOCAL, .port = s->port, .suffix = "" };
	/* also when there is a smart host: no host can take it */
	if (strcmp(domain, ADDRESS_MALFORMED) == 0) {
		*a = (struct route_answer){ .kind = ROUTE_REFUSED, .status = "5.1.3", .suffix = "",
		    .why = "the address is malformed" };
		return;
	}
	if (entry != NULL && entry->type != CONFIG_DOMAIN_REMOTE)
		return;
	take_domain(r, &w, entry, a);
	if (a->hosts == NULL && !w.own_dns && !has_own_manner(entry))
		take_sender(r, &w, sender, a);
	if (a->hosts == NULL && !w.own_dns && s->smart_host_after_direct == CONFIG_DIRECT_NO)
		a->hosts = w.smart;
	if (a->hosts == NULL) {
		take_direct(r, &w, domain, a);
		return;
	}
	a->kind = ROUTE_HOSTS;
	if (w.by != NULL)
		a->security = a->hosts->security;
}

void
route_find(const struct route *r, const char *domain, const char *sender, struct route_answer *a)
{
	find_way(r, domain, sender, a);
	a->way = "";
	a->paused = config_domain_is_paused(r->server, domain);
}

const char *
route_find_address(const struct route *r, const char *address, const char *sender, char ascii[IDN_SIZE],
    struct route_answer *a)
{
	const char *at = strrchr(address, '@'), *domain = at == NULL ? "" : at + 1;

	if (!idn_is_ascii(domain) && idn_to_ascii(ascii, domain))
		domain = ascii;
	route_find(r, domain, sender, a);
	return domain;
}

void
route_direct_key(char key[ROUTE_KEY_SIZE], const char *domain, const struct route_answer *a)
{
	/* what the message wants stands before the long names: no key of another message may be the same */
	if (a->port == 25)
		snprintf(key, ROUTE_KEY_SIZE, "dns:%s%s%s%s", domain, a->way, a->helo ? ";helo" : "",
		    a->suffix);
	else
		snprintf(key, ROUTE_KEY_SIZE, "dns:%s:%u%s%s%s", domain, a->port, a->way,
		    a->helo ? ";helo" : "", a->suffix);
}

void
route_direct(struct destination *d, const char *domain, const struct route_answer *a)
{
	char key[ROUTE_KEY_SIZE];

	route_direct_key(key, domain, a);
	*d = (struct destination){ .key = mem_strdup(key), .domain = mem_strdup(domain), .port = a->port,
	    .helo = a->helo, .security = a->security };
	d->by_mx = *domain != '[';
	if (d->by_mx)
		return;
	d->host = mem_new(struct destination_host);
	d->nhost = route_host_parse(d->host, domain, a->port) == 0 ? 1 : 0;
}

/*
 * 5.1.2 and 5.4.4 without a reply code are our own words for "no such domain"; 4.4.1, 4.4.3, 4.4.4 for "not
 * reached".
 */
bool
route_is_fallback(const struct route *r, const struct verdict *v)
{
	if (v->code != 0)
		return false;
	if (v->what == VERDICT_REFUSED)
		return strcmp(v->status, "5.1.2") == 0 || strcmp(v->status, "5.4.4") == 0;
	return v->what == VERDICT_LATER && r->server->smart_host_after_direct == CONFIG_DIRECT_ON_FAILURE &&
	    (strcmp(v->status, "4.4.1") == 0 || strcmp(v->status, "4.4.3") == 0 ||
	    strcmp(v->status, "4.4.4") == 0);
}

bool
route_is_too_far(const struct config_server *s, unsigned hops)
{
	return s->hop_limit != CONFIG_UNLIMITED && hops > s->hop_limit;
}
