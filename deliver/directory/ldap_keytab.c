/*
 * ldap_keytab - a Kerberos keytab in memory, and the tickets that it brings
 *
 * Runs in:  directory, any thread
 * Owns:     itself, by a count of users; a copy of the file, so that nothing has to be opened again; a ticket
 *           cache
 * Promise:  keys and tickets are in memory only, and go with the last user
 * Fails by: NULL and errno
 */
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

static void
forget_tickets(const char *name)
{
	krb5_context context;
	krb5_ccache cache;

	if (krb5_init_context(&context) != 0)
		return;
	if (krb5_cc_resolve(context, name, &cache) == 0)
		krb5_cc_destroy(context, cache);
	krb5_free_context(context);
}

struct ldap_keytab *
ldap_keytab_new(const char *data, size_t size)
{
	int fd = memfd_create("keytab", MFD_CLOEXEC);
	struct ldap_keytab *k;

	if (fd == -1)
		return NULL;
	if (disk_write(fd, data, size) == -1) {
		close(fd);
		return NULL;
	}
	k = mem_new(struct ldap_keytab);
	atomic_init(&k->users, 1);
	k->fd = fd;
	snprintf(k->path, sizeof(k->path), "FILE:/proc/self/fd/%d", fd);
	snprintf(k->cache, sizeof(k->cache), "MEMORY:directory-%d", fd);
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
	forget_tickets(k->cache);
	close(k->fd);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
