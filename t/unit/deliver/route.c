/* route - rows of recipient domains against one full configuration; texts of hosts; masquerade; fallback */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"
#include "common/config/key.h"
#include "common/mail/address.h"
#include "common/mail/verdict.h"
#include "common/rules/route.h"
#include "common/rules/sender_address.h"
#include "t/unit/check_main.h"

static char *via_hub[] = { (char *)"hub.example:587", (char *)"[192.0.2.1]" };
static char *via_six[] = { (char *)"[2001:db8::1]:2525" };
static char *smart[] = { (char *)"smart.example", (char *)"[192.0.2.9]:26" };

/* sorted by name, as the configuration has them */
static struct config_domain domains[] = {
	{ .name = (char *)"*.a.wild.example", .type = CONFIG_DOMAIN_REMOTE, .has_route = true,
	    .route = { via_six, 1 } },
	{ .name = (char *)"*.wild.example", .type = CONFIG_DOMAIN_REMOTE, .has_route = true,
	    .route = { via_hub, 2 }, .helo = true },
	{ .name = (char *)"alias.example", .type = CONFIG_DOMAIN_ALIAS },
	{ .name = (char *)"cert.example", .type = CONFIG_DOMAIN_REMOTE, .client_certificate = (char *)"/c",
	    .client_key = (char *)"/k" },
	{ .name = (char *)"direct.example", .type = CONFIG_DOMAIN_REMOTE, .has_route = true, .has_port = true,
	    .port = 2526 },
	{ .name = (char *)"exact.wild.example", .type = CONFIG_DOMAIN_REMOTE, .has_route = true },
	{ .name = (char *)"helo.example", .type = CONFIG_DOMAIN_REMOTE, .helo = true },
	{ .name = (char *)"home.example", .type = CONFIG_DOMAIN_DEFAULT },
	{ .name = (char *)"safe.example", .type = CONFIG_DOMAIN_REMOTE, .has_outbound_tls = true,
	    .outbound_tls = CONFIG_OUT_TLS_VERIFY },
	{ .name = (char *)"same.example", .type = CONFIG_DOMAIN_REMOTE, .has_outbound_tls = true,
	    .outbound_tls = CONFIG_OUT_TLS_MAY },
	{ .name = (char *)"shy.example", .type = CONFIG_DOMAIN_REMOTE, .mechanisms = CONFIG_PLAIN,
	    .has_outbound_auth = true, .outbound_auth = CONFIG_OUT_BASIC, .user = (char *)"u",
	    .secret_file = (char *)"/s" },
	{ .name = (char *)"six.example", .type = CONFIG_DOMAIN_REMOTE, .has_route = true,
	    .route = { via_six, 1 }, .has_outbound_tls = true },
};

static int
name_compare(const void *a, const void *b)
{
	return strcmp(((const struct config_domain *)a)->name, ((const struct config_domain *)b)->name);
}

/* The same, with entries of senders. */
static struct config_domain *
with_senders(struct config_server *s)
{
	const struct config_domain senders[] = {
		{ .name = (char *)"<>", .type = CONFIG_DOMAIN_SENDER, .has_route = true, .route = { via_six, 1 } },
		{ .name = (char *)"@*.home.example", .type = CONFIG_DOMAIN_SENDER, .has_route = true, .route = { via_hub, 1 } },
		{ .name = (char *)"@home.example", .type = CONFIG_DOMAIN_SENDER, .has_outbound_auth = true,
		    .outbound_auth = CONFIG_OUT_BASIC, .user = (char *)"u", .secret_file = (char *)"/s" },
	}, boss = { .name = (char *)"boss@home.example", .type = CONFIG_DOMAIN_SENDER, .has_route = true,
	    .route = { via_hub, 2 }, .has_outbound_tls = true, .outbound_tls = CONFIG_OUT_TLS_VERIFY };
	struct config_domain *all = mem_array(NULL, nitems_of(domains) + 4, sizeof(*all));

	memcpy(all, domains, sizeof(domains));
	memcpy(all + nitems_of(domains), senders, sizeof(senders));
	all[nitems_of(domains) + 3] = boss;
	s->domain = all;
	s->ndomain = nitems_of(domains) + 4;
	qsort(all, s->ndomain, sizeof(*all), name_compare);
	for (size_t i = 0; i < s->ndomain; i++)
		if (all[i].type == CONFIG_DOMAIN_DEFAULT)
			s->default_domain = &all[i];
	return all;
}

static struct config_server
server(bool with_smart, enum config_after_direct after)
{
	struct config_server s = { .name = (char *)"default", .port = 25, .domain = domains,
	    .ndomain = nitems_of(domains),
		.default_domain = &domains[7], .smart_host_after_direct = after,
		.outbound_tls = CONFIG_OUT_TLS_MAY };

	if (with_smart)
		s.smart_host = (struct config_strings){ smart, 2 };
	return s;
}

static const struct { bool smart; enum config_after_direct after; const char *sender, *domain, *want; } by_sender[] = {
#define SMART "hosts:smart.example:25,[192.0.2.9]:26"
#define BOSS "hosts:hub.example:587,[192.0.2.1]:25;tls=verify"
	{ true, CONFIG_DIRECT_NO, "x@else.example", "far.example", SMART },
	{ true, CONFIG_DIRECT_NO, NULL, "far.example", SMART },
	{ true, CONFIG_DIRECT_NO, "Boss@HOME.example", "far.example", BOSS },
	{ false, CONFIG_DIRECT_NO, "boss@home.example", "far.example", BOSS },
	{ true, CONFIG_DIRECT_YES, "boss@home.example", "far.example", BOSS },
	{ true, CONFIG_DIRECT_NO, "boss", "far.example", BOSS },	/* completed by the default domain */
	{ true, CONFIG_DIRECT_NO, "x@home.example", "far.example", SMART ";account=@home.example" },
	/* no account for what the DNS names: the direct way is the usual one */
	{ false, CONFIG_DIRECT_NO, "x@home.example", "far.example", "dns:far.example" },
	{ true, CONFIG_DIRECT_YES, "x@home.example", "far.example", "dns:far.example > " SMART ";account=@home.example" },
	{ true, CONFIG_DIRECT_NO, "x@sub.home.example", "far.example", "hosts:hub.example:587" },
	{ true, CONFIG_DIRECT_NO, "x@a.sub.home.example", "far.example", "hosts:hub.example:587" },
	{ true, CONFIG_DIRECT_NO, "", "far.example", "hosts:[2001:db8::1]:2525" },
	/* local mail stays here; what a recipient's domain says of its way goes before */
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "alias.example", "local" },
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "x.wild.example", "hosts:hub.example:587,[192.0.2.1]:25;helo" },
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "direct.example", "dns:direct.example:2526" },
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "safe.example", SMART ";tls=verify" },
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "same.example", SMART },
	{ true, CONFIG_DIRECT_NO, "boss@home.example", "helo.example", BOSS },
};

struct row {
	bool smart;
	enum config_after_direct after;
	const char *domain;
	const char *want;	/* "local", "refused STATUS", or the key; " > KEY" of the fallback */
};

static const struct row rows[] = {
	{ false, CONFIG_DIRECT_NO, "home.example", "local" },
	{ false, CONFIG_DIRECT_NO, "", "local" },
	{ false, CONFIG_DIRECT_NO, "alias.example", "local" },
	{ false, CONFIG_DIRECT_NO, "sub.home.example", "dns:sub.home.example" },
	{ false, CONFIG_DIRECT_NO, "far.example", "dns:far.example" },
	{ false, CONFIG_DIRECT_NO, "x.wild.example", "hosts:hub.example:587,[192.0.2.1]:25;helo" },
	{ false, CONFIG_DIRECT_NO, "wild.example", "dns:wild.example" },
	{ false, CONFIG_DIRECT_NO, "x.a.wild.example", "hosts:[2001:db8::1]:2525" },
	{ false, CONFIG_DIRECT_NO, "exact.wild.example", "dns:exact.wild.example" },
	{ false, CONFIG_DIRECT_NO, "direct.example", "dns:direct.example:2526" },
	{ false, CONFIG_DIRECT_NO, "helo.example", "dns:helo.example;helo" },
	{ false, CONFIG_DIRECT_NO, "[192.0.2.77]", "dns:[192.0.2.77]" },
	{ false, CONFIG_DIRECT_NO, "[IPv6:2001:db8::7]", "dns:[IPv6:2001:db8::7]" },
	{ false, CONFIG_DIRECT_NO, "[192.0.2.300]", "refused 5.1.2" },
	{ false, CONFIG_DIRECT_NO, ADDRESS_MALFORMED, "refused 5.1.3" },
	{ true, CONFIG_DIRECT_NO, ADDRESS_MALFORMED, "refused 5.1.3" },
	{ false, CONFIG_DIRECT_NO, "[192.0.2.77]:99", "refused 5.1.2" },
	{ false, CONFIG_DIRECT_NO, "a..b", "refused 5.1.2" },
	{ false, CONFIG_DIRECT_NO, "\xe2\x80\x8b.example", "refused 5.1.2" },
	{ true, CONFIG_DIRECT_NO, "home.example", "local" },
	{ true, CONFIG_DIRECT_NO, "far.example", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_NO, "b\xc3\xbc" "cher.example", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_NO, "[192.0.2.77]", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_NO, "direct.example", "dns:direct.example:2526" },
	{ true, CONFIG_DIRECT_NO, "helo.example", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_NO, "x.a.wild.example", "hosts:[2001:db8::1]:2525" },
	{ true, CONFIG_DIRECT_YES, "far.example", "dns:far.example > hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_YES, "direct.example", "dns:direct.example:2526" },
	{ true, CONFIG_DIRECT_YES, "a..b", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ false, CONFIG_DIRECT_YES, "far.example", "dns:far.example" },
	/* a domain's own security wins, whichever way its mail goes */
	{ false, CONFIG_DIRECT_NO, "safe.example", "dns:safe.example;tls=verify" },
	{ false, CONFIG_DIRECT_NO, "same.example", "dns:same.example" },
	{ false, CONFIG_DIRECT_NO, "shy.example", "dns:shy.example;account=shy.example;mechanisms=0x20" },
	{ false, CONFIG_DIRECT_NO, "cert.example", "dns:cert.example;certificate=cert.example" },
	{ true, CONFIG_DIRECT_NO, "cert.example",
	    "hosts:smart.example:25,[192.0.2.9]:26;certificate=cert.example" },
	{ false, CONFIG_DIRECT_NO, "six.example", "hosts:[2001:db8::1]:2525;tls=off" },
	{ true, CONFIG_DIRECT_NO, "safe.example", "hosts:smart.example:25,[192.0.2.9]:26;tls=verify" },
	{ true, CONFIG_DIRECT_NO, "same.example", "hosts:smart.example:25,[192.0.2.9]:26" },
	{ true, CONFIG_DIRECT_YES, "safe.example",
	    "dns:safe.example;tls=verify > hosts:smart.example:25,[192.0.2.9]:26;tls=verify" },
};

static char *
describe(const char *domain, const struct route_answer *a)
{
	struct destination d;
	char *text;

	if (a->kind == ROUTE_LOCAL)
		return mem_strdup("local");
	if (a->kind == ROUTE_REFUSED)
		return mem_printf("refused %s", a->status);
	if (a->kind == ROUTE_HOSTS) {
		ck_assert(route_security_is_same(&a->hosts->security, &a->security));
		return mem_strdup(a->hosts->key);
	}
	route_direct(&d, domain, a);
	ck_assert(route_security_is_same(&d.security, &a->security));
	ck_assert(d.by_mx == (*domain != '[') && d.nhost == (*domain == '[' ? 1 : 0));
	text = mem_printf("%s%s%s", d.key, a->fallback != NULL ? " > " : "",
	    a->fallback != NULL ? a->fallback->key : "");
	route_destination_done(&d);
	return text;
}

/* shows 2.8c, 2.8g */
START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct config_server s = server(rows[i].smart, rows[i].after);
		const char *why = NULL;
		struct route *r = route_new(&s, &why);
		struct route_answer a;
		char *got;

		ck_assert_ptr_nonnull(r);
		route_find(r, rows[i].domain, NULL, &a);
		got = describe(rows[i].domain, &a);
		ck_assert_msg(strcmp(got, rows[i].want) == 0, "%s: got \"%s\", wanted \"%s\"", rows[i].domain,
		    got, rows[i].want);
		free(got);
		route_free(r);
	}
}
END_TEST

static const struct { const char *pattern, *domain; bool paused; } pauses[] = {
	{ "far.example", "far.example", true },
	{ "FAR.example", "far.example", true },
	{ "far.example", "sub.far.example", false },
	{ "far.example", "afar.example", false },
	{ "*.far.example", "sub.far.example", true },
	{ "*.far.example", "a.sub.far.example", true },
	{ "*.far.example", "far.example", false },
	{ "*.far.example", "afar.example", false },
	{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example", true },
	{ "xn--bcher-kva.example", "b\xc3\xbc" "cher.example", true },
	{ "*.b\xc3\xbc" "cher.example", "a.xn--bcher-kva.example", true },
	{ "*.b\xc3\xbc" "cher.example", "xn--bcher-kva.example", false },
	{ "[192.0.2.77]", "[192.0.2.77]", true },
	{ "home.example", "", true },
	{ "alias.example", "", false },
	{ "alias.example", "alias.example", true },
};

START_TEST(test_senders)
{
	for (size_t i = 0; i < nitems_of(by_sender); i++) {
		struct config_server s = server(by_sender[i].smart, by_sender[i].after);
		struct config_domain *all = with_senders(&s);
		const char *why = NULL;
		struct route *r = route_new(&s, &why);
		struct route_answer a;
		char *got;

		route_find(r, by_sender[i].domain, by_sender[i].sender, &a);
		got = describe(by_sender[i].domain, &a);
		ck_assert_msg(strcmp(got, by_sender[i].want) == 0, "row %zu: %s", i, got);
		free(got);
		route_free(r);
		free(all);
	}
}
END_TEST

START_TEST(test_paused)
{
	for (size_t i = 0; i < nitems_of(pauses); i++) {
		char *pattern = mem_strdup(pauses[i].pattern);
		struct config_server s = server(false, CONFIG_DIRECT_NO);
		const char *why = NULL;
		struct route *r;
		struct route_answer a;

		s.paused = (struct config_strings){ &pattern, 1 };
		ck_assert_int_eq(key_check_paused(pattern, &why), 0);
		r = route_new(&s, &why);
		route_find(r, pauses[i].domain, NULL, &a);
		ck_assert_msg(a.paused == pauses[i].paused, "%s of %s", pauses[i].domain, pattern);
		route_free(r);
		free(pattern);
	}
}
END_TEST

static const struct {
	const char *text, *name;	/* name NULL: refused */
	bool literal;
	uint16_t port;
} hosts[] = {
	{ "relay.example", "relay.example", false, 25 },
	{ "relay.example:587", "relay.example", false, 587 },
	{ "192.0.2.1", "192.0.2.1", true, 25 },
	{ "[192.0.2.1]", "192.0.2.1", true, 25 },
	{ "[192.0.2.1]:2525", "192.0.2.1", true, 2525 },
	{ "[2001:db8::1]:25", "2001:db8::1", true, 25 },
	{ "[IPv6:2001:db8::1]", "2001:db8::1", true, 25 },
	{ "relay.example:0", NULL, false, 0 },
	{ "relay.example:65536", NULL, false, 0 },
	{ "relay.example:", NULL, false, 0 },
	{ "relay.example:25x", NULL, false, 0 },
	{ "relay.example: 25", NULL, false, 0 },
	{ "[relay.example]", NULL, false, 0 },
	{ "[192.0.2.1", NULL, false, 0 },
	{ "[192.0.2.1]25", NULL, false, 0 },
	{ "re lay", NULL, false, 0 },
	{ "", NULL, false, 0 },
};

START_TEST(test_hosts)
{
	for (size_t i = 0; i < nitems_of(hosts); i++) {
		struct destination_host h;
		int rc = route_host_parse(&h, hosts[i].text, 25);

		ck_assert_msg(rc == (hosts[i].name == NULL ? -1 : 0), "\"%s\": %d", hosts[i].text, rc);
		if (rc == -1)
			continue;
		ck_assert_str_eq(h.name, hosts[i].name);
		ck_assert(h.literal == hosts[i].literal);
		ck_assert_uint_eq(h.port, hosts[i].port);
		free(h.name);
	}
}
END_TEST

START_TEST(test_bad_smart_host)
{
	struct config_server s = server(true, CONFIG_DIRECT_NO);
	char *bad[] = { (char *)"good.example", (char *)"bad host" };
	const char *why = NULL;

	s.smart_host = (struct config_strings){ bad, 2 };
	ck_assert_ptr_null(route_new(&s, &why));
	ck_assert_str_eq(why, "smart-host");
}
END_TEST

static const struct {
	const char *sender, *want;	/* want NULL: as it is */
} senders[] = {
	{ "a@home.example", "a@mask.example" },
	{ "a@alias.example", "a@mask.example" },
	{ "\"a@b\"@home.example", "\"a@b\"@mask.example" },
	{ "bare", "bare@mask.example" },
	{ "a@far.example", NULL },
	{ "a@direct.example", NULL },
	{ "", NULL },
};

/* shows 2.6k */
START_TEST(test_masquerade)
{
	struct config_server s = server(false, CONFIG_DIRECT_NO);
	char out[ADDRESS_MAX + 1];

	ck_assert(!sender_address_mask(&s, "a@home.example", out));
	s.masquerade = (char *)"mask.example";
	for (size_t i = 0; i < nitems_of(senders); i++) {
		bool changed = sender_address_mask(&s, senders[i].sender, out);

		ck_assert(!sender_address_is_resolved(&s, senders[i].sender));
		s.ldap.enable = s.ldap.senders_own = true;
		ck_assert(sender_address_is_resolved(&s, senders[i].sender) == changed);
		s.ldap.enable = s.ldap.senders_own = false;

		ck_assert_msg(changed == (senders[i].want != NULL), "%s", senders[i].sender);
		if (changed)
			ck_assert_str_eq(out, senders[i].want);
	}
}
END_TEST

static const struct {
	enum config_after_direct after;
	enum verdict_what what;
	int code;
	const char *status;
	bool want;
} verdicts[] = {
	{ CONFIG_DIRECT_YES, VERDICT_REFUSED, 0, "5.1.2", true },
	{ CONFIG_DIRECT_YES, VERDICT_REFUSED, 0, "5.4.4", true },
	{ CONFIG_DIRECT_YES, VERDICT_REFUSED, 550, "5.1.2", false },
	{ CONFIG_DIRECT_YES, VERDICT_REFUSED, 0, "5.1.10", false },
	{ CONFIG_DIRECT_YES, VERDICT_REFUSED, 0, "5.4.6", false },
	{ CONFIG_DIRECT_YES, VERDICT_LATER, 0, "4.4.1", false },
	{ CONFIG_DIRECT_ON_FAILURE, VERDICT_LATER, 0, "4.4.1", true },
	{ CONFIG_DIRECT_ON_FAILURE, VERDICT_LATER, 0, "4.4.3", true },
	{ CONFIG_DIRECT_ON_FAILURE, VERDICT_LATER, 421, "4.4.1", false },
	{ CONFIG_DIRECT_ON_FAILURE, VERDICT_LATER, 0, "4.4.2", false },
	{ CONFIG_DIRECT_ON_FAILURE, VERDICT_REFUSED, 0, "5.1.2", true },
};

START_TEST(test_fallback)
{
	for (size_t i = 0; i < nitems_of(verdicts); i++) {
		struct config_server s = server(true, verdicts[i].after);
		const char *why;
		struct route *r = route_new(&s, &why);
		struct verdict v;

		verdict_set(&v, verdicts[i].what, verdicts[i].status, "text");
		v.code = verdicts[i].code;
		ck_assert_msg(route_is_fallback(r, &v) == verdicts[i].want, "row %zu", i);
		route_free(r);
	}
}
END_TEST

/* Names of the greatest length: what a message wants is in the key all the same, and the last name too. */
START_TEST(test_long_key)
{
	char name[DNS_NAME_SIZE], suffix[ROUTE_KEY_SIZE], key[ROUTE_KEY_SIZE];
	struct route_answer a = { .port = 2526, .helo = true, .suffix = suffix };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(suffix, sizeof(suffix), ";tls=required;account=%s;mechanisms=0xffffffff;certificate=%s;rules=%s!",
	    name, name, name);
	ck_assert(route_want(&a, ROUTE_STRICT));
	route_direct_key(key, name, &a);
	ck_assert_ptr_nonnull(strstr(key, ";requiretls"));
	ck_assert_int_eq(key[strlen(key) - 1], '!');
}
END_TEST

UNIT_MAIN("route", test_rows, test_senders, test_paused, test_hosts, test_bad_smart_host, test_masquerade, test_fallback,
    test_long_key)
