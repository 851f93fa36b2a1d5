/*
 * config_remote - the rules for remote hosts: order and look-up of [host PATTERN], presets of providers;
 * judged
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  each key comes from the most exact section that has it: a [domain] before all of these, for its
 *           own mail; of [host] an address before a name, a name before a
 *           network, a smaller network before a larger one, a network before "*.example.com", the longest of
 *           these first, and "*" last. A key of a section goes before the preset of its provider
 * Fails by: faults; rules that limit nothing
 */
#include "common/config/config_remote.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config_account.h"
#include "common/config/config_private.h"
#include "common/config/host_pattern.h"

const char *const config_remote_key_names[CONFIG_REMOTE_KEYS] = {
	[CONFIG_REMOTE_WITHOUT] = "without", [CONFIG_REMOTE_MECHANISMS] = "auth-mechanisms",
	[CONFIG_REMOTE_CONNECTIONS] = "connections", [CONFIG_REMOTE_RATE] = "rate",
	[CONFIG_REMOTE_RECIPIENTS] = "recipients",
};

/*
 * What providers say of themselves. Microsoft 365, SMTP client submission: 3 connections and 30 messages a
 * minute a mailbox. Google: 100 recipients a message by SMTP; it names no number of connections, and 10 are
 * few enough.
 */
static const uint64_t presets[][CONFIG_REMOTE_KEYS] = {
	[CONFIG_PROVIDER_NONE] = { 0 },
	[CONFIG_PROVIDER_MICROSOFT] = { [CONFIG_REMOTE_CONNECTIONS] = 3, [CONFIG_REMOTE_RATE] = 30 },
	[CONFIG_PROVIDER_GOOGLE] = { [CONFIG_REMOTE_CONNECTIONS] = 10, [CONFIG_REMOTE_RECIPIENTS] = 100 },
};

/* --- patterns --- */

static bool
is_net(const struct config_remote *r)
{
	return r->net.family != AF_UNSPEC;
}

/* Bits of an address that the network has not fixed. */
static unsigned
free_bits(const struct net_entry *e)
{
	return (e->family == AF_INET ? 32 : 128) - net_entry_prefix(e);
}

/* The lower, the more exact: the kind of pattern, then how much it leaves open. */
static int
kind_of(const struct config_remote *r)
{
	if (is_net(r))
		return free_bits(&r->net) == 0 ? 0 : 2;
	return r->name[0] != '*' ? 1 : r->name[1] == '.' ? 3 : 4;
}

static int
remote_compare(const void *a, const void *b)
{
	const struct config_remote *x = a, *y = b;
	int kind = kind_of(x);
	size_t left = strlen(x->name), right = strlen(y->name);

	if (kind != kind_of(y))
		return kind - kind_of(y);
	if (kind == 2 && free_bits(&x->net) != free_bits(&y->net))
		return free_bits(&x->net) < free_bits(&y->net) ? -1 : 1;
	if (kind == 3 && left != right)
		return left > right ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
set_net(struct config_remote *r)
{
	struct net_entry e;
	const char *why;

	r->net = (struct net_entry){ .family = AF_UNSPEC };
	if (net_entry_parse(&e, r->name, &why) == -1)
		return;
	if (e.family != AF_UNSPEC)
		r->net = e;	/* no name is in it: nothing to free */
	else
		net_entry_done(&e);
}

void
config_remote_sort(struct config_server *s)
{
	for (size_t i = 0; i < s->nremote; i++)
		set_net(&s->remote[i]);
	if (s->nremote > 0)
		qsort(s->remote, s->nremote, sizeof(*s->remote), remote_compare);
}

/* --- look-up --- */

static bool
fits(const struct config_remote *r, const char *host, const struct sockaddr *address)
{
	size_t len = strlen(host), tail = strlen(r->name);

	if (is_net(r))
		return address != NULL && net_entry_has(&r->net, address);
	if (r->name[0] != '*')
		return strcasecmp(r->name, host) == 0;
	return tail == 1 || (*host != '[' && len > tail - 1 &&
	    strcasecmp(host + len - (tail - 1), r->name + 1) == 0);
}

bool
config_remote_fits(const char *pattern, const char *host, uint16_t port, const struct sockaddr *address)
{
	char bare[HOST_PATTERN_SIZE];
	uint16_t only;
	struct config_remote r = { .name = NULL };
	bool found = false;

	if (!host_pattern_split(pattern, bare, sizeof(bare), &only) || (only != 0 && only != port))
		return false;
	r.name = host_pattern_parse(bare);

	if (r.name != NULL) {
		set_net(&r);
		found = fits(&r, host, address);
	}
	free(r.name);
	return found;
}

bool
config_remote_is_paused(const struct config_server *s, const char *host, const struct sockaddr *address)
{
	bool paused = false;

	for (size_t i = 0; i < s->paused_hosts.count && !paused; i++)
		paused = config_remote_fits(s->paused_hosts.text[i], host, net_port(address), address);
	return paused;
}

static uint64_t
own_value(const struct config_remote *r, enum config_remote_key key)
{
	const uint64_t value[CONFIG_REMOTE_KEYS] = {
		[CONFIG_REMOTE_WITHOUT] = r->without, [CONFIG_REMOTE_MECHANISMS] = r->mechanisms,
		[CONFIG_REMOTE_CONNECTIONS] = r->connections, [CONFIG_REMOTE_RATE] = r->rate,
		[CONFIG_REMOTE_RECIPIENTS] = r->recipients,
	};

	return value[key];
}

bool
config_remote_is_preset(const struct config_remote *remote, enum config_remote_key key)
{
	return own_value(remote, key) == 0;
}

bool
config_remote_says(const struct config_remote *remote, enum config_remote_key key)
{
	return own_value(remote, key) != 0 || presets[remote->provider][key] != 0;
}

bool
config_remote_is_empty(const struct config_remote *remote)
{
	enum config_remote_key key = 0;

	while (key < CONFIG_REMOTE_KEYS && !config_remote_says(remote, key))
		key++;
	return key == CONFIG_REMOTE_KEYS;
}

static void
take_section(struct config_remote_rules *r, const struct config_remote *remote)
{
	for (enum config_remote_key key = 0; key < CONFIG_REMOTE_KEYS; key++) {
		uint64_t own = own_value(remote, key);

		if (r->from[key] != NULL || !config_remote_says(remote, key))
			continue;
		r->value[key] = own != 0 ? own : presets[remote->provider][key];
		r->from[key] = remote;
	}
}

static void
set_none(struct config_remote_rules *r)
{
	*r = (struct config_remote_rules){ 0 };
	for (enum config_remote_key key = CONFIG_REMOTE_CONNECTIONS; key < CONFIG_REMOTE_KEYS; key++)
		r->value[key] = CONFIG_UNLIMITED;
}

void
config_remote_find(struct config_remote_rules *r, const struct config_server *s,
    const struct config_remote *domain, const char *host, const struct sockaddr *address)
{
	bool first = true;

	set_none(r);
	r->by_address = *host == '[';
	if (domain != NULL)
		take_section(r, domain);
	for (size_t i = 0; i < s->nremote; i++) {
		if (!fits(&s->remote[i], host, address))
			continue;
		if (first && is_net(&s->remote[i]))
			r->by_address = true;
		first = false;
		take_section(r, &s->remote[i]);
	}
	r->value[CONFIG_REMOTE_WITHOUT] &= ~(uint64_t)CONFIG_WITHOUT_NOTHING;
}

void
config_remote_of_domain(struct config_remote_rules *r, const struct config_remote *domain)
{
	set_none(r);
	take_section(r, domain);
	r->value[CONFIG_REMOTE_WITHOUT] &= ~(uint64_t)CONFIG_WITHOUT_NOTHING;
}

/* --- judgement --- */

static void __attribute__((format(printf, 6, 7)))
blame(struct config_work *w, size_t server, const struct config_remote *r, const char *key, bool warning,
    const char *fmt, ...)
{
	const struct config_ini *ini = &w->ini[server + 1];
	unsigned line = key != NULL ? config_origin_of(r->origin, KEY_REMOTE, key)->line : 0;
	char text[400];
	va_list ap;

	for (size_t i = 0; line == 0 && i < ini->nheading; i++)
		if (ini->heading[i].section == KEY_REMOTE && strcmp(ini->heading[i].domain, r->name) == 0)
			line = ini->heading[i].line;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_faults_add(w->faults, config_work_source(w, server), line, warning, "%s", text);
}

static bool
is_given(const struct config_remote *r, const char *key)
{
	return config_origin_of(r->origin, KEY_REMOTE, key)->file != NULL;
}

static bool
says_something(const struct config_remote *r)
{
	for (enum config_remote_key key = 0; key < CONFIG_REMOTE_KEYS; key++)
		if (is_given(r, config_remote_key_names[key]))
			return true;
	return is_given(r, "provider");
}

/* TLS that is required stays required, so that a key of comfort never sends mail in clear. */
static void
judge_starttls(struct config_work *w, size_t server, const struct config_remote *r)
{
	const struct config_server *s = &w->config->server[server];

	if (r->without & CONFIG_WITHOUT_STARTTLS && s->outbound_tls > CONFIG_OUT_TLS_MAY)
		blame(w, server, r, "without", true,
		    "without = starttls has no effect where outbound-tls asks for TLS, as [delivery] does");
}

/* A mailbox of Microsoft 365 with an account: its limits are known, and what exceeds them is put off. */
static void
judge_provider(struct config_work *w, size_t server, const struct config_delivery *p,
    const struct config_strings *hosts)
{
	static const char name[] = "smtp.office365.com";
	const struct config_server *s = &w->config->server[server];
	struct config_remote_rules rules;
	struct config_account a;

	config_remote_find(&rules, s, p->d != NULL ? &p->d->rules : NULL, name, NULL);
	if (rules.from[CONFIG_REMOTE_RATE] != NULL || !config_account_find(&a, s, p->d, false) ||
	    a.auth == CONFIG_OUT_ANONYMOUS)
		return;
	for (size_t i = 0; i < hosts->count; i++)
		if (strncasecmp(hosts->text[i], name, strlen(name)) == 0)
			config_faults_at_delivery(p, p->d != NULL ? "route" : "smart-host", true,
			    "%s takes 3 connections and 30 messages a minute of a mailbox: provider = "
			    "microsoft in [host %s] keeps to that", name, name);
}

void
config_remote_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct config_delivery p = { w, server, NULL };

	judge_provider(w, server, &p, &s->smart_host);
	for (size_t i = 0; i < s->ndomain; i++) {
		p.d = &s->domain[i];
		judge_provider(w, server, &p, &p.d->route);
	}
	for (size_t i = 0; i < s->nremote; i++) {
		const struct config_remote *r = &s->remote[i];

		if (!says_something(r))
			blame(w, server, r, NULL, true, "[host %s] says nothing of its hosts", r->name);
		if (is_net(r) && net_entry_prefix(&r->net) < 8)
			blame(w, server, r, NULL, true,
			    "[host %s] is a large part of the Internet; [host *] says something of all "
			    "hosts", r->name);
		if (r->connections != 0 && r->connections != CONFIG_UNLIMITED &&
		    r->connections > s->connections)
			blame(w, server, r, "connections", true,
			    "connections is larger than that of [delivery], %llu, which no host exceeds",
			    (unsigned long long)s->connections);
		judge_starttls(w, server, r);
	}
}
