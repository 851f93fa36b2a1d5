/*
 * config_domain - the [domain] entries of a virtual server: order, look-up, judgement
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a server that passes has exactly one default domain; a look-up is one binary search for each
 *           label; an address literal that leads here is the default domain
 * Fails by: faults; NULL: no entry
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/mail/address.h"
#include "common/mail/idn.h"
#include "common/config/config_private.h"

static int
domain_compare(const void *a, const void *b)
{
	const struct config_domain *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
config_domain_sort(struct config_server *s)
{
	if (s->ndomain > 0)
		qsort(s->domain, s->ndomain, sizeof(*s->domain), domain_compare);
	for (size_t i = 0; i < s->ndomain; i++)
		if (s->domain[i].type == CONFIG_DOMAIN_DEFAULT)
			s->default_domain = &s->domain[i];
}

static const struct config_domain *
find_exact(const struct config_server *s, char *name)
{
	struct config_domain key = { .name = name };

	return s->ndomain == 0 ? NULL : bsearch(&key, s->domain, s->ndomain, sizeof(key), domain_compare);
}

static bool
is_same_address(const struct net_address *a, const struct net_address *b)
{
	uint8_t x[16], y[16];
	int fx, fy;
	size_t n = net_bytes((const struct sockaddr *)&a->sa, &fx, x);

	return n > 0 && net_bytes((const struct sockaddr *)&b->sa, &fy, y) == n && memcmp(x, y, n) == 0;
}

/* "[192.0.2.1]" names us when we listen there, or are said to be there (own-address); a name is none. */
static bool
is_own_literal(const struct config_server *s, const char *literal)
{
	struct net_address want, have;
	const char *why;

	if (net_literal_parse(&want, literal, 0) == -1 || net_is_any((const struct sockaddr *)&want.sa))
		return false;
	for (size_t i = 0; i < s->own_address.count; i++)
		if (net_address_parse(&have, s->own_address.text[i], 0, &why) == 0 &&
		    is_same_address(&want, &have))
			return true;
	for (size_t i = 0; i < s->nlisten; i++)
		if (is_same_address(&want, &s->listen[i].address))
			return true;
	return false;
}

const struct config_domain *
config_domain_find(const struct config_server *s, const char *domain)
{
	char name[IDN_SIZE], ascii[IDN_SIZE];
	const struct config_domain *d;

	if (*domain == '[')
		return is_own_literal(s, domain) ? s->default_domain : NULL;
	if (strlen(domain) > 253 || strchr(domain, '*') != NULL)
		return NULL;
	if (idn_is_ascii(domain))
		strcpy(name, domain);
	else if (idn_to_ascii(name, domain))
		domain = strcpy(ascii, name);
	else
		return NULL;
	d = find_exact(s, name);
	for (const char *dot = strchr(domain, '.'); d == NULL && dot != NULL; dot = strchr(dot + 1, '.')) {
		name[0] = '*';
		strcpy(name + 1, dot);
		d = find_exact(s, name);
	}
	return d;
}

bool
config_domain_has_hosts(const struct config_domain *d)
{
	return d->type == CONFIG_DOMAIN_REMOTE || d->type == CONFIG_DOMAIN_SENDER;
}

static const struct config_domain *
find_sender(const struct config_server *s, char *name)
{
	const struct config_domain *d = find_exact(s, name);

	return d != NULL && d->type == CONFIG_DOMAIN_SENDER ? d : NULL;
}

/* The mailbox, then its domain, then the longest "@*." above it. */
const struct config_domain *
config_domain_of_sender(const struct config_server *s, const char *sender)
{
	const char *at = strrchr(sender, '@'), *domain = at != NULL ? at + 1 : s->default_domain->name;
	char ascii[IDN_SIZE], name[ADDRESS_MAX + IDN_SIZE];
	const struct config_domain *d;

	if (*sender == '\0')
		return find_sender(s, strcpy(name, "<>"));
	if (strlen(sender) > ADDRESS_MAX || !idn_to_ascii(ascii, domain))
		return NULL;
	snprintf(name, sizeof(name), "%.*s@%s", (int)(at != NULL ? (size_t)(at - sender) : strlen(sender)),
	    sender, ascii);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if ((d = find_sender(s, name)) != NULL || (d = find_sender(s, strrchr(name, '@'))) != NULL)
		return d;
	for (const char *dot = strchr(ascii, '.'); d == NULL && dot != NULL; dot = strchr(dot + 1, '.')) {
		snprintf(name, sizeof(name), "@*%s", dot);
		d = find_sender(s, name);
	}
	return d;
}

/* `pattern`: "example.com", or "*.example.com"; it was judged before. */
static bool
is_named(const char *domain, const char *pattern)
{
	bool below = pattern[0] == '*';
	size_t len, tail;
	char ascii[1 + IDN_SIZE] = ".";

	pattern += below;
	if (!idn_is_ascii(pattern) && idn_to_ascii(ascii + 1, pattern + below))
		pattern = ascii + !below;
	len = strlen(domain);
	tail = strlen(pattern);
	return below ? len > tail && strcasecmp(domain + len - tail, pattern) == 0 :
	    strcasecmp(domain, pattern) == 0;
}

bool
config_domain_is_paused(const struct config_server *s, const char *domain)
{
	char ascii[IDN_SIZE];

	if (*domain == '\0')
		domain = s->default_domain->name;
	else if (!idn_is_ascii(domain) && idn_to_ascii(ascii, domain))
		domain = ascii;
	for (size_t i = 0; i < s->paused.count; i++)
		if (is_named(domain, s->paused.text[i]))
			return true;
	return false;
}

bool
config_domain_serves(const struct config_domain *d, const char *account)
{
	for (size_t i = 0; i < d->atrn_accounts.count; i++)
		if (strcmp(d->atrn_accounts.text[i], account) == 0)
			return true;
	return false;
}

const char *
config_domain_drop_folder(const struct config_server *s)
{
	return s->default_domain->drop != NULL ? s->default_domain->drop : s->drop;
}

/* Keys that only one type of domain has. */
static const struct { const char *key; enum config_domain_type type; bool sender; } only_for[] = {
	{ "drop", CONFIG_DOMAIN_DEFAULT, false }, { "drop-quota", CONFIG_DOMAIN_DEFAULT, false },
	{ "relay", CONFIG_DOMAIN_REMOTE, false }, { "helo", CONFIG_DOMAIN_REMOTE, false },
	{ "route", CONFIG_DOMAIN_REMOTE, true },
	{ "outbound-auth", CONFIG_DOMAIN_REMOTE, true }, { "outbound-tls", CONFIG_DOMAIN_REMOTE, true },
	{ "user", CONFIG_DOMAIN_REMOTE, true },
	{ "secret-file", CONFIG_DOMAIN_REMOTE, true }, { "port", CONFIG_DOMAIN_REMOTE, true },
	{ "hold", CONFIG_DOMAIN_REMOTE, false },
	{ "atrn-accounts", CONFIG_DOMAIN_REMOTE, false }, { "oauth", CONFIG_DOMAIN_REMOTE, true },
	{ "auth-mechanisms", CONFIG_DOMAIN_REMOTE, true },
	{ "provider", CONFIG_DOMAIN_REMOTE, true }, { "without", CONFIG_DOMAIN_REMOTE, true },
	{ "connections", CONFIG_DOMAIN_REMOTE, true }, { "rate", CONFIG_DOMAIN_REMOTE, true },
	{ "recipients", CONFIG_DOMAIN_REMOTE, true },
	{ "client-certificate", CONFIG_DOMAIN_REMOTE, true }, { "client-key", CONFIG_DOMAIN_REMOTE, true },
};

bool
config_domain_has_key(const struct config_domain *d, const char *key)
{
	for (size_t i = 0; i < nitems_of(only_for); i++)
		if (strcmp(only_for[i].key, key) == 0)
			return only_for[i].type == d->type ||
			    (only_for[i].sender && d->type == CONFIG_DOMAIN_SENDER);
	return true;
}

static unsigned
heading_line(const struct config_ini *ini, const char *domain)
{
	for (size_t i = 0; i < ini->nheading; i++)
		if (ini->heading[i].section == KEY_DOMAIN && strcmp(ini->heading[i].domain, domain) == 0)
			return ini->heading[i].line;
	return 0;
}

static bool
is_given(const struct config_domain *d, const char *key)
{
	return config_origin_of(d->origin, KEY_DOMAIN, key)->file != NULL;
}

/* Its name says what it is, and it needs hosts: what only the DNS names has no account of a sender. */
static void
judge_sender(struct config_work *w, size_t server, const struct config_domain *d,
    const struct config_origin *type)
{
	bool named = strpbrk(d->name, "@<") != NULL, dns = d->route.count == 1 &&
	    strcasecmp(d->route.text[0], "dns") == 0;

	if (named != (d->type == CONFIG_DOMAIN_SENDER))
		config_faults_add(w->faults, config_work_source(w, server), type->line, false, named ?
		    "[domain %s] must be of type sender" :
		    "[domain %s]: a sender is written me@example.com, @example.com, @*.example.com or <>",
		    d->name);
	else if (named && (dns || (!is_given(d, "route") &&
	    w->config->server[server].smart_host.count == 0)))
		config_faults_add(w->faults, config_work_source(w, server), type->line, true,
		    "[domain %s] has no effect: it has no route, and the virtual server no smart-host",
		    d->name);
	else if (named && !is_given(d, "route") && !is_given(d, "outbound-auth") &&
	    !is_given(d, "outbound-tls") && !is_given(d, "user") && !is_given(d, "client-certificate"))
		config_faults_add(w->faults, config_work_source(w, server), type->line, true,
		    "[domain %s] says nothing of hosts, account or TLS", d->name);
}

static void
judge_one(struct config_work *w, size_t server, const struct config_domain *d)
{
	struct config_source *source = config_work_source(w, server);
	const struct config_origin *type = config_origin_of(d->origin, KEY_DOMAIN, "type");

	if (type->bad)
		return;
	if (type->file == NULL) {
		config_faults_add(w->faults, source, heading_line(&w->ini[server + 1], d->name), false,
		    "[domain %s] has no type; it must be default, alias or remote", d->name);
		return;
	}
	if (d->type == CONFIG_DOMAIN_DEFAULT && *d->name == '*')
		config_faults_add(w->faults, source, type->line, false,
		    "the default domain cannot be %s; *.NAME may be an alias or remote " "domain", d->name);
	for (size_t i = 0; i < nitems_of(only_for); i++) {
		const struct config_origin *o = config_origin_of(d->origin, KEY_DOMAIN, only_for[i].key);

		if (o->file != NULL && !config_domain_has_key(d, only_for[i].key))
			config_faults_add(w->faults, source, o->line, false, "\"%s\" is for %s only",
			    only_for[i].key,
			    only_for[i].type != CONFIG_DOMAIN_REMOTE ? "the default domain" :
			    only_for[i].sender ? "remote domains and senders" : "remote domains");
	}
	judge_sender(w, server, d, type);
}

/* Warns of accounts that can never fetch anything. */
static void
judge_accounts(struct config_work *w, size_t server, const struct config_domain *d)
{
	const struct config_server *s = &w->config->server[server];
	const struct config_origin *o = config_origin_of(d->origin, KEY_DOMAIN, "atrn-accounts");

	if (o->file == NULL || o->bad || d->type != CONFIG_DOMAIN_REMOTE)
		return;
	if (!d->hold)
		config_faults_add(w->faults, config_work_source(w, server), o->line, true,
		    "atrn-accounts has no effect without hold = yes: mail for " "%s is not held", d->name);
	else if ((s->authentication & ~(unsigned)CONFIG_AUTH_ANONYMOUS) == 0)
		config_faults_add(w->faults, config_work_source(w, server), o->line, true,
		    "atrn-accounts has no effect while authentication is "
		    "anonymous: nobody can log in to fetch mail for %s", d->name);
}

/* With HELO there is no STARTTLS. */
static void
judge_helo(struct config_work *w, size_t server, const struct config_domain *d)
{
	static const char *const names[] = {
		[CONFIG_OUT_TLS_REQUIRED] = "required", [CONFIG_OUT_TLS_VERIFY] = "verify",
		[CONFIG_OUT_TLS_DANE] = "dane",
	};
	enum config_outbound_tls mode = d->has_outbound_tls ? d->outbound_tls :
	    w->config->server[server].outbound_tls;
	const struct config_origin *helo = config_origin_of(d->origin, KEY_DOMAIN, "helo"),
	    *tls = config_origin_of(d->origin, KEY_DOMAIN, "outbound-tls");

	if (d->type != CONFIG_DOMAIN_REMOTE || !d->helo || mode <= CONFIG_OUT_TLS_MAY || helo->bad ||
	    tls->bad)
		return;
	if (d->has_outbound_tls)
		config_faults_add(w->faults, config_work_source(w, server), tls->line, false,
		    "outbound-tls = %s cannot be had with helo = yes, for there "
		    "is no STARTTLS after HELO", names[mode]);
	else
		config_faults_add(w->faults, config_work_source(w, server), helo->line, false,
		    "helo = yes cannot be had with outbound-tls = %s of "
		    "[delivery], for there is no STARTTLS after HELO; give the domain an outbound-tls of its "
		    "own", names[mode]);
}

/* Whether the entry is in no file: the default domain made from the fqdn. */
static bool
is_made(const struct config_domain *d)
{
	return d->type == CONFIG_DOMAIN_DEFAULT &&
	    config_origin_of(d->origin, KEY_DOMAIN, "type")->file == NULL;
}

void
config_domain_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	const struct config_domain *first = NULL;
	struct config_source *source = config_work_source(w, server);

	for (size_t i = 0; i < s->ndomain; i++) {
		const struct config_domain *d = &s->domain[i];
		const struct config_origin *type = config_origin_of(d->origin, KEY_DOMAIN, "type");

		if (is_made(d) && heading_line(&w->ini[server + 1], d->name) == 0)
			continue;
		judge_one(w, server, d);
		judge_accounts(w, server, d);
		judge_helo(w, server, d);
		if (type->file == NULL || type->bad || d->type != CONFIG_DOMAIN_DEFAULT)
			continue;
		if (first != NULL)
			config_faults_add(w->faults, source, type->line, false,
			    "%s is a second default domain, besides %s; one may be, the "
			    "others can be type = alias", d->name, first->name);
		first = d;
	}
	if (s->default_domain == NULL)
		config_faults_add(w->faults, source, heading_line(&w->ini[server + 1], s->fqdn), false,
		    "there is no [domain] of type default, and the virtual server's own name %s "
		    "cannot stand in, for it has an entry of another type",
		    s->fqdn);
}
