/*
 * gssapi_client - GSSAPI as a client (RFC 4752) with MIT Kerberos: proves to a server who we are. One thread
 * at a time; gssapi_client_acquire and the first gssapi_client_step may block on the Kerberos servers.
 *
 * Order of calls: new, one of the two name functions, acquire, step without data; then word and step by turns
 * until is_done.
 */
#ifndef COMMON_GSSAPI_GSSAPI_CLIENT_H
#define COMMON_GSSAPI_GSSAPI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/gssapi/keytab.h"

struct gssapi_client;

/* One row a protocol. */
struct gssapi_client_kind {
	const char *service;		/* "smtp" */
	const char *peer;		/* in texts: "the directory server" */
	const char *advice;		/* ends the text about a peer that insists on a security layer */
	/* Begins the text about a user that is no principal; NULL: the user does. */
	const char *bad_name;
};

struct gssapi_client *gssapi_client_new(const struct gssapi_client_kind *kind);
void gssapi_client_free(struct gssapi_client *c);	/* NULL is fine */

/* All of these: 0; -1, and gssapi_client_why tells why. */

/* SERVICE@HOST: libkrb5 may change the host's name by what DNS says (krb5.conf). */
int gssapi_client_name_service(struct gssapi_client *c, const char *host) __attribute__((warn_unused_result));
/*
 * SERVICE/HOST with the host's name as it is, in the realm that krb5.conf has for it, else in the one that
 * the Kerberos servers refer to.
 */
int gssapi_client_name_host(struct gssapi_client *c, const char *host) __attribute__((warn_unused_result));
/* Tickets for the principal `user`: fetched with the keytab when the cache has none or old ones. */
int gssapi_client_acquire(struct gssapi_client *c, const char *user,
    const struct keytab *k) __attribute__((warn_unused_result));
/* Takes the server's bytes; NULL and 0 for the first one. The next word is ready then. */
int gssapi_client_step(struct gssapi_client *c, const void *data,
    size_t len) __attribute__((warn_unused_result));

/* What is to be sent now; perhaps empty. Valid until the next step. */
const void *gssapi_client_word(const struct gssapi_client *c, size_t *len);
/* This word is the last one, and the server has proved who it is. */
bool gssapi_client_is_done(const struct gssapi_client *c);
const char *gssapi_client_why(const struct gssapi_client *c);	/* "Kerberos: ...", for people */

#endif
