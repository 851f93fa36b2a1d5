/*
 * key_check_ldap - the form of values of [ldap]: addresses of servers, filters, names; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  form only: nothing is opened or asked
 * Fails by: -1 and a static text that says what would be right
 */
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/key.h"

#define NESTING_MAX 50

static bool
is_path(const char *text)
{
	return strncasecmp(text, "%2f", 3) == 0 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%._-") ==
	    strlen(text);
}

/* "host", "host:port", "[2001:db8::1]:389". */
static bool
is_host(const char *text)
{
	struct net_address a;
	char name[256];
	size_t len = strcspn(text, ":");
	const char *why;

	if (*text == '[' || strspn(text, "0123456789.:") == strlen(text))
		return *text != '*' && net_address_parse(&a, text, 389, &why) == 0;
	if (len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	return net_is_hostname(name) && (text[len] == '\0' ||
	    (text[len] == ':' && strspn(text + len + 1, "0123456789") == strlen(text + len + 1) &&
	    strlen(text + len + 1) >= 1 && strlen(text + len + 1) <= 5));
}

int
key_check_ldap_uri(const char *text, const char **why)
{
	static const struct { const char *scheme; bool path; } kinds[] = { { "ldap://", false },
	    { "ldaps://", false }, { "ldapi://", true } };

	*why = "the address of a directory server: ldap://host, ldap://192.0.2.1:389, ldaps://host:636, "
	    "ldapi://%2Frun%2Fslapd%2Fldapi";
	for (size_t i = 0; i < nitems_of(kinds); i++) {
		size_t n = strlen(kinds[i].scheme);

		if (strncasecmp(text, kinds[i].scheme, n) == 0)
			return (kinds[i].path ? is_path(text + n) : is_host(text + n)) ? 0 : -1;
	}
	return -1;
}

int
key_check_ldap_filter(const char *text, const char **why)
{
	unsigned depth = 0;

	*why = "an LDAP filter in brackets with %s (or %u) where the address (or its local part) belongs, "
	    "like (|(mail=%s)(uid=%u))";
	if (*text != '(' || (strstr(text, "%s") == NULL && strstr(text, "%u") == NULL))
		return -1;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '%' && (p[1] == '\0' || strchr("sud%", p[1]) == NULL))
			return -1;
		if (*p == '(' && ++depth > NESTING_MAX)
			return -1;
		if (*p == ')' && (depth-- == 0 || (depth == 0 && p[1] != '\0')))
			return -1;
	}
	return depth == 0 ? 0 : -1;
}

int
key_check_ldap_attribute(const char *text, const char **why)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

	*why = "the name of an attribute: letters, digits and hyphens";
	return len > 0 && len <= 64 && text[len] == '\0' ? 0 : -1;
}

/* The end of a part of a name: "dc=example". NULL: it is none. Characters with a backslash are part of it. */
static const char *
end_of_name_part(const char *text)
{
	const char *p = text + strspn(text, " ");
	size_t type = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

	if (type == 0)
		return NULL;
	p += type + strspn(p + type, " ");
	if (*p++ != '=')
		return NULL;
	while (*p != '\0' && *p != ',')
		if (*p++ == '\\' && *p++ == '\0')
			return NULL;
	return p;
}

/* RFC 4514 2, as far as it tells a name from anything else. */
int
key_check_ldap_base(const char *text, const char **why)
{
	const char *p = text;

	*why = "a distinguished name, like dc=example,dc=com or ou=People,dc=example,dc=com";
	while ((p = end_of_name_part(p)) != NULL && *p == ',')
		p++;
	return p != NULL ? 0 : -1;
}

int
key_check_ldap_delimiter(const char *text, const char **why)
{
	size_t len = strlen(text);

	*why = "one to eight of the characters + - = _ . ~ ! ^ % & *, with nothing between them";
	return len > 0 && len <= 8 && strspn(text, "+-=_.~!^%&*") == len ? 0 : -1;
}
