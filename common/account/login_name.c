/*
 * login_name - names of those who logged in to the manager without an account of this host; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  such a name is never that of a user or group of this host, whatever users there are
 * Fails by: false, LOGIN_NAME_KINDS
 */
#include "common/account/login_name.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/mem.h"

static const struct { const char *prefix; bool any_case; } rows[] = {
	[LOGIN_NAME_ACCOUNT] = { "account:", true },
	[LOGIN_NAME_KERBEROS] = { "kerberos:", false },
};
static_assert(nitems_of(rows) == LOGIN_NAME_KINDS, "one row a kind");
static_assert(sizeof("user=") + LOG_SAFE_SIZE <= LOGIN_NAME_AUTHOR_SIZE, "its quotes are not cut off");

enum login_name_kind
login_name_kind(const char *text, const char **name)
{
	for (enum login_name_kind kind = 0; kind < LOGIN_NAME_KINDS; kind++) {
		size_t len = strlen(rows[kind].prefix);

		if (strncmp(text, rows[kind].prefix, len) != 0)
			continue;
		if (name != NULL)
			*name = text + len;
		return kind;
	}
	return LOGIN_NAME_KINDS;
}

bool
login_name_format(char dst[LOGIN_NAME_SIZE], enum login_name_kind kind, const char *name)
{
	int n = snprintf(dst, LOGIN_NAME_SIZE, "%s%s", rows[kind].prefix, name);

	if (*name != '\0' && n > 0 && (size_t)n < LOGIN_NAME_SIZE)
		return true;
	dst[0] = '\0';
	return false;
}

bool
login_name_is_same(const char *a, const char *b)
{
	const char *x = NULL, *y = NULL;
	enum login_name_kind kind = login_name_kind(a, &x);

	if (kind == LOGIN_NAME_KINDS || kind != login_name_kind(b, &y))
		return false;
	return (rows[kind].any_case ? strcasecmp(x, y) : strcmp(x, y)) == 0;
}

void
login_name_put_author(char dst[LOGIN_NAME_AUTHOR_SIZE], unsigned uid, const char *login)
{
	if (login[0] != '\0')
		snprintf(dst, LOGIN_NAME_AUTHOR_SIZE, "user=%s", log_safe(login));
	else
		snprintf(dst, LOGIN_NAME_AUTHOR_SIZE, "uid=%u", uid);
}
