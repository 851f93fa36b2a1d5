/*
 * config_account - the account of the server at remote hosts: outbound-auth, user and secret-file of a
 * [domain] or of the server; judged; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  user and secret-file come from one place, never one from the domain and the other from the
 *           server. The server's account is shown to its smart host alone, and to the hosts of a domain
 *           whose own outbound-auth says so
 * Fails by: false: something is missing; faults
 */
#include "common/config/config_account.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/config/config_private.h"

static const struct config_account nobody = { .auth = CONFIG_OUT_ANONYMOUS, .domain = "" };

static bool
is_whole(const struct config_account *a)
{
	return a->auth == CONFIG_OUT_ANONYMOUS ||
	    (a->user != NULL && (a->auth == CONFIG_OUT_OAUTH2 ? a->oauth : a->secret_file) != NULL);
}

static bool
is_among(const struct config_strings *hosts, const char *host)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (strcasecmp(hosts->text[i], host) == 0)
			return true;
	return false;
}

/* Whether mail of that domain goes to the hosts for which the server has its account, and to no other. */
bool
config_account_has_hosts(const struct config_server *s, const struct config_domain *d)
{
	if (d == NULL || !d->has_route)
		return true;
	for (size_t i = 0; i < d->route.count; i++)
		if (!is_among(&s->smart_host, d->route.text[i]))
			return false;
	return true;
}

bool
config_account_find(struct config_account *a, const struct config_server *s, const struct config_domain *d,
    bool by_dns)
{
	struct config_account server = { s->outbound_auth, s->outbound_user, s->outbound_secret_file,
	    s->outbound_oauth, "" };

	*a = by_dns || !config_account_has_hosts(s, d) ? nobody : server;
	if (d == NULL ||
	    (!d->has_outbound_auth && d->user == NULL && d->secret_file == NULL && d->oauth == NULL))
		return is_whole(a);
	*a = (struct config_account){ d->has_outbound_auth ? d->outbound_auth : s->outbound_auth, d->user,
	    d->secret_file, d->oauth, d->name };
	if (a->user == NULL && a->secret_file == NULL && a->oauth == NULL && a->auth == server.auth)
		*a = server;
	return is_whole(a);
}

/* --- judgement --- */

/* Whether all of them are addresses of this host itself. */
static bool
are_here(const struct config_strings *hosts)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (strncmp(hosts->text[i], "[127.", 5) != 0 && strncmp(hosts->text[i], "[::1]", 5) != 0)
			return false;
	return hosts->count > 0;
}

static bool
is_given(const struct config_delivery *p, const char *key)
{
	return config_faults_origin(p, key)->file != NULL;
}

/* Whether the domain says nothing of its own about account, hosts and TLS. */
static bool
is_as_server(const struct config_delivery *p)
{
	const struct config_server *s = &p->w->config->server[p->server];
	struct config_account a;

	(void)config_account_find(&a, s, p->d, false);
	if (*a.domain != '\0' || (p->d->has_outbound_tls && p->d->outbound_tls != s->outbound_tls))
		return false;
	return !p->d->has_route || (s->smart_host.count > 0 && !are_here(&s->smart_host));
}

static unsigned
mechanisms_of(const struct config_delivery *p)
{
	return p->d != NULL && p->d->mechanisms != 0 ? p->d->mechanisms :
	    p->w->config->server[p->server].mechanisms;
}

/* Which hosts may see the password, when no SCRAM is offered: hosts whose name is not verified. */
static void
judge_shown(const struct config_delivery *p)
{
	static const char *const names[] = {
		[CONFIG_OUT_TLS_OFF] = "off", [CONFIG_OUT_TLS_MAY] = "may",
		[CONFIG_OUT_TLS_REQUIRED] = "required", [CONFIG_OUT_TLS_VERIFY] = "verify",
		[CONFIG_OUT_TLS_DANE] = "dane",
	};
	const struct config_server *s = &p->w->config->server[p->server];
	const struct config_strings *hosts = p->d != NULL && p->d->has_route ? &p->d->route : &s->smart_host;
	bool by_dns = hosts->count == 0 || strcasecmp(hosts->text[0], "dns") == 0;
	enum config_outbound_tls mode = p->d != NULL && p->d->has_outbound_tls ? p->d->outbound_tls :
	    s->outbound_tls;
	struct config_account a;

	const char *key = is_given(p, "outbound-tls") ? "outbound-tls" : is_given(p, "outbound-auth") ?
	    "outbound-auth" : is_given(p, "user") ? "user" : "route";

	if (!config_account_find(&a, s, p->d, by_dns) || a.auth != CONFIG_OUT_BASIC || are_here(hosts) ||
	    mode == CONFIG_OUT_TLS_VERIFY ||
	    (mechanisms_of(p) & (CONFIG_PLAIN | CONFIG_LOGIN)) == 0)
		return;
	if (mode == CONFIG_OUT_TLS_OFF)
		config_faults_at_delivery(p, key, true,
		    "outbound-tls = off: to a host that offers no SCRAM the password of %s goes in the clear",
		    a.user);
	else
		config_faults_at_delivery(p, key, true,
		    "outbound-tls = %s: whoever answers for a host%s is shown the password of %s when no "
		    "SCRAM is offered; outbound-tls = verify "
		    "checks who it is", names[mode], mode == CONFIG_OUT_TLS_DANE ? " without TLSA records" :
		    "", a.user);
}

/* What each value of outbound-auth can use. */
static const unsigned usable[] = {
	[CONFIG_OUT_ANONYMOUS] = ~0U,
	[CONFIG_OUT_BASIC] = CONFIG_SCRAM_PLUS | CONFIG_SCRAM | CONFIG_PLAIN | CONFIG_LOGIN,
	[CONFIG_OUT_INTEGRATED] = CONFIG_GSSAPI, [CONFIG_OUT_OAUTH2] = CONFIG_OAUTHBEARER | CONFIG_XOAUTH2,
};

static void
judge_mechanisms(const struct config_delivery *p, const struct config_account *a, const char *auth)
{
	if (config_faults_origin(p, "auth-mechanisms")->bad || (mechanisms_of(p) & usable[a->auth]) != 0)
		return;
	config_faults_at_delivery(p,
	    is_given(p, "auth-mechanisms") ? "auth-mechanisms" : "outbound-auth", false,
	    "auth-mechanisms leaves nothing that outbound-auth = %s can use", auth);
}

static void
judge_one_account(const struct config_delivery *p)
{
	bool whole;

	static const char *const names[] = {
		[CONFIG_OUT_ANONYMOUS] = "anonymous", [CONFIG_OUT_BASIC] = "basic",
		[CONFIG_OUT_INTEGRATED] = "integrated", [CONFIG_OUT_OAUTH2] = "oauth2",
	};
	const struct config_server *s = &p->w->config->server[p->server];
	const char *user = p->d != NULL ? p->d->user : s->outbound_user,
	    *secret = p->d != NULL ? p->d->secret_file : s->outbound_secret_file;
	struct config_account a;

	if (config_faults_origin(p, "outbound-auth")->bad ||
	    config_faults_origin(p, "user")->bad || config_faults_origin(p, "secret-file")->bad)
		return;
	whole = config_account_find(&a, s, p->d, false);
	judge_mechanisms(p, &a, names[a.auth]);
	if (a.auth == CONFIG_OUT_OAUTH2)
		return;		/* judged by config_oauth */
	if ((user != NULL) != (secret != NULL))
		config_faults_at_delivery(p, user != NULL ? "user" : "secret-file", false,
		    "user and secret-file belong together, and %s is missing",
		    user != NULL ? "secret-file" : "user");
	else if (!whole)
		config_faults_at_delivery(p, "outbound-auth", false,
		    "outbound-auth = %s needs user and secret-file", names[a.auth]);
	else if (user != NULL && a.auth == CONFIG_OUT_ANONYMOUS)
		config_faults_at_delivery(p, "user", true, "user has no effect: outbound-auth is anonymous");
	else if (p->d == NULL || !is_as_server(p))
		judge_shown(p);
}

/* Whether there is a host that the account of the server is shown to. */
static bool
has_use(const struct config_server *s)
{
	struct config_account a;
	bool used = s->smart_host.count > 0;

	for (size_t i = 0; i < s->ndomain && !used; i++)
		used = config_domain_has_hosts(&s->domain[i]) &&
		    (s->domain[i].route.count > 0 || s->domain[i].has_outbound_auth) &&
		    config_account_find(&a, s, &s->domain[i], false) && *a.domain == '\0' &&
		    a.auth != CONFIG_OUT_ANONYMOUS;
	return used;
}

/* "contoso-com.mail.protection.outlook.com" is where Microsoft 365 takes mail for contoso.com. */
static bool
is_microsoft_of(const char *host, const char *domain)
{
	static const char rest[] = ".mail.protection.outlook.com";
	size_t len = strlen(domain);

	for (size_t i = 0; i < len; i++)
		if (tolower((unsigned char)host[i]) != (domain[i] == '.' ? '-' : domain[i]))
			return false;
	return strncasecmp(host + len, rest, sizeof(rest) - 1) == 0;
}

/* What says that the domain has its mailboxes at the smart host; NULL: nothing. */
static const char *
mailboxes_at(const struct config_server *s, const struct config_domain *d)
{
	const char *at = s->outbound_user != NULL ? strrchr(s->outbound_user, '@') : NULL;

	if (s->smart_host.count == 0 || (d->type != CONFIG_DOMAIN_DEFAULT && d->type != CONFIG_DOMAIN_ALIAS))
		return NULL;
	if (s->outbound_auth != CONFIG_OUT_ANONYMOUS && at != NULL && strcasecmp(at + 1, d->name) == 0)
		return s->outbound_user;
	for (size_t i = 0; i < s->smart_host.count; i++)
		if (is_microsoft_of(s->smart_host.text[i], d->name))
			return s->smart_host.text[i];
	return NULL;
}

/* Mail for colleagues, whose mailboxes are elsewhere, would lie in drop. */
static void
judge_local(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	for (size_t i = 0; i < s->ndomain; i++) {
		const struct config_domain *d = &s->domain[i];
		const char *sign = mailboxes_at(s, d);

		if (sign != NULL)
			config_faults_add(w->faults, config_work_source(w, server),
			    config_origin_of(d->origin, KEY_DOMAIN, "type")->line, true,
			    "mail for %s stays here, in drop, although %s says that it has mailboxes behind "
			    "smart-host, which get none of it: posternctl domain rename gives the domain of "
			    "this host another name, see postern-guide-cloud(7)", d->name, sign);
	}
}

void
config_account_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct config_delivery p = { w, server, NULL };

	judge_local(w, server);

	judge_one_account(&p);
	if (s->outbound_auth != CONFIG_OUT_ANONYMOUS && s->outbound_auth != CONFIG_OUT_OAUTH2 && !has_use(s))
		config_faults_at_delivery(&p, "outbound-auth", true,
		    "outbound-auth has no effect: the account is shown only to hosts of smart-host, and of a "
		    "domain that has outbound-auth itself, and there is none");
	for (size_t i = 0; i < s->ndomain; i++) {
		p.d = &s->domain[i];
		if (config_domain_has_hosts(p.d))
			judge_one_account(&p);
	}
}
