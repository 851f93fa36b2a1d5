/*
 * ldap_keytab - the keytab of one virtual server's directory account, shared by threads
 *
 * Runs in:  directory, any thread
 * Owns:     itself, by a count of users; the keytab and the tickets that it brings
 * Promise:  keys and tickets go with the last user
 * Fails by: NULL and errno
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

struct ldap_keytab *
ldap_keytab_new(const char *data, size_t size, atomic_uint *threads)
{
	struct ldap_keytab *k = mem_new(struct ldap_keytab);

	if (keytab_init(&k->keytab, data, size, "directory") == -1) {
		free(k);
		return NULL;
	}
	atomic_init(&k->users, 1);
	k->threads = threads;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->changed, NULL);
	return k;
}

struct ldap_keytab *
ldap_keytab_use(struct ldap_keytab *k)
{
	if (k != NULL)
		atomic_fetch_add(&k->users, 1);
	return k;
}

void
ldap_keytab_release(struct ldap_keytab *k)
{
	if (k == NULL || atomic_fetch_sub(&k->users, 1) > 1)
		return;
	keytab_done(&k->keytab);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
