/*
 * keytab - a Kerberos keytab in memory, and the cache of the tickets that it brings
 *
 * Runs in:  auth, directory
 * Owns:     a copy of the file in a memfd, so that nothing has to be opened again; a ticket cache of libkrb5
 * Promise:  keys and tickets are in memory only, never on disk; each keytab has a ticket cache of its own
 * Fails by: -1 and errno
 */
#include "common/gssapi/keytab.h"

#include <krb5.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/disk.h"

static void
destroy_tickets(const char *name)
{
	krb5_context context;
	krb5_ccache cache;

	if (krb5_init_context(&context) != 0)
		return;
	if (krb5_cc_resolve(context, name, &cache) == 0)
		krb5_cc_destroy(context, cache);
	krb5_free_context(context);
}

int
keytab_init(struct keytab *k, const char *data, size_t size, const char *tickets)
{
	k->tickets[0] = '\0';
	k->fd = memfd_create("keytab", MFD_CLOEXEC);
	if (k->fd == -1)
		return -1;
	if (disk_write(k->fd, data, size) == -1) {
		close(k->fd);
		k->fd = -1;
		return -1;
	}
	snprintf(k->path, sizeof(k->path), "FILE:/proc/self/fd/%d", k->fd);
	if (tickets != NULL)
		snprintf(k->tickets, sizeof(k->tickets), "MEMORY:%s-%d", tickets, k->fd);
	return 0;
}

void
keytab_done(struct keytab *k)
{
	if (k->fd == -1)
		return;
	/* Before the descriptor: its number is part of the cache's name, and may be another keytab's next. */
	if (k->tickets[0] != '\0')
		destroy_tickets(k->tickets);
	close(k->fd);
	k->fd = -1;
}
