/*
 * sasl_name - the name that a client claims: completed, and the account that it belongs to; pure
 *
 * Runs in:  auth, on pool threads
 * Owns:     nothing
 * Promise:  a client is only ever itself: it cannot act under another's name
 * Fails by: false, NULL
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "listener/auth/auth.h"

bool
sasl_name_claim(struct sasl_server *p, const char *name, size_t len)
{
	const char *domain = p->start.domain;
	bool bare;
	int n;

	p->user[0] = '\0';
	if (!passwd_file_name_is_good(name, len))
		return false;
	bare = memchr(name, '\\', len) == NULL && memchr(name, '@', len) == NULL && domain[0] != '\0';
	n = snprintf(p->user, sizeof(p->user), "%s%s%.*s", bare ? domain : "", bare ? "\\" : "", (int)len,
	    name);
	if (n > 0 && (size_t)n < sizeof(p->user))
		return true;
	p->user[0] = '\0';
	return false;
}

void
sasl_name_format_key(const struct sasl_server *p, char *dst, size_t size)
{
	size_t n = strlen(p->start.domain), i;
	bool own = n > 0 && strncasecmp(p->user, p->start.domain, n) == 0 && p->user[n] == '\\';
	const char *name = own ? p->user + n + 1 : p->user;

	for (i = 0; name[i] != '\0' && i + 1 < size; i++)
		dst[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	dst[i] = '\0';
}

const struct passwd_account *
sasl_name_account(const struct sasl_server *p)
{
	const struct passwd_account *a = passwd_file_find(p->file->accounts, p->user);
	size_t n = strlen(p->start.domain);

	if (a == NULL && n > 0 && strncasecmp(p->user, p->start.domain, n) == 0 && p->user[n] == '\\')
		a = passwd_file_find(p->file->accounts, p->user + n + 1);
	return a;
}

bool
sasl_name_is_self(const struct sasl_server *p, const char *authzid, size_t len)
{
	const char *bare = strrchr(p->user, '\\');

	if (len == 0)
		return true;
	if (strlen(p->user) == len && strncasecmp(p->user, authzid, len) == 0)
		return true;
	return bare != NULL && p->start.domain[0] != '\0' && strlen(bare + 1) == len &&
	    strncasecmp(bare + 1, authzid, len) == 0;
}
