/*
 * convert_directory - the handler of the LDAP source of a virtual server; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  a directory that cannot be asked without a password is not switched on, and the virtual server is
 *           shut until it can be
 * Fails by: lines of the report
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/key.h"
#include "master/import/import.h"

static const char *
text_of(const struct convert *c, const char *property)
{
	const char *text = convert_other(c, property);

	return text != NULL ? text : "";
}

static const char *
schema_of(const char *type)
{
	if (strcasecmp(type, "MCIS3") == 0)
		return "site-server";
	return strcasecmp(type, "EXCHANGE5") == 0 ? "exchange" : "active-directory";
}

/* "ldap.example.com", "ldap.example.com:390"; false: it is no host. */
static bool
set_uri(struct convert *c)
{
	const char *host = text_of(c, "SmtpDsHost"), *why;
	uint64_t port = 389;
	char *uri;
	bool fine;

	if (*host == '\0')
		return false;
	if (!convert_number(text_of(c, "SmtpDsPort"), &port) || port == 0 || port > 65535)
		port = 389;
	uri = strchr(host, ':') != NULL ? mem_printf("ldap://%s", host) :
	    mem_printf("ldap://%s:%u", host, (unsigned)port);
	fine = key_check_ldap_uri(uri, &why) == 0;
	if (fine)
		outcome_key(c->out, NULL, "ldap.uri", uri);
	free(uri);
	return fine;
}

/* "NetBIOS name and account" is no name that LDAP takes, user@domain is. */
static char *
user_of(const struct convert *c)
{
	const char *account = text_of(c, "SmtpDsAccount"), *domain = text_of(c, "SmtpDsDomain");

	if (*account == '\0')
		return mem_strdup("ACCOUNT");
	return *domain != '\0' && strpbrk(account, "@=\\") == NULL ? mem_printf("%s@%s", account, domain) :
	    mem_strdup(account);
}

static void
ask_secret(struct convert *c, const struct property *p, const char *text, bool simple)
{
	char *file = mem_printf("%s/%s.%s", c->folder, c->name, simple ? "ldap" : "ldap-keytab");
	char *user = user_of(c), *u = mem_printf("ldap.user=%s", user),
	    *s = mem_printf("ldap.secret-file=%s", file);
	char *put = simple ? mem_printf("(umask 077; cat >%s)", file) : NULL;
	const char *set[] = { "set", c->name, "ldap.enable=yes",
	    simple ? "ldap.bind=simple" : "ldap.bind=gssapi", u, s };
	char *command = convert_command(c, put, set, 6);

	convert_ask(c, p, text, true, command, simple ?
	    "the password for the directory: cat reads it, then Ctrl-D" :
	    "the directory was asked with an account of Windows: a keytab with its key goes there");
	free(file);
	free(user);
	free(u);
	free(s);
	free(put);
	free(command);
}

static void
ask_server(struct convert *c, const struct property *p, const char *text)
{
	const char *set[] = { "set", c->name, "ldap.enable=yes", "ldap.uri=ldap://HOST",
	    "ldap.base=BASE" };
	char *command = convert_command(c, NULL, set, 5);

	convert_ask(c, p, text, true, command,
	    "no directory server is named, or no base: Windows found them by itself");
	free(command);
}

void
convert_directory_use(struct convert *c, const struct property *p, const char *text)
{
	const char *bind = text_of(c, "SmtpDsBindType"), *base = text_of(c, "SmtpDsNamingContext"), *why;
	bool named, found;
	uint64_t n;

	if (!convert_number(text, &n) || n == 0) {
		if (c->routing != NULL)
			convert_none(c, p, text, "no directory was asked");
		return;
	}
	named = *bind != '\0' && strcasecmp(bind, "None") != 0;
	found = set_uri(c) && key_check_ldap_base(base, &why) == 0;
	outcome_key(c->out, NULL, "ldap.schema", schema_of(text_of(c, "SmtpDsSchemaType")));
	if (key_check_ldap_base(base, &why) == 0)
		outcome_key(c->out, NULL, "ldap.base", base);
	if (!found)
		ask_server(c, p, text);
	else if (!named)
		convert_carried(c, p, text, "yes");
	if (named)
		ask_secret(c, p, text, strcasecmp(bind, "Simple") == 0);
}
