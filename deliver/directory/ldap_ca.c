/*
 * ldap_ca - the authorities that a directory server's certificate is checked against, as a file in memory
 *
 * Runs in:  directory, any thread
 * Owns:     the copy, by a count of users: connections that are being made open it by its path
 * Promise:  never changed, only replaced; what has no certificate in it is not taken
 * Fails by: NULL and why
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/tls/tls.h"
#include "deliver/directory/directory.h"

struct ldap_ca *
ldap_ca_new(const char *data, size_t size, const char *name, struct buf *why)
{
	struct tls_out *t = tls_out_new();
	struct ldap_ca *c;
	int count = tls_out_trust(t, &(struct tls_text){ name, data, size }, why);

	tls_out_free(t);
	if (count == -1)
		return NULL;
	c = mem_new(struct ldap_ca);
	atomic_init(&c->users, 1);
	c->fd = memfd_create("ca", MFD_CLOEXEC);
	if (c->fd == -1 || disk_write(c->fd, data, size) == -1) {
		buf_printf(why, "%s: %s", name, strerror(errno));
		ldap_ca_release(c);
		return NULL;
	}
	snprintf(c->path, sizeof(c->path), "/proc/self/fd/%d", c->fd);
	return c;
}

struct ldap_ca *
ldap_ca_use(struct ldap_ca *c)
{
	if (c != NULL)
		atomic_fetch_add(&c->users, 1);
	return c;
}

void
ldap_ca_release(struct ldap_ca *c)
{
	if (c == NULL || atomic_fetch_sub(&c->users, 1) > 1)
		return;
	if (c->fd != -1)
		close(c->fd);
	free(c);
}
