/*
 * ldap_schema - which attributes mean what: one row a kind of directory, overridden by the configuration;
 * filters; pure
 *
 * Runs in:  directory
 * Owns:     the table of presets
 * Promise:  an address is escaped: in a filter it is a value, never a part of the expression
 * Fails by: the buffer's own failure
 */
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

struct preset {
	const char *filter, *keep;
	const char *mail[4], *forward[4], *member[8];
};

/* Of several mail attributes the first one has the entry's own address. */
static const struct preset presets[] = {
	/* Active Directory, with or without Exchange 2000 and later */
	[CONFIG_LDAP_AD] = {
		.filter = "(|(proxyAddresses=smtp:%s)(mail=%s))", .keep = "deliverAndRedirect",
		.mail = { "proxyAddresses", "mail" }, .forward = { "targetAddress", "altRecipient" },
		.member = { "member" },
	},
	/* the LDAP service of Exchange 5.5 */
	[CONFIG_LDAP_EXCHANGE] = {
		.filter = "(|(mail=%s)(rfc822Mailbox=%s)(otherMailbox=smtp$%s))",
		.keep = "deliverAndRedirect",
		.mail = { "mail", "rfc822Mailbox" }, .forward = { "targetAddress", "altRecipient" },
		.member = { "member" },
	},
	/* Site Server 3.0, MCIS 2.0: membership directory */
	[CONFIG_LDAP_SITE_SERVER] = {
		.filter = "(mail=%s)", .mail = { "mail" }, .forward = { "mailForwardingAddress" },
		.member = { "member" },
	},
	/* inetOrgPerson, groupOfNames and what mail schemas of OpenLDAP, 389 and others add */
	[CONFIG_LDAP_RFC2307] = {
		.filter =
		    "(|(mail=%s)(mailAlternateAddress=%s)(mailLocalAddress=%s)"
		    "(&(objectClass=nisMailAlias)(cn=%u)))",
		.mail = { "mail", "mailLocalAddress" },
		.forward = { "mailForwardingAddress", "mailRoutingAddress" },
		.member = { "member", "uniqueMember", "rfc822MailMember", "mgrpRFC822MailMember",
		    "memberUid" },
	},
};

/* Entries of these classes are groups also when they have no member. */
static const char *const group_classes[] = {
	"group", "groupOfNames", "groupOfUniqueNames", "groupOfMembers", "nisMailAlias", "mailGroup",
	"posixGroup",
};

bool
ldap_schema_is_group(const char *object_class)
{
	for (size_t i = 0; i < nitems_of(group_classes); i++)
		if (strcasecmp(group_classes[i], object_class) == 0)
			return true;
	return false;
}

static void
take_names(const char **to, const struct config_strings *given, const char *const *preset, size_t npreset)
{
	size_t n = 0;

	if (given->count > 0)
		for (; n < given->count && n < LDAP_SCHEMA_NAMES_MAX - 1; n++)
			to[n] = given->text[n];
	else
		for (; n < npreset && preset[n] != NULL; n++)
			to[n] = preset[n];
	to[n] = NULL;
}

static size_t
add_names(struct ldap_schema *s, size_t n, const char *const *names)
{
	for (; *names != NULL; names++)
		s->names[n++] = (char *)(uintptr_t)*names;
	return n;
}

void
ldap_schema_make(struct ldap_schema *s, const struct config_ldap *c, const char *domain)
{
	const struct preset *p = &presets[c->schema];
	size_t n = 0;

	*s = (struct ldap_schema){ .filter = c->filter != NULL ? c->filter : p->filter, .keep = p->keep,
	    .domain = domain };
	take_names(s->mail, &c->mail_attribute, p->mail, nitems_of(p->mail));
	take_names(s->forward, &c->forward_attribute, p->forward, nitems_of(p->forward));
	take_names(s->member, &c->member_attribute, p->member, nitems_of(p->member));
	s->names[n++] = (char *)(uintptr_t)"objectClass";
	if (s->keep != NULL)
		s->names[n++] = (char *)(uintptr_t)s->keep;
	n = add_names(s, n, s->mail);
	n = add_names(s, n, s->forward);
	n = add_names(s, n, s->member);
	s->names[n] = NULL;
}

static void
escape_value(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c > 126 || strchr("*()\\", c) != NULL)
			buf_printf(out, "\\%02x", c);
		else
			buf_add(out, &text[i], 1);
	}
}

void
ldap_schema_filter(const struct ldap_schema *s, const char *address, struct buf *out)
{
	const char *at = strrchr(address, '@');
	size_t len = strlen(address), local = at == NULL ? len : (size_t)(at - address);

	for (const char *f = s->filter; *f != '\0'; f++) {
		if (*f != '%' || f[1] == '\0') {
			buf_add(out, f, 1);
			continue;
		}
		f++;
		if (*f == 's')
			escape_value(out, address, len);
		else if (*f == 'u')
			escape_value(out, address, local);
		else if (*f == 'd')
			escape_value(out, at == NULL ? "" : at + 1, at == NULL ? 0 : len - local - 1);
		else
			buf_add(out, f, 1);
	}
}

bool
ldap_schema_without_tag(char out[ADDRESS_MAX + 1], const char *address, const char *delimiters)
{
	const char *at = strrchr(address, '@');
	size_t len;

	if (delimiters == NULL || at == NULL || *address == '"' || strlen(address) > ADDRESS_MAX)
		return false;
	len = strcspn(address, delimiters);
	if (len == 0 || len >= (size_t)(at - address))
		return false;
	memcpy(out, address, len);
	memcpy(out + len, at, strlen(at) + 1);
	return true;
}
