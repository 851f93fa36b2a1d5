/*
 * explain - what would happen to a message, and which line of the configuration decides it; pure
 *
 * Runs in:  posternctl, master
 * Owns:     nothing
 * Promise:  calls the functions that listener and deliver worker call; needs no DNS. Where the DNS decides,
 *           it says so. Of a directory it says what `ask` heard, else that it decides
 * Fails by: words in `why`
 */
#include "common/rules/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config_dkim.h"
#include "common/config/key.h"
#include "common/mail/idn.h"
#include "common/rules/route.h"
#include "common/rules/sender_address.h"

#define VALUE_SIZE 1024
#define ORIGIN_SIZE 1024
#define DIRECTORY_TEXT 65536U

/* origin NULL: no line of the configuration decides; a value of more than 1023 bytes is cut. */
static void __attribute__((format(printf, 5, 6)))
say(const struct explain *x, const char *what, const char *origin, const char *key, const char *fmt, ...)
{
	char value[VALUE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	x->say(x->arg, what, origin, key, value);
}

static void
say_server_key(const struct explain *x, const char *what, const char *section, const char *key,
    const char *value)
{
	char origin[ORIGIN_SIZE];

	say(x, what,
	    config_print_server_origin(origin, sizeof(origin), x->server, section, key), key, "%s", value);
}

static void
say_domain_key(const struct explain *x, const struct config_domain *d, const char *what, const char *key,
    const char *value)
{
	char origin[ORIGIN_SIZE];

	say(x, what, config_print_origin(origin, sizeof(origin), d, key), key, "%s", value);
}

static void
say_refused(struct explain *x, const char *reply)
{
	x->refused = true;
	say(x, "answer", NULL, NULL, "%s", reply);
}

static const char *
answer_name(enum policy_answer a)
{
	return a == POLICY_YES ? "yes" : a == POLICY_NO ? "no" :
	    "as the name of its address says, in the DNS";
}

/* --- inbound --- */

/* False: the connection is refused. */
static bool
explain_connection(struct explain *x)
{
	const struct config_server *s = x->server;
	enum policy_answer a = policy_may_connect(s, &x->policy);

	say_server_key(x, "connect", "access", s->connection_list.count > 0 ? "connection-list" :
	    "connection-control", answer_name(a));
	if (a == POLICY_NO)
		say_refused(x, "554 5.7.1 at the greeting");
	return a != POLICY_NO;
}

static bool
explain_sender(struct explain *x)
{
	const struct config_server *s = x->server;
	uint64_t size = 0;
	bool needed = !(s->authentication & CONFIG_AUTH_ANONYMOUS);

	say_server_key(x, "login", "access", "authentication", x->user != NULL ? x->user :
	    needed ? "required" : "not needed");
	if (needed && x->user == NULL)
		say_refused(x, "530 5.7.0 Authentication required");
	if (x->size != NULL && key_parse_size(x->size, &size) == 0 &&
	    s->max_message_size != CONFIG_UNLIMITED && size > s->max_message_size) {
		say_server_key(x, "size", "messages", "max-message-size", "too large");
		say_refused(x, "552 5.3.4 Message size exceeds fixed maximum message size");
	}
	return !x->refused;
}

static void
explain_relay(struct explain *x)
{
	const struct config_server *s = x->server;
	bool by_login = x->user != NULL && s->relay_authenticated;
	enum policy_answer a = policy_may_relay(s, &x->policy, x->user != NULL);

	say_server_key(x, "relay", "access", by_login ? "relay-authenticated" : s->relay_list.count > 0 ?
	    "relay-list" : "relay", answer_name(a));
	if (a == POLICY_NO) {
		char reply[ADDRESS_MAX + 64];

		snprintf(reply, sizeof(reply), "550 5.7.1 Unable to relay for %s", x->to.text);
		say_refused(x, reply);
	}
}

static const char *
type_name(const struct config_domain *d)
{
	static const char *const names[] = {
		[CONFIG_DOMAIN_DEFAULT] = "default", [CONFIG_DOMAIN_ALIAS] = "alias",
		[CONFIG_DOMAIN_REMOTE] = "remote", [CONFIG_DOMAIN_SENDER] = "sender",
	};

	return names[d->type];
}

/* --- outbound --- */

static void
say_hosts(const struct explain *x, const char *what, const struct destination *d,
    const struct config_domain *own)
{
	struct buf text = BUF_INIT(1U << 16);

	for (size_t i = 0; i < d->nhost; i++)
		buf_printf(&text, "%s%s%s%s:%u", i == 0 ? "" : ", ", d->host[i].literal ? "[" : "",
		    d->host[i].name, d->host[i].literal ? "]" : "", d->host[i].port);
	if (own != NULL)
		say_domain_key(x, own, what, "route", buf_text(&text));
	else
		say_server_key(x, what, "delivery", "smart-host", buf_text(&text));
	buf_done(&text);
}

static void
say_key(const struct explain *x, const struct config_domain *d, bool own, const char *what, const char *key,
    const char *value)
{
	if (own)
		say_domain_key(x, d, what, key, value);
	else
		say_server_key(x, what, "delivery", key, value);
}

/* The value of a key of [domain] `d`, NULL: of the server, and where it comes from. */
static void
say_value(const struct explain *x, const struct config_domain *d, const char *what, const char *section,
    const char *key)
{
	struct buf text = BUF_INIT(1U << 16);

	config_print_value(&text, x->server, d, section, key);
	if (d != NULL)
		say_domain_key(x, d, what, key, buf_text(&text));
	else
		say_server_key(x, what, section, key, buf_text(&text));
	buf_done(&text);
}

/* Where the DNS may not lead: what is none of our business, and ourselves (5.4.6). */
static void
explain_limits(const struct explain *x)
{
	struct buf text = BUF_INIT(1U << 16);

	say_value(x, NULL, "never to", "delivery", "never-to");
	buf_puts(&text, "listen, fqdn, hostname");
	if (x->server->own_address.count > 0)
		buf_puts(&text, ", ");
	config_print_value(&text, x->server, NULL, "general", "own-address");
	say_server_key(x, "ourselves", "general", "own-address", buf_text(&text));
	buf_done(&text);
}

static void
explain_manner(const struct explain *x, const struct config_domain *d, const struct route_answer *a)
{
	static const char *const tls[] = {
		[CONFIG_OUT_TLS_OFF] = "off", [CONFIG_OUT_TLS_MAY] = "may",
		[CONFIG_OUT_TLS_REQUIRED] = "required",
		[CONFIG_OUT_TLS_VERIFY] = "verify", [CONFIG_OUT_TLS_DANE] = "dane",
	};
	static const char *const auth[] = {
		[CONFIG_OUT_ANONYMOUS] = "anonymous", [CONFIG_OUT_BASIC] = "basic",
		[CONFIG_OUT_INTEGRATED] = "integrated", [CONFIG_OUT_OAUTH2] = "oauth2",
	};
	const struct destination_security *s = a->kind == ROUTE_HOSTS ? &a->hosts->security : &a->security;
	char port[8];

	snprintf(port, sizeof(port), "%u", a->port);
	if (a->kind == ROUTE_DIRECT)
		say_key(x, d, d != NULL && d->has_port, "port", "port", port);
	if (d != NULL && (a->kind == ROUTE_DIRECT || d->route.count > 0))
		say_domain_key(x, d, "hello", "helo", a->helo ? "HELO" :
		    "EHLO");	/* which does not count for the smart hosts of the server */
	say_key(x, d, d != NULL && d->has_outbound_tls, "tls", "outbound-tls", tls[s->tls]);
	if (a->kind == ROUTE_DIRECT && s->tls != CONFIG_OUT_TLS_OFF)
		say_key(x, d, d != NULL && d->has_mta_sts, "mta-sts", "mta-sts", s->mta_sts ? "yes" : "no");
	if (a->kind == ROUTE_DIRECT && s->tls != CONFIG_OUT_TLS_OFF)
		say_key(x, NULL, false, "tls-reports", "tls-reports", s->reported ? "yes" : "no");
	if (s->certificate != NULL)
		say_value(x, *s->certificate != '\0' ? d : NULL, "certificate", "delivery",
		    "client-certificate");
	say_key(x, d, s->account.domain != NULL && *s->account.domain != '\0', "account", "outbound-auth",
	    auth[s->account.auth]);
	if (s->account.auth != CONFIG_OUT_ANONYMOUS)
		say_value(x, d != NULL && d->mechanisms != 0 ? d : NULL, "mechanisms", "delivery",
		    "auth-mechanisms");
	if (a->kind == ROUTE_DIRECT)
		explain_limits(x);
}

/* What counts for a host, and which section says it. */
static void
explain_host(const struct explain *x, const struct destination_host *h, const struct config_remote *own)
{
	struct config_remote_rules rules;
	char host[300], origin[ORIGIN_SIZE];
	struct net_address a;
	const char *why;
	bool known;

	snprintf(host, sizeof(host), h->literal && strchr(h->name, ':') != NULL ? "[%s]" : "%s", h->name);
	known = h->literal && net_address_parse(&a, host, h->port, &why) == 0;
	snprintf(host, sizeof(host), h->literal ? "[%s]" : "%s", h->name);
	config_remote_find(&rules, x->server, own, host, known ? (const struct sockaddr *)&a.sa : NULL);
	for (enum config_remote_key key = 0; key < CONFIG_REMOTE_KEYS; key++) {
		const struct config_remote *from = rules.from[key];
		const char *name = config_remote_key_names[key];
		struct buf text = BUF_INIT(VALUE_SIZE);

		if (from == NULL || from == own)
			continue;
		if (config_remote_is_preset(from, key)) {
			buf_printf(&text, "%llu", (unsigned long long)rules.value[key]);
			name = "provider";
		} else {
			config_print_remote_value(&text, from, name);
		}
		say(x, config_remote_key_names[key], config_print_remote_origin(origin, sizeof(origin), from,
		    name), name, "%s at %s, by [host %s]", buf_text(&text), host, from->name);
		buf_done(&text);
	}
}

/* What a [domain] says of its hosts, before their [host]. */
static void
explain_rules(const struct explain *x, const struct config_domain *d, const struct config_remote *own)
{
	struct config_remote_rules rules;

	if (d == NULL || own != &d->rules)
		return;
	config_remote_of_domain(&rules, own);
	for (enum config_remote_key key = 0; key < CONFIG_REMOTE_KEYS; key++)
		if (rules.from[key] == own)
			say_value(x, d, config_remote_key_names[key], "domain",
			    config_remote_is_preset(own, key) ? "provider" : config_remote_key_names[key]);
}

static void
explain_hosts(const struct explain *x, const struct route_answer *a)
{
	if (x->server->nremote == 0)
		return;
	for (size_t i = 0; a->kind == ROUTE_HOSTS && i < a->hosts->nhost; i++)
		explain_host(x, &a->hosts->host[i], a->hosts->security.rules);
	if (a->kind == ROUTE_DIRECT)
		say(x, "host rules", NULL, NULL, "by the names and addresses that the DNS has, in %zu [host] "
		    "sections", x->server->nremote);
}

static void
explain_outgoing_sender(const struct explain *x)
{
	char masked[ADDRESS_MAX + 1];

	if (x->sender != NULL && sender_address_is_resolved(x->server, x->sender))
		say_server_key(x, "sender", "ldap", "resolve-senders", "as its own address");
	if (x->sender != NULL && sender_address_mask(x->server, x->sender, masked))
		say_server_key(x, "sender", "delivery", "masquerade", masked);
}

/* The keys of the closest domain that has one; how many. */
static size_t
put_keys(const struct explain *x, const char *domain, struct buf *out)
{
	struct config_dkim k;
	size_t longest = 0, n = 0;

	for (size_t i = 0; config_dkim_at(&k, x->server, i); i++)
		if (config_dkim_serves(&k, domain) && strlen(k.domain) > longest)
			longest = strlen(k.domain);
	for (size_t i = 0; config_dkim_at(&k, x->server, i); i++)
		if (config_dkim_serves(&k, domain) && strlen(k.domain) == longest)
			buf_printf(out, "%s%s._domainkey.%s", n++ == 0 ? "" : ", ", k.selector, k.domain);
	return n;
}

/* From is not known here: its domain is taken to be that of the sender. */
static void
explain_signature(const struct explain *x)
{
	const char *at = x->sender != NULL ? strrchr(x->sender, '@') : NULL;
	struct buf text = BUF_INIT(VALUE_SIZE);
	char ascii[IDN_SIZE];

	if (x->server->dkim_key.count == 0)
		return;
	if (policy_may_relay(x->server, &x->policy, x->user != NULL) != POLICY_YES)
		buf_puts(&text, "no: only mail of clients that may relay is signed");
	else if (at == NULL || !idn_to_ascii(ascii, at + 1))
		buf_puts(&text, "when there is a key of the domain in From");
	else if (put_keys(x, ascii, &text) == 0)
		buf_printf(&text, "no: there is no key of %s, if that is the domain in From", ascii);
	else
		buf_printf(&text, ", if %s is the domain in From", ascii);
	say_server_key(x, "signature", "delivery", "dkim-key", buf_text(&text));
	buf_done(&text);
}

static void
explain_way(struct explain *x, const struct route *r, const struct config_domain *d, const char *domain)
{
	struct route_answer a;
	char text[ADDRESS_MAX + 16];
	bool own;

	route_find(r, domain, x->sender, &a);
	if (a.paused && a.kind != ROUTE_REFUSED)
		say_server_key(x, "paused", "delivery", "paused", "until an operator resumes it");
	if (a.kind == ROUTE_LOCAL)
		return;
	if (a.backlog)
		say_domain_key(x, d, "hold", "hold", "until its host asks for it");
	if (a.kind == ROUTE_REFUSED) {
		x->refused = true;
		say(x, "route", NULL, NULL, "none: returned to the sender, %s %s", a.status, a.why);
		return;
	}
	if (a.sender != NULL) {
		snprintf(text, sizeof(text), "by [domain %s]", a.sender->name);
		say_domain_key(x, a.sender, "for sender", "type", text);
		d = a.kind == ROUTE_HOSTS ? a.sender : d;
	}
	own = d != NULL && d->route.count > 0;
	snprintf(text, sizeof(text), domain[0] == '[' ? "%s" : "MX of %s", domain);
	if (a.kind == ROUTE_HOSTS)
		say_hosts(x, "route", a.hosts, own ? d : NULL);
	else if (own)
		say_domain_key(x, d, "route", "route", text);
	else
		say_server_key(x, "route", "delivery", a.fallback != NULL ? "smart-host-after-direct" :
		    "smart-host", text);
	if (a.fallback != NULL)
		say_hosts(x, x->server->smart_host_after_direct == CONFIG_DIRECT_YES ? "if unknown" :
		    "on failure", a.fallback, NULL);
	explain_manner(x, d, &a);
	explain_rules(x, a.sender != NULL ? a.sender : d,
	    (a.kind == ROUTE_HOSTS ? &a.hosts->security : &a.security)->rules);
	explain_hosts(x, &a);
	explain_outgoing_sender(x);
	explain_signature(x);
}

/* An unknown recipient is refused at RCPT; one that cannot be resolved is returned later. */
static void
explain_directory(struct explain *x)
{
	const struct config_ldap *c = &x->server->ldap;
	struct buf text = BUF_INIT(DIRECTORY_TEXT), line = BUF_INIT(2 * DIRECTORY_TEXT);
	char reply[ADDRESS_MAX + 64];
	enum explain_directory found = x->ask == NULL ? EXPLAIN_NOT_ASKED : x->ask(x->arg, x->to.text, &text);

	if (found != EXPLAIN_NOT_ASKED)
		buf_puts(&line, buf_text(&text));
	else
		buf_printf(&line, "decides about %s: asked at RCPT below %s", x->to.text,
		    c->base != NULL ? c->base : "its root");
	say_server_key(x, "directory", "ldap", c->uri.count > 0 ? "uri" : "enable", buf_text(&line));
	if (found == EXPLAIN_NOT_ASKED && text.len > 0)
		say(x, "not asked", NULL, NULL, "%s", buf_text(&text));
	snprintf(reply, sizeof(reply), "550 5.1.1 User unknown: %s", x->to.text);
	if (found == EXPLAIN_UNKNOWN)
		say_refused(x, reply);
	else if (found == EXPLAIN_UNRESOLVED)
		say_refused(x, "250, and then returned to the sender");
	buf_done(&text);
	buf_done(&line);
}

static void
explain_local(const struct explain *x)
{
	const struct config_domain *d = x->server->default_domain;

	if (d->drop != NULL)
		say_domain_key(x, d, "drop", "drop", d->drop);
	else
		say_server_key(x, "drop", "general", "drop", x->server->drop);
}

/* The recipient, as listener and deliver worker judge it: its domain, whether it is accepted, its way. */
static void
explain_recipient(struct explain *x)
{
	const struct config_server *s = x->server;
	const char *domain = address_domain(&x->to), *why = "";
	char ascii[IDN_SIZE], text[ADDRESS_MAX + 64];
	const struct config_domain *d = config_domain_find(s, domain);
	enum policy_domain kind = policy_domain(s, domain);
	struct route *r;

	if (d != NULL) {
		snprintf(text, sizeof(text), "%s, by [domain %s]", type_name(d), d->name);
		say_domain_key(x, d, "domain", "type", text);
	} else {
		say(x, "domain", NULL, NULL, "remote, by no [domain]");
	}
	if (kind == POLICY_REMOTE)
		explain_relay(x);
	else if (kind == POLICY_RELAYED)
		say_domain_key(x, d, "relay", "relay", "yes");
	if (x->refused)
		return;
	if (kind == POLICY_LOCAL && s->ldap.enable)
		explain_directory(x);
	if (x->refused)
		return;
	explain_filter_say_all(x);
	say(x, "answer", NULL, NULL, "250");
	if (kind == POLICY_LOCAL) {
		explain_local(x);
		return;
	}
	if (!idn_is_ascii(domain) && idn_to_ascii(ascii, domain))
		domain = ascii;
	r = route_new(s, &why);
	if (r != NULL)
		explain_way(x, r, d, domain);
	route_free(r);
}

/* --- the question --- */

int
explain_judge(struct explain *x, struct buf *text)
{
	const char *why = "";
	uint64_t size;
	size_t used;

	if (net_address_parse(&x->client, x->from, 25, &why) == -1)
		buf_printf(text, "--from %s: must be the address of a client, like 192.0.2.7 or 2001:db8::7",
		    log_safe(x->from));
	else if (address_parse_path(&x->to, x->rcpt, strlen(x->rcpt), ADDRESS_UTF8 | ADDRESS_BARE,
	    &used) == -1 || x->rcpt[used] != '\0' ||
	    address_complete(&x->to, x->server->default_domain->name) == -1)
		buf_printf(text, "--rcpt %s is no address", log_safe(x->rcpt));
	else if (x->size != NULL && key_parse_size(x->size, &size) == -1)
		buf_printf(text, "--size %s is no size", log_safe(x->size));
	x->policy = (struct policy_client){
		.address = (const struct sockaddr *)&x->client.sa,
		.state = policy_wants_names(x->server) ? POLICY_ASKING : POLICY_UNNAMED,
	};
	return text->len == 0 ? 0 : -1;
}

bool
explain_answer(struct explain *x)
{
	say(x, "server", NULL, NULL, "%s, %s", x->server->name, x->server->file);
	if (explain_connection(x) && explain_sender(x))
		explain_recipient(x);
	return !x->refused;
}
