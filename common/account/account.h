/* account - users and groups of the host, by name or number */
#ifndef COMMON_ACCOUNT_ACCOUNT_H
#define COMMON_ACCOUNT_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

struct account {
	uid_t uid;
	gid_t gid;
};

/*
 * The user `user` with the group `group` (NULL: the user's own). Either may be a number, for which the
 * host need not have a name; the own group of such a user has the same number. 0; -1: there is no such user;
 * -2: no such group.
 */
int account_find(const char *user, const char *group, struct account *a) __attribute__((warn_unused_result));
bool account_is_root(const struct account *a);		/* the user or the group is */

#endif
