/*
 * account - users and groups of the host, by name or number
 *
 * Runs in:  every process; before the loop, in the master also at a reload (it may ask NSS)
 * Owns:     nothing
 * Promise:  a number that is too large is no user
 * Fails by: -1, -2
 */
#include "common/account/account.h"

#include <bsd/stdlib.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

/* Only digits; (uid_t)-1 means "nobody" to the kernel. */
static bool
parse_number(const char *text, unsigned *number)
{
	const char *why = NULL;

	*number = (unsigned)strtonum(text, 0, UINT_MAX - 1, &why);
	return why == NULL && strspn(text, "0123456789") == strlen(text);
}

int
account_find(const char *user, const char *group, struct account *a)
{
	const struct passwd *pw = getpwnam(user);
	const struct group *gr;
	unsigned number;

	if (pw != NULL)
		*a = (struct account){ pw->pw_uid, pw->pw_gid };
	else if (parse_number(user, &number))
		*a = (struct account){ number, number };
	else
		return -1;
	if (group == NULL)
		return 0;
	gr = getgrnam(group);
	if (gr != NULL)
		a->gid = gr->gr_gid;
	else if (parse_number(group, &number))
		a->gid = number;
	else
		return -2;
	return 0;
}

bool
account_is_root(const struct account *a)
{
	return a->uid == 0 || a->gid == 0;
}
