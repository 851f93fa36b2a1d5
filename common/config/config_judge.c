/*
 * config_judge - what single keys cannot show: combinations in one virtual server, and between several
 *
 * Runs in:  every process; children do not look at file systems
 * Owns:     nothing
 * Promise:  the same texts are judged the same way everywhere. When two virtual servers exclude each other,
 *           the later one in the order of names is at fault
 * Fails by: faults
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config_certificate.h"
#include "common/config/config_dkim.h"
#include "common/config/config_private.h"

static unsigned
key_line(const struct config_server *s, enum key_section section, const char *name)
{
	return config_origin_of(s->origin, section, name)->line;
}

static const struct sockaddr *
listen_address(const struct config_listen *l)
{
	return (const struct sockaddr *)&l->address.sa;
}

/* The same port, and the same address or one that covers the other. */
static bool
listen_clash(const struct config_listen *a, const struct config_listen *b)
{
	const struct sockaddr *x = listen_address(a), *y = listen_address(b);

	return net_equal(x, y) ||
	    (x->sa_family == y->sa_family && net_port(x) == net_port(y) && (net_is_any(x) || net_is_any(y)));
}

static void
judge_listen(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct config_source *source = config_work_source(w, server);
	unsigned line = key_line(s, KEY_GENERAL, "listen");

	if (s->nlisten == 0 && !config_origin_of(s->origin, KEY_GENERAL, "listen")->bad)
		config_faults_add(w->faults, source, line, false, "listen has no address");
	for (size_t i = 0; i < s->nlisten; i++)
		for (size_t j = 0; j < i; j++)
			if (listen_clash(&s->listen[i], &s->listen[j]))
				config_faults_add(w->faults, source, line, false,
				    "listen names %s and %s: one covers the other", s->listen[j].text,
				    s->listen[i].text);
	for (size_t o = 0; o < server; o++) {
		const struct config_server *other = &w->config->server[o];

		for (size_t i = 0; i < s->nlisten; i++)
			for (size_t j = 0; j < other->nlisten; j++)
				if (net_equal(listen_address(&s->listen[i]),
				    listen_address(&other->listen[j])))
					config_faults_add(w->faults, source, line, true,
					    "listens on %s, as virtual server %s does on %s: the one that "
					    "is started later will not start", s->listen[i].text, other->name,
					    other->listen[j].text);
	}
}

static void
judge_connections(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	if (s->connection_control == CONFIG_ONLY && s->connection_list.count == 0)
		config_faults_at_key(w, server, KEY_ACCESS, "connection-control", true,
		    "nobody can connect: connection-control = only with an empty connection-list");
}

static bool
was_refused(const struct config_server *s, const char *key)
{
	return config_origin_of(s->origin, KEY_ACCESS, key)->bad;
}

static void
judge_tls(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	size_t certificates = s->certificate.count, keys = s->key.count;
	bool implicit = config_list_count(key_find(KEY_GENERAL, "tls-listen"), s) > 0;

	if (was_refused(s, "tls") || was_refused(s, "certificate") || was_refused(s, "key") ||
	    was_refused(s, "tls-minimum"))
		return;
	if (certificates != keys)
		config_faults_at_key(w, server, KEY_ACCESS, certificates > keys ? "certificate" : "key",
		    false, "there %s %zu certificate%s and %zu key%s: each "
		    "certificate needs its key, in the same order", certificates == 1 ? "is" : "are",
		    certificates, certificates == 1 ? "" : "s", keys, keys == 1 ? "" : "s");
	else if (certificates > CONFIG_CERTIFICATES_MAX)
		config_faults_at_key(w, server, KEY_ACCESS, "certificate", false,
		    "there are more than %d certificates", CONFIG_CERTIFICATES_MAX);
	else if (certificates == 0 && s->tls != CONFIG_TLS_OFF)
		config_faults_at_key(w, server, KEY_ACCESS, "tls", false,
		    "tls = %s needs certificate and key", s->tls == CONFIG_TLS_REQUIRED ? "required" :
		    "optional");
	else if (certificates == 0 && implicit)
		config_faults_at_key(w, server, KEY_GENERAL, "tls-listen", false,
		    "tls-listen needs certificate and key of [access]");
	else if (certificates > 0 && !config_server_has_tls(s))
		config_faults_at_key(w, server, KEY_ACCESS, "certificate", true,
		    "certificate has no effect with tls = off and without tls-listen");
	if (s->ask_certificate && !config_server_has_tls(s))
		config_faults_at_key(w, server, KEY_ACCESS, "client-certificate", true,
		    "client-certificate has no effect without TLS");
	if (s->evacuate_from.count > 0 && !config_server_has_tls(s))
		config_faults_at_key(w, server, KEY_ACCESS, "evacuate-from", false,
		    "evacuate-from needs TLS: certificate and key, and tls or tls-listen");
	if (s->tls_minimum < CONFIG_TLS_1_2 &&
	    (s->connection_control != CONFIG_ONLY || s->connection_list.count == 0 ||
	    config_relay_is_everybody(&s->connection_list)))
		config_faults_at_key(w, server, KEY_ACCESS, "tls-minimum", false,
		    "tls-minimum under 1.2 is for devices that are known: it needs "
		    "connection-control = only and a connection-list that is not everybody");
}

static void
judge_proxy(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	if (config_origin_of(s->origin, KEY_ACCESS, "proxy-trusted")->bad)
		return;
	if (s->proxy && s->proxy_trusted.count == 0)
		config_faults_at_key(w, server, KEY_ACCESS, "proxy", false,
		    "\"proxy\" is not complete without proxy-trusted, the addresses whose headers are "
		    "believed");
	else if (s->proxy && config_relay_is_everybody(&s->proxy_trusted))
		config_faults_at_key(w, server, KEY_ACCESS, "proxy-trusted", false,
		    "proxy-trusted would let every client claim any address; name the load balancers");
	else if (!s->proxy && s->proxy_trusted.count > 0)
		config_faults_at_key(w, server, KEY_ACCESS, "proxy-trusted", true,
		    "proxy-trusted has no effect without proxy = yes");
}

static void
judge_times(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	if (s->retry.count == 0 && !config_origin_of(s->origin, KEY_DELIVERY, "retry")->bad)
		config_faults_at_key(w, server, KEY_DELIVERY, "retry", false, "retry has no time");
	if (s->delay_notify != CONFIG_UNLIMITED && s->expire < s->delay_notify)
		config_faults_at_key(w, server, KEY_DELIVERY, "expire", true,
		    "expire is shorter than delay-notify: mail is returned before its delay is told");
	if (s->local_delay_notify != CONFIG_UNLIMITED && s->local_expire < s->local_delay_notify)
		config_faults_at_key(w, server, KEY_DELIVERY, "local-expire", true,
		    "local-expire is shorter than local-delay-notify: mail is returned before its delay "
		    "is told");
	if (s->retry.count > 0 && s->retry.ms[0] >= s->expire)
		config_faults_at_key(w, server, KEY_DELIVERY, "retry", true,
		    "the first retry is not before expire: mail is returned after one attempt");
}

/* A list that is cut would let in fewer, or others, than the administrator reads in the file. */
static void
judge_list(struct config_work *w, size_t server, const char *key, const struct config_strings *list)
{
	size_t len = 0;

	for (size_t i = 0; i < list->count; i++)
		len += strlen(list->text[i]) + (i > 0);
	if (len > CONFIG_KERBEROS_LIST_MAX)
		config_faults_at_key(w, server, KEY_ACCESS, key, false,
		    "%s is too long: %zu characters, %u at the most; a pattern such as *@EXAMPLE.COM stands "
		    "for many", key, len, CONFIG_KERBEROS_LIST_MAX);
}

static void
judge_authentication(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	bool basic = s->authentication & CONFIG_AUTH_BASIC,
	    integrated = s->authentication & CONFIG_AUTH_INTEGRATED;

	if (config_origin_of(s->origin, KEY_ACCESS, "authentication")->bad)
		return;
	if (basic && s->password_file == NULL &&
	    !config_origin_of(s->origin, KEY_ACCESS, "password-file")->bad)
		config_faults_at_key(w, server, KEY_ACCESS, "authentication", false,
		    "authentication = basic needs a password-file");
	if (integrated && s->keytab == NULL && !config_origin_of(s->origin, KEY_ACCESS, "keytab")->bad)
		config_faults_at_key(w, server, KEY_ACCESS, "authentication", false,
		    "authentication = integrated needs a keytab");
	if (basic && (s->offered_mechanisms & ~(unsigned)CONFIG_OFFER_GSSAPI) == 0)
		config_faults_at_key(w, server, KEY_ACCESS, "mechanisms", false,
		    "authentication = basic needs plain, login or scram-sha-256 in mechanisms");
	if (integrated && !(s->offered_mechanisms & CONFIG_OFFER_GSSAPI))
		config_faults_at_key(w, server, KEY_ACCESS, "mechanisms", false,
		    "authentication = integrated needs gssapi in mechanisms");
	judge_list(w, server, "kerberos-realms", &s->kerberos_realms);
	judge_list(w, server, "kerberos-accounts", &s->kerberos_accounts);
	if (s->kerberos_binding == CONFIG_BINDING_REQUIRED && integrated && s->tls == CONFIG_TLS_OFF)
		config_faults_at_key(w, server, KEY_ACCESS, "kerberos-binding", false,
		    "kerberos-binding = required needs TLS, and tls is off");
	if (basic && s->basic_requires_tls && s->tls == CONFIG_TLS_OFF)
		config_faults_at_key(w, server, KEY_ACCESS, "basic-requires-tls", true,
		    "of basic authentication only SCRAM-SHA-256 can be offered: PLAIN and LOGIN "
		    "need TLS (basic-requires-tls), and tls is off");
	if (s->password_file != NULL && !basic)
		config_faults_at_key(w, server, KEY_ACCESS, "password-file", true,
		    "password-file has no effect: authentication does not say basic");
	if (s->keytab != NULL && !integrated)
		config_faults_at_key(w, server, KEY_ACCESS, "keytab", true,
		    "keytab has no effect: authentication does not say integrated");
}

/* Without DNSSEC there is no DANE. */
static void
judge_dane(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	const char *text = "outbound-tls = dane is no more than may without dnssec = yes or resolver in "
	    "[service]";

	if (w->config->service.dnssec)
		return;
	if (s->outbound_tls == CONFIG_OUT_TLS_DANE)
		config_faults_at_key(w, server, KEY_DELIVERY, "outbound-tls", true, "%s", text);
	for (size_t i = 0; i < s->ndomain; i++)
		if (s->domain[i].has_outbound_tls && s->domain[i].outbound_tls == CONFIG_OUT_TLS_DANE)
			config_faults_add(w->faults, config_work_source(w, server),
			    config_origin_of(s->domain[i].origin, KEY_DOMAIN, "outbound-tls")->line, true,
			    "%s", text);
}

static void
judge_rest(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	if (strchr(s->fqdn, '.') == NULL && strcmp(s->fqdn, w->config->service.hostname) != 0)
		config_faults_at_key(w, server, KEY_DELIVERY, "fqdn", true,
		    "fqdn \"%s\" has no dot; other hosts may refuse mail from a "
		    "name that is not fully qualified", s->fqdn);
	if (s->max_session_size < s->max_message_size)
		config_faults_at_key(w, server, KEY_MESSAGES, "max-session-size", true,
		    "max-session-size is smaller than max-message-size: the larger messages that are "
		    "announced will not be taken");
	if (s->smart_host_after_direct != CONFIG_DIRECT_NO && s->smart_host.count == 0)
		config_faults_at_key(w, server, KEY_DELIVERY, "smart-host-after-direct", true,
		    "smart-host-after-direct has no effect without smart-host");
}

static size_t
count_scheme(const struct config_strings *uris, const char *scheme)
{
	size_t n = 0;

	for (size_t i = 0; i < uris->count; i++)
		n += strncasecmp(uris->text[i], scheme, strlen(scheme)) == 0;
	return n;
}

static bool
ldap_was_refused(const struct config_server *s)
{
	static const char *const keys[] = { "enable", "uri", "start-tls", "bind", "user", "secret-file",
	    "base" };

	for (size_t i = 0; i < nitems_of(keys); i++)
		if (config_origin_of(s->origin, KEY_LDAP, keys[i])->bad)
			return true;
	return false;
}

static void
judge_ldap_tls(struct config_work *w, size_t server)
{
	const struct config_ldap *l = &w->config->server[server].ldap;
	size_t plain = count_scheme(&l->uri, "ldap:"), secured = count_scheme(&l->uri, "ldaps:");

	if (l->start_tls && plain == 0)
		config_faults_at_key(w, server, KEY_LDAP, "start-tls", false,
		    "start-tls is for ldap addresses, and uri has none");
	if (!l->start_tls && plain > 0 && l->bind == CONFIG_BIND_SIMPLE)
		config_faults_at_key(w, server, KEY_LDAP, "bind", true,
		    "the password goes to the directory in the clear; use start-tls, ldaps or ldapi");
	if (!l->start_tls && plain > 0 && l->bind == CONFIG_BIND_GSSAPI)
		config_faults_at_key(w, server, KEY_LDAP, "bind", true,
		    "Kerberos says who is there, but nothing protects what follows; use start-tls or ldaps");
	if (l->bind == CONFIG_BIND_GSSAPI && plain + secured < l->uri.count)
		config_faults_at_key(w, server, KEY_LDAP, "uri", false,
		    "bind = gssapi needs ldap or ldaps addresses: a ticket is for the name of a host");
	if (l->ca_file != NULL && !l->start_tls && secured == 0)
		config_faults_at_key(w, server, KEY_LDAP, "ca-file", true,
		    "ca-file has no effect without start-tls or an ldaps address");
}

static void
judge_ldap(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	const struct config_ldap *l = &s->ldap;
	bool named = l->bind != CONFIG_BIND_ANONYMOUS;

	if (!l->enable || ldap_was_refused(s))
		return;
	if (l->uri.count == 0)
		config_faults_at_key(w, server, KEY_LDAP, "enable", false, "[ldap] needs a uri");
	else if (l->base == NULL)
		config_faults_at_key(w, server, KEY_LDAP, "enable", false, "[ldap] needs a base");
	else if (named && (l->user == NULL || l->secret_file == NULL))
		config_faults_at_key(w, server, KEY_LDAP, "bind", false,
		    "bind = %s needs user and secret-file", l->bind == CONFIG_BIND_SIMPLE ? "simple" :
		    "gssapi");
	else
		judge_ldap_tls(w, server);
	if (!named && (l->user != NULL || l->secret_file != NULL))
		config_faults_at_key(w, server, KEY_LDAP, l->user != NULL ? "user" : "secret-file", true,
		    "%s of [ldap] has no effect without bind = simple or gssapi",
		    l->user != NULL ? "user" : "secret-file");
}

/* The fault is of the one whose file says the number; the other has it by right of being there first. */
static void
judge_id(struct config_work *w, size_t server)
{
	for (size_t i = 0; i < server; i++) {
		const struct config_server *s = &w->config->server[server], *other = &w->config->server[i];
		bool turned = key_line(s, KEY_GENERAL, "id") == 0 && key_line(other, KEY_GENERAL, "id") != 0;

		if (s->id != other->id)
			continue;
		if (turned)
			other = s, s = &w->config->server[i];
		config_faults_add(w->faults, config_work_source(w, turned ? i : server),
		    key_line(s, KEY_GENERAL, "id"), false,
		    "id %u belongs to virtual server %s already (%s)", s->id, other->name, other->file);
	}
}

static void
judge_service(struct config_work *w)
{
	const struct config_service *service = &w->config->service;
	const struct config_origin *o = config_origin_of(service->origin, KEY_SERVICE, "hostname");

	if (strchr(service->hostname, '.') == NULL)
		config_faults_add(w->faults, &w->sources.source[0], o->line, true,
		    "the hostname \"%s\" has no dot; other hosts may refuse mail "
		    "from a name that is not fully qualified (set hostname)", service->hostname);
	config_dns_judge(w);
	if (service->dnssec != CONFIG_DNSSEC_YES &&
	    (service->trust_anchor != NULL || service->dns_insecure.count > 0))
		config_faults_add(w->faults, &w->sources.source[0], 0, true,
		    "trust-anchor and dns-insecure have no effect without dnssec = yes");
}

void
config_judge_all(struct config_work *w)
{
	judge_service(w);
	config_manager_judge(w);
	config_limits_judge(w);
	config_oauth_judge(w);
	for (size_t i = 0; i < w->config->nserver; i++) {
		if (config_work_source(w, i)->text == NULL)
			continue;
		judge_listen(w, i);
		config_relay_judge(w, i);
		config_ceiling_judge(w, i);
		judge_connections(w, i);
		judge_tls(w, i);
		judge_proxy(w, i);
		judge_times(w, i);
		judge_authentication(w, i);
		config_account_judge(w, i);
		config_certificate_judge(w, i);
		config_dkim_judge(w, i);
		judge_dane(w, i);
		judge_ldap(w, i);
		judge_rest(w, i);
		judge_id(w, i);
		config_domain_judge(w, i);
		config_remote_judge(w, i);
		config_filter_judge(w, i);
		config_oauth_judge_server(w, i);
		config_folders_judge(w, i);
	}
}
