/* keytab - a Kerberos keytab in memory, and the cache of the tickets that it brings */
#ifndef COMMON_GSSAPI_KEYTAB_H
#define COMMON_GSSAPI_KEYTAB_H

#include <stddef.h>

struct keytab {
	int fd;				/* of a copy in memory; -1: none */
	char path[48];			/* "FILE:/proc/self/fd/7", as libkrb5 names it */
	char tickets[48];		/* "MEMORY:postern-7", as libkrb5 names it; "": no cache */
};

/*
 * Copies `size` bytes of a keytab file. `tickets`: the first part of the name of the ticket cache; NULL: a
 * server's keytab, which brings no tickets. 0; -1 with errno, and k->fd is -1.
 */
int keytab_init(struct keytab *k, const char *data, size_t size,
    const char *tickets) __attribute__((warn_unused_result));
void keytab_done(struct keytab *k);	/* destroys keys and tickets; k->fd == -1 is fine */

#endif
