/*
 * config_oauth - the [oauth] profiles: what presets fill in, what is required, where they are used; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a profile that passes has an https address, an application id and what its flow needs; a token
 *           goes only to hosts that the operator named and whose certificate is checked
 * Fails by: faults; NULL: no profile
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config_account.h"
#include "common/config/config_private.h"

static const struct preset {
	/* address, tenant and token_tail make the token-url */
	const char *word, *token_url, *token_tail, *scope[CONFIG_FLOW_REFRESH + 1];
	const char *host;			/* the host that takes its mail */
	enum config_oauth_flow flow;
	bool tenant, other_flow;
} presets[] = {
	[CONFIG_OAUTH_CUSTOM] = { .word = "custom", .flow = CONFIG_FLOW_CLIENT, .other_flow = true },
	[CONFIG_OAUTH_MICROSOFT] = { .word = "microsoft365",
	    .token_url = "https://login.microsoftonline.com/", .token_tail = "/oauth2/v2.0/token",
	    .scope = { [CONFIG_FLOW_CLIENT] = "https://outlook.office365.com/.default",
	    [CONFIG_FLOW_REFRESH] = "https://outlook.office.com/SMTP.Send offline_access" },
	    .host = "smtp.office365.com:587", .flow = CONFIG_FLOW_CLIENT, .tenant = true,
	    .other_flow = true },
	[CONFIG_OAUTH_GOOGLE] = { .word = "google", .token_url = "https://oauth2.googleapis.com/token",
	    .scope = { [CONFIG_FLOW_REFRESH] = "https://mail.google.com/" }, .host = "smtp.gmail.com:587",
	    .flow = CONFIG_FLOW_REFRESH },
};

const struct config_oauth *
config_oauth_find(const struct config *c, const char *name)
{
	for (size_t i = 0; name != NULL && i < c->noauth; i++)
		if (strcmp(c->oauth[i].name, name) == 0)
			return &c->oauth[i];
	return NULL;
}

void
config_oauth_derive(const struct config_service *service, struct config_oauth *o)
{
	const struct preset *p = &presets[o->provider];

	if (o->flow == CONFIG_FLOW_DERIVED)
		o->flow = p->flow;
	if (o->token_url == NULL && p->token_url != NULL)
		o->token_url = mem_printf("%s%s%s", p->token_url,
		    p->tenant && o->tenant != NULL ? o->tenant : "",
		    p->token_tail != NULL ? p->token_tail : "");
	if (o->scope == NULL)
		o->scope = mem_strdup(p->scope[o->flow]);
	if (o->signature == CONFIG_SIGNATURE_DERIVED && o->provider == CONFIG_OAUTH_MICROSOFT)
		o->signature = CONFIG_SIGNATURE_PS256;
	o->kept_file = mem_printf("%s/oauth/%s", service->state, o->name);
}

/* --- profiles --- */

__attribute__((format(printf, 5, 6)))
static void
blame_profile(struct config_work *w, const struct config_oauth *o, const char *key, bool warning,
    const char *fmt, ...)
{
	const struct config_origin *origin = config_origin_of(o->origin, KEY_OAUTH, key);
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!origin->bad)
		config_faults_add(w->faults, &w->sources.source[0], origin->line, warning, "[oauth %s] %s",
		    o->name, text);
}

static void
judge_flow(struct config_work *w, const struct config_oauth *o)
{
	const struct preset *p = &presets[o->provider];

	if (o->flow != p->flow && !p->other_flow)
		blame_profile(w, o, "flow", false,
		    "flow = client-credentials is not for provider = %s, which gives tokens to users only; "
		    "use " "flow = refresh-token", p->word);
	else if (o->flow == CONFIG_FLOW_REFRESH && o->refresh_token_file == NULL)
		blame_profile(w, o, "refresh-token-file", false,
		    "flow = refresh-token needs a refresh-token-file");
	else if (o->flow == CONFIG_FLOW_CLIENT && o->secret_file == NULL && o->key_file == NULL)
		blame_profile(w, o, "secret-file", false,
		    "flow = client-credentials needs a secret-file, or a key-file");
	else if (o->flow == CONFIG_FLOW_CLIENT && o->refresh_token_file != NULL)
		blame_profile(w, o, "refresh-token-file", true,
		    "refresh-token-file has no effect with flow = client-credentials");
}

/* A secret or an assertion, not both: which one counts must not be a guess. */
static void
judge_assertion(struct config_work *w, const struct config_oauth *o)
{
	if (o->key_file == NULL && (o->certificate_file != NULL || o->key_id != NULL || o->audience != NULL))
		blame_profile(w, o, o->certificate_file != NULL ? "certificate-file" :
		    o->key_id != NULL ? "key-id" : "audience", true,
		    "certificate-file, key-id and audience have no effect without key-file");
	else if (o->key_file != NULL && o->secret_file != NULL)
		blame_profile(w, o, "key-file", false, "secret-file and key-file exclude each other");
	else if (o->key_file != NULL && o->provider == CONFIG_OAUTH_MICROSOFT && o->certificate_file == NULL)
		blame_profile(w, o, "key-file", false,
		    "provider = microsoft365 needs the certificate-file of that key");
}

static void
judge_profile(struct config_work *w, const struct config_oauth *o)
{
	const struct preset *p = &presets[o->provider];

	if (config_origin_of(o->origin, KEY_OAUTH, "provider")->bad ||
	    config_origin_of(o->origin, KEY_OAUTH, "flow")->bad)
		return;
	if (o->token_url == NULL)
		blame_profile(w, o, "token-url", false, "needs a token-url, or a provider that has one");
	if (p->tenant && o->tenant == NULL &&
	    config_origin_of(o->origin, KEY_OAUTH, "token-url")->file == NULL)
		blame_profile(w, o, "tenant", false, "provider = %s needs the tenant", p->word);
	else if (!p->tenant && o->tenant != NULL)
		blame_profile(w, o, "tenant", true, "tenant has no effect with provider = %s", p->word);
	if (o->client_id == NULL)
		blame_profile(w, o, "client-id", false, "needs the client-id of the registered application");
	judge_flow(w, o);
	judge_assertion(w, o);
}

void
config_oauth_judge(struct config_work *w)
{
	for (size_t i = 0; i < w->config->noauth; i++)
		judge_profile(w, &w->config->oauth[i]);
}

/* --- users of profiles --- */

/* The account and TLS of one virtual server, or of one remote domain. */
struct use {
	const struct config_origin *origin;
	enum key_section section;
	struct config_account account;
	enum config_outbound_tls tls;
	bool named_hosts;
};

static void
use_fault(struct config_work *w, size_t server, const struct use *u, const char *key, bool warning,
    const char *text)
{
	const struct config_origin *o = config_origin_of(u->origin, u->section, key);
	struct config_source *own = config_work_source(w, server);

	if (o->bad)
		return;
	if (o->file != NULL && o->file == w->config->path[0])
		config_faults_add(w->faults, own, 0, warning, "%s (line %u of %s)", text, o->line, o->file);
	else
		config_faults_add(w->faults, own, o->line, warning, "%s", text);
}

static void
fault_no_profile(struct config_work *w, size_t server, const struct use *u)
{
	const char *best = NULL;
	unsigned least = 3;
	char text[200];

	for (size_t i = 0; i < w->config->noauth; i++) {
		unsigned d = key_distance(u->account.oauth, w->config->oauth[i].name);

		if (d < least) {
			least = d;
			best = w->config->oauth[i].name;
		}
	}
	if (best != NULL)
		snprintf(text, sizeof(text), "there is no [oauth %.40s] in postern.ini; did you mean \"%s\"?",
		    u->account.oauth, best);
	else
		snprintf(text, sizeof(text), "there is no [oauth %.40s] in postern.ini", u->account.oauth);
	use_fault(w, server, u, "oauth", false, text);
}

static void
judge_hosts(struct config_work *w, size_t server, const struct use *u, const struct config_oauth *o)
{
	const char *host = o != NULL ? presets[o->provider].host : NULL;
	char text[300];

	if (u->tls != CONFIG_OUT_TLS_VERIFY && u->tls != CONFIG_OUT_TLS_DANE)
		use_fault(w, server, u, "outbound-tls", false,
		    "outbound-auth = oauth2 needs outbound-tls = verify (or dane): whoever gets the token "
		    "can send in your name");
	if (u->named_hosts)
		return;
	snprintf(text, sizeof(text),
	    "outbound-auth = oauth2 needs a %s%s%s: no token goes to hosts that a domain's DNS names",
	    u->section == KEY_DOMAIN ? "route" : "smart-host", host != NULL ? " like " : "",
	    host != NULL ? host : "");
	use_fault(w, server, u, "outbound-auth", false, text);
}

static void
judge_use(struct config_work *w, size_t server, const struct use *u)
{
	const struct config_oauth *o = config_oauth_find(w->config, u->account.oauth);

	if (u->account.auth != CONFIG_OUT_OAUTH2) {
		if (u->account.oauth != NULL)
			use_fault(w, server, u, "oauth", true,
			    "oauth has no effect without outbound-auth = oauth2");
		return;
	}
	if (u->account.oauth == NULL)
		use_fault(w, server, u, "outbound-auth", false,
		    "outbound-auth = oauth2 needs oauth = NAME, an [oauth NAME] section of postern.ini");
	else if (o == NULL)
		fault_no_profile(w, server, u);
	if (u->account.user == NULL)
		use_fault(w, server, u, "outbound-auth", false,
		    "outbound-auth = oauth2 needs user, the address of the mailbox that sends");
	if (u->account.secret_file != NULL)
		use_fault(w, server, u, "secret-file", true,
		    "secret-file has no effect with outbound-auth = oauth2: that of the [oauth] profile "
		    "counts");
	judge_hosts(w, server, u, o);
}

/* What a domain takes unchanged from its server was judged there. */
static void
judge_domain(struct config_work *w, size_t server, const struct config_domain *d)
{
	const struct config_server *s = &w->config->server[server];
	bool dns = d->route.count == 1 && strcasecmp(d->route.text[0], "dns") == 0;
	struct use u = { .origin = d->origin, .section = KEY_DOMAIN,
	    .tls = d->has_outbound_tls ? d->outbound_tls : s->outbound_tls,
		.named_hosts = !dns && (d->route.count > 0 || s->smart_host.count > 0) };

	(void)config_account_find(&u.account, s, d, !u.named_hosts);
	if (*u.account.domain != '\0')
		judge_use(w, server, &u);
	else if (u.account.auth == CONFIG_OUT_OAUTH2 && d->has_outbound_tls)
		judge_hosts(w, server, &u, NULL);
}

void
config_oauth_judge_server(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	struct use u = { .origin = s->origin, .section = KEY_DELIVERY, .tls = s->outbound_tls,
	    .named_hosts = s->smart_host.count > 0 };

	(void)config_account_find(&u.account, s, NULL, false);
	judge_use(w, server, &u);
	for (size_t i = 0; i < s->ndomain; i++)
		if (config_domain_has_hosts(&s->domain[i]))
			judge_domain(w, server, &s->domain[i]);
}

static bool
is_profile(const struct config_account *a, const char *profile)
{
	return a->auth == CONFIG_OUT_OAUTH2 && a->oauth != NULL && strcmp(a->oauth, profile) == 0;
}

bool
config_oauth_is_used(const struct config_server *s, const char *profile)
{
	struct config_account a;
	bool used = config_account_find(&a, s, NULL, false) && is_profile(&a, profile);

	for (size_t i = 0; i < s->ndomain && !used; i++)
		used = config_domain_has_hosts(&s->domain[i]) &&
		    config_account_find(&a, s, &s->domain[i], false) && is_profile(&a, profile);
	return used;
}

/* The state folder is part of it: it is where tokens are kept. */
static void
print_all(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < c->noauth; i++) {
		buf_printf(out, "[%s] %s\n", c->oauth[i].name, c->oauth[i].kept_file);
		config_print_owner(KEY_OWNER_OAUTH, &c->oauth[i], NULL, out);
		for (size_t s = 0; s < c->nserver; s++)
			if (config_oauth_is_used(&c->server[s], c->oauth[i].name))
				buf_printf(out, "%s\n", c->server[s].name);
	}
}

bool
config_oauth_same(const struct config *a, const struct config *b)
{
	return config_print_is_same(a, b, print_all);
}
