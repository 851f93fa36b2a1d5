/*
 * convert_route - handlers: the ways out of a virtual server and of its domains; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  each bit of RouteAction is carried or named. Where an account is needed, the virtual server is
 *           shut until there is one: else the host would refuse its mail, which would be returned
 * Fails by: lines of the report
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/key.h"
#include "common/edit/config_edit.h"
#include "master/import/import.h"

enum {
	ACT_DROP = 0x1, ACT_SMART_HOST = 0x2, ACT_TLS = 0x4, ACT_SASL = 0x8, ACT_ALIAS = 0x10,
	ACT_DELIVER = 0x20, ACT_DEFAULT = 0x40, ACT_NTLM = 0x80, ACT_BASIC = 0x100, ACT_HOLD = 0x200,
	ACT_RELAY = 0x1000, ACT_KERBEROS = 0x200000, ACT_HELO = 0x400000,
};
static_assert((ACT_DROP | ACT_ALIAS | ACT_DELIVER | ACT_DEFAULT) == CONVERT_ROUTE_LOCAL, "local");
#define ACT_LOGIN (ACT_SASL | ACT_NTLM | ACT_BASIC | ACT_KERBEROS)

/* Bits of which nothing becomes. */
static const struct { unsigned bit; const char *name; } lost[] = {
	{ 0x400, "IP_RELAY" }, { 0x800, "AUTH_RELAY" }, { 0x2000, "CSIDE_TURN" }, { 0x4000, "CSIDE_ETRN" },
	{ 0x8000, "DISABLE_ETRN" }, { 0x10000, "CHUNKING" }, { 0x20000, "DISABLE_CHUNK" },
	{ 0x40000, "DISABLE_BMIME" }, { 0x80000, "DISABLE_DSN" }, { 0x100000, "DISABLE_PIPELINE" },
};

/* --- hosts --- */

/* "a.example; [192.0.2.1], 192.0.2.2": as a key has it. False: something is no host. */
static bool
take_hosts(struct buf *out, const char *text)
{
	char *copy = mem_strdup(text), *save = NULL;
	bool fine = true;

	for (char *word = strtok_r(copy, ";, \t\r\n", &save); word != NULL && fine;
	    word = strtok_r(NULL, ";, \t\r\n", &save)) {
		struct net_address a;
		const char *why;
		bool bare = word[0] != '[' && net_address_parse(&a, word, 25, &why) == 0;
		char *host = bare ? mem_printf("[%s]", word) : mem_strdup(word);

		fine = key_check_smart_host(host, &why) == 0 && strcasecmp(host, "dns") != 0;
		buf_printf(out, "%s%s", out->len > 0 ? ", " : "", host);
		free(host);
	}
	free(copy);
	return fine && out->len > 0 && buf_ok(out);
}

void
convert_route_smart_host(struct convert *c, const struct property *p, const char *text)
{
	const char *type = convert_other(c, "SmartHostType");
	struct buf hosts = BUF_INIT(4000);
	uint64_t n = 0;

	if (type != NULL && !convert_number(type, &n))
		n = 2;
	if (*text == '\0') {
		convert_none(c, p, text, "it is empty");
	} else if (n == 0) {
		convert_none(c, p, text, "SmartHostType is 0: it was not in use");
	} else if (take_hosts(&hosts, text)) {
		convert_carried(c, p, text, buf_text(&hosts));
		if (n == 1)
			outcome_key(c->out, NULL, "delivery.smart-host-after-direct", "yes");
	} else {
		const char *set[] = { "set", c->name, "delivery.smart-host=HOST" };
		char *command = convert_command(c, NULL, set, 3);

		convert_ask(c, p, text, true, command, "it is no host: say which one gets the mail");
		free(command);
	}
	buf_done(&hosts);
}

/* --- accounts --- */

/* `key`: of the server "delivery.", of a domain "domain:NAME." */
static void
ask_account(struct convert *c, const struct property *p, const char *text, uint64_t action, const char *key)
{
	const char *user = convert_other(c, "RouteUserName");
	bool basic = action & ACT_BASIC || !(action & (ACT_NTLM | ACT_KERBEROS));
	char *file = mem_printf("%s/%s.%s", c->folder, c->name, basic ? "secret" : "out-keytab");
	char *a = mem_printf("%soutbound-auth=%s", key, basic ? "basic" : "integrated");
	char *b = mem_printf("%suser=%s", key, user != NULL && *user != '\0' ? user : "ACCOUNT");
	char *s = mem_printf("%ssecret-file=%s", key, file);
	char *put = basic ? mem_printf("(umask 077; cat >%s)", file) : NULL;
	const char *set[] = { "set", c->name, a, b, s };
	char *command = convert_command(c, put, set, 5);

	convert_ask(c, p, text, true, command, basic ?
	    "the password of the account at the other host: cat reads it, then Ctrl-D" :
	    "there is no NTLM; a keytab with the key of the account goes there");
	free(file);
	free(a);
	free(b);
	free(s);
	free(put);
	free(command);
}

/* --- the server --- */

static bool
is_on(const struct convert *c, const char *property)
{
	const char *text = convert_other(c, property);
	uint64_t n;

	return text != NULL && convert_number(text, &n) && n != 0;
}

static const char *
tls_word(const struct convert *c, bool wanted)
{
	struct convert server = *c;

	server.domain = NULL;
	if (!wanted)
		return "may";
	return is_on(&server, "SmtpSSLRequireTrustedCA") && is_on(&server, "SmtpSSLCertHostnameValidation") ?
	    "verify" : "required";
}

static void
name_lost(struct convert *c, const struct property *p, const char *text, uint64_t action, uint64_t known)
{
	struct buf names = BUF_INIT(400);

	for (size_t i = 0; i < nitems_of(lost); i++)
		if (action & lost[i].bit)
			buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", lost[i].name);
	for (unsigned bit = 0; bit < 32; bit++) {
		bool named = known & (1ULL << bit);

		for (size_t i = 0; i < nitems_of(lost); i++)
			named |= lost[i].bit == 1U << bit;
		if (action & (1ULL << bit) && !named)
			buf_printf(&names, "%s0x%x", names.len > 0 ? ", " : "", 1U << bit);
	}
	if (names.len > 0) {
		buf_puts(&names, ": there is no such switch");
		convert_none(c, p, text, buf_text(&names));
	}
	buf_done(&names);
}

void
convert_route_server(struct convert *c, const struct property *p, const char *text)
{
	const char *hosts = outcome_value(c->out, NULL, "delivery.smart-host");
	uint64_t action = 0;
	bool tls;

	if (c->domain != NULL) {
		convert_route_domain(c, p, text);
		return;
	}
	if (!convert_number(text, &action)) {
		convert_loud(c, p, text, NULL, "it is no number");
		return;
	}
	tls = action & ACT_TLS || is_on(c, "AlwaysUseSsl");
	convert_carried(c, p, text, tls_word(c, tls));
	name_lost(c, p, text, action, ACT_TLS | ACT_LOGIN | ACT_SMART_HOST);
	if (!(action & ACT_LOGIN))
		return;
	if (hosts != NULL)
		ask_account(c, p, text, action, "delivery.");
	else
		convert_none(c, p, text, "a login at hosts that only the DNS names is not made");
}

/* --- domains --- */

static const char *
domain_key(const struct convert *c, const char *key)
{
	return outcome_value(c->out, c->domain->domain, key);
}

/* A key of the domain, with a line of its own. */
static void
carry_key(struct convert *c, const struct property *p, const char *text, const char *key, const char *value)
{
	struct property of_domain = *p;
	char name[64];

	snprintf(name, sizeof(name), "domain.%s", key);
	of_domain.key = name;
	convert_carried(c, &of_domain, text, value);
}

/* False: there is none, and the server is shut. */
static void
set_route(struct convert *c, const struct property *p, uint64_t action)
{
	const char *text = convert_other(c, "RouteActionString");
	struct buf hosts = BUF_INIT(4000);

	if (!(action & ACT_SMART_HOST) || (action & ACT_HOLD && (text == NULL || *text == '\0')))
		;
	else if (text != NULL && take_hosts(&hosts, text))
		carry_key(c, p, text, "route", buf_text(&hosts));
	else {
		char *key = mem_printf("domain:%s.route=HOST", c->domain->domain);
		const char *set[] = { "set", c->name, key };
		char *command = convert_command(c, NULL, set, 3);

		convert_ask(c, p, text, true, command, "its smart host is no host: say which one");
		free(command);
		free(key);
	}
	buf_done(&hosts);
}

static void
set_remote(struct convert *c, const struct property *p, const char *text, uint64_t action)
{
	char *key = mem_printf("domain:%s.", c->domain->domain);
	const char *server = outcome_value(c->out, NULL, "delivery.outbound-tls");
	const char *word = tls_word(c, action & ACT_TLS);

	set_route(c, p, action);
	if (action & ACT_RELAY)
		carry_key(c, p, text, "relay", "yes");
	if (action & ACT_HOLD)
		carry_key(c, p, text, "hold", "yes");
	if (action & ACT_HELO && action & ACT_TLS)
		convert_loud(c, p, text, NULL, "HELO and TLS together: there is no STARTTLS after HELO, so "
		    "its mail would wait for ever; EHLO is said");
	else if (action & ACT_HELO)
		carry_key(c, p, text, "helo", "yes");
	/* that of a domain overrides the server's in both directions */
	if (strcmp(word, server != NULL ? server : "may") != 0)
		carry_key(c, p, text, "outbound-tls",
		    action & ACT_HELO && !(action & ACT_TLS) ? "off" : word);
	if (action & ACT_LOGIN)
		ask_account(c, p, text, action, key);
	free(key);
}

void
convert_route_domain(struct convert *c, const struct property *p, const char *text)
{
	struct property of_domain = *p;
	char *section = config_edit_section_name(KEY_DOMAIN, c->domain->domain);
	uint64_t action = 0;

	of_domain.key = "domain.type";
	if (section == NULL || section[0] == '\0') {
		convert_loud(c, &of_domain, text, NULL, "this is no name of a domain: left out");
	} else if (domain_key(c, "type") != NULL) {
		convert_loud(c, &of_domain, text, NULL, "the domain is there already: left out");
	} else if (text != NULL && !convert_number(text, &action)) {
		convert_loud(c, &of_domain, text, "remote", "it is no number: a remote domain");
	} else if (action & CONVERT_ROUTE_LOCAL) {
		convert_carried(c, &of_domain, text, "alias");
		name_lost(c, &of_domain, text, action, CONVERT_ROUTE_LOCAL |
		    (action & ACT_ALIAS ? ACT_SMART_HOST : 0));
	} else {
		convert_carried(c, &of_domain, text != NULL ? text : "(absent)", "remote");
		set_remote(c, &of_domain, text, action);
		name_lost(c, &of_domain, text, action, ACT_SMART_HOST | ACT_TLS | ACT_LOGIN | ACT_HOLD |
		    ACT_RELAY | ACT_HELO);
	}
	free(section);
}

/* Of a domain with RouteAction DROP it is a folder; of an alias its own name. */
void
convert_route_string(struct convert *c, const struct property *p, const char *text)
{
	struct property folder = *p;
	const char *type = c->domain != NULL ? domain_key(c, "type") : NULL;

	folder.key = "domain.drop";
	if (c->domain != NULL && type == NULL)
		convert_none(c, p, text, "its domain is left out");
	else if (type != NULL && strcmp(type, "alias") == 0 && strpbrk(text, "\\/:") != NULL)
		convert_loud(c, &folder, text, NULL, "its mail goes to the drop folder of the virtual "
		    "server, with that of all local domains: for one of its own it needs a virtual server");
	else
		convert_with(c, p, text);
}

/* Several names in one attribute: what was the end of a line is two blanks or more. */
void
convert_route_accounts(struct convert *c, const struct property *p, const char *text)
{
	struct buf value = BUF_INIT(8000);
	const char *held = domain_key(c, "hold"), *why;
	char *copy = mem_strdup(text), *save = NULL;
	bool fine = true;

	for (char *word = strtok_r(copy, " \t\r\n,;", &save); word != NULL;
	    word = strtok_r(NULL, " \t\r\n,;", &save)) {
		fine = fine && key_check_word(word, &why) == 0;
		buf_printf(&value, "%s%s", value.len > 0 ? ", " : "", word);
	}
	if (value.len == 0)
		convert_none(c, p, text, "it is empty");
	else if (held == NULL)
		convert_none(c, p, text, "mail of this domain is not held for ETRN or ATRN");
	else if (!fine || !buf_ok(&value))
		convert_loud(c, p, text, NULL,
		    "an account in it has characters that no account has; left out");
	else
		convert_carried(c, p, text, buf_text(&value));
	buf_done(&value);
	free(copy);
}

/* --- the rest --- */

void
convert_route_masquerade(struct convert *c, const struct property *p, const char *text)
{
	const char *on = convert_other(c, "DoMasquerade");
	uint64_t n;

	if (*text != '\0' && on != NULL && convert_number(on, &n) && n == 0)
		convert_none(c, p, text, "DoMasquerade is FALSE: it was not in use");
	else
		convert_simple_host(c, p, text);
}

/* TRUE of SmtpDotStuffPickupDirFiles: programs double dots; 1 of the other: they do not. */
void
convert_route_dots(struct convert *c, const struct property *p, const char *text)
{
	bool other = strcmp(p->name, "DisablePickupDotStuff") == 0;
	uint64_t n;

	if (!convert_number(text, &n))
		convert_none(c, p, text, "it is no number: each file decides");
	else if ((n != 0) == other)
		convert_carried(c, p, text, "plain");
	else
		convert_changed(c, p, text, NULL, "each file decides: programs for new versions of .NET do "
		    "not double dots");
}
