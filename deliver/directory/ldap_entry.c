/*
 * ldap_entry - what we need of one directory entry: its address, where its mail goes, its members; pure
 *
 * Runs in:  directory; made by one thread, then only read
 * Owns:     itself, by a count of users
 * Promise:  an own address of another kind (X.400, SIP) or with control bytes is ignored; in place of a
 *           member that is no text stands a text that is neither an address nor a DN
 * Fails by: -1
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

struct ldap_entry *
ldap_entry_new(const char *dn)
{
	struct ldap_entry *e = mem_new(struct ldap_entry);

	atomic_init(&e->users, 1);
	e->dn = mem_strdup(dn);
	e->bytes = sizeof(*e) + strlen(dn);
	return e;
}

struct ldap_entry *
ldap_entry_use(struct ldap_entry *e)
{
	atomic_fetch_add(&e->users, 1);
	return e;
}

static void
free_values(struct ldap_entry_values *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->text[i]);
	free(v->text);
}

void
ldap_entry_release(struct ldap_entry *e)
{
	if (e == NULL || atomic_fetch_sub(&e->users, 1) > 1)
		return;
	free_values(&e->forward);
	free_values(&e->member);
	free(e->address);
	free(e->dn);
	free(e);
}

/*
 * The address behind "SMTP:" or "smtp$" (Exchange 5.5); `*primary`: the word is in capitals. NULL: an address
 * of another kind.
 */
static const char *
skip_kind(const char *value, bool *primary)
{
	size_t kind = strcspn(value, ":$@\"");
	bool smtp = kind == 4 && strncasecmp(value, "smtp", 4) == 0;

	*primary = false;
	if (smtp && (value[kind] == ':' || value[kind] == '$')) {
		*primary = strncmp(value, "SMTP", 4) == 0;
		return value + 5;
	}
	return value[kind] == ':' ? NULL : value;
}

int
ldap_entry_address(struct address *a, const char *value, const char *domain)
{
	bool primary;
	size_t len, used;

	value = skip_kind(value, &primary);
	if (value == NULL || *value == '<')
		return -1;
	len = strlen(value);
	if (len == 0 || strcspn(value, " \t") != len ||
	    address_parse_path(a, value, len, ADDRESS_BARE | ADDRESS_UTF8, &used) == -1 || used != len)
		return -1;
	return address_complete(a, domain);
}

/* An address may have a "=" before its "@". A DN that has an "@" has a "," as well. */
bool
ldap_entry_is_dn(const char *value)
{
	size_t name = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

	return name > 0 && value[name] == '=' && (strchr(value, ',') != NULL || strchr(value, '@') == NULL);
}

static bool
is_among(const char *const *names, const char *attribute)
{
	for (; *names != NULL; names++)
		if (strcasecmp(*names, attribute) == 0)
			return true;
	return false;
}

static void
add_value(struct ldap_entry *e, struct ldap_entry_values *v, const char *text)
{
	v->text = mem_grow(v->text, v->count, sizeof(*v->text));
	v->text[v->count++] = mem_strdup(text);
	e->bytes += strlen(text) + 1 + sizeof(*v->text);
}

/* The first address counts, unless a later one is marked as the primary one. */
static void
take_address(struct ldap_entry *e, const struct ldap_schema *s, const char *text)
{
	struct address a;
	bool primary;

	if (skip_kind(text, &primary) == NULL || ldap_entry_address(&a, text, s->domain) == -1 ||
	    (e->address != NULL && (e->primary || !primary)))
		return;
	free(e->address);
	e->address = mem_strdup(a.text);
	e->primary = primary;
	e->bytes += strlen(a.text);
}

static bool
is_text(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 127)
			return false;
	return len > 0 && len <= DIRECTORY_MEMBER_MAX;
}

void
ldap_entry_add(struct ldap_entry *e, const struct ldap_schema *s, const char *attribute, const char *value,
    size_t len)
{
	bool usable = is_text(value, len);
	char *text;

	e->over |= e->bytes >= LDAP_ENTRY_MAX;
	if (e->over)
		return;
	text = usable ? mem_strndup(value, len) : mem_printf("(a value of %zu bytes that is no text)", len);
	if (strcasecmp(attribute, "objectClass") == 0)
		e->group |= ldap_schema_is_group(text);
	if (s->keep != NULL && strcasecmp(attribute, s->keep) == 0)
		e->keep = strcasecmp(text, "TRUE") == 0;
	if (is_among(s->mail, attribute))
		take_address(e, s, text);
	if (is_among(s->forward, attribute))
		add_value(e, &e->forward, text);
	if (is_among(s->member, attribute))
		add_value(e, &e->member, text);
	free(text);
}

bool
ldap_entry_range(const char *attribute, size_t *name_len, unsigned long *next)
{
	static const char word[] = ";range=";
	const char *range = strcasestr(attribute, word);
	char *end;

	if (range == NULL || !isdigit((unsigned char)range[sizeof(word) - 1]))
		return false;
	*name_len = (size_t)(range - attribute);
	(void)strtoul(range + sizeof(word) - 1, &end, 10);
	if (*end != '-')
		return false;
	*next = isdigit((unsigned char)end[1]) ? strtoul(end + 1, &end, 10) + 1 : 0;
	return true;
}
