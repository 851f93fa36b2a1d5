/* auth_out - our authentication at remote hosts: where its words come from; one block a file */
#ifndef DELIVER_AUTH_OUT_AUTH_OUT_H
#define DELIVER_AUTH_OUT_AUTH_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config/config_account.h"
#include "common/ipc/ctl.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_auth_out.h"

struct boot;
struct buf;
struct ctl_client;
struct own_certificate;
struct ssl_st;
struct tls;

/* --- own_certificate: the client certificates that we show to hosts which ask for one --- */
/* NULL: none is configured. `ready` is called once, see own_certificate_begin. */
struct own_certificate *own_certificate_new(struct boot *b, void (*ready)(void *arg), void *arg);
/* True: connections may be made now; false: `ready` will tell when. */
bool own_certificate_begin(struct own_certificate *o);
void own_certificate_renew(struct own_certificate *o);		/* files have changed; NULL is fine */
void own_certificate_free(struct own_certificate *o);		/* NULL is fine */
/* CTL_FILE of one of our kinds; closes it. */
void own_certificate_take_file(struct own_certificate *o, const struct ctl_message *m);
/* Of a place (destination_security.certificate); valid until the next file. NULL: it cannot be used. */
const struct tls *own_certificate_tls(const struct own_certificate *o, const char *place);
/* NULL: it can be used; else why not. */
const char *own_certificate_fault(const struct own_certificate *o, const char *place);

/* --- auth_out_source: which source has the words for a value of outbound-auth --- */

/*
 * One login at a host, under way. Its owner fills it before each question and keeps it until `end`; the
 * strings outlive it.
 */
struct auth_out_login {
	struct ctl_client *client;	/* to the helper of the source */
	const struct config_account *account;
	const char *server;		/* our virtual server, for events */
	struct measures *measures;	/* of it; NULL: none */
	const char *host;		/* "mx.example.com" */
	const char *where;		/* "mx.example.com [192.0.2.1]:25", for people */
	uint16_t port;
	struct ssl_st *tls;		/* NULL: in clear */
	const char *verified;		/* what the host has proved under TLS: "none", "name", "dane" */
	enum msg_auth_out_mechanism mechanism;
	/* The host has channel binding, too, and that did not do or is not to be used */
	bool unbound;
	bool repeated;			/* second attempt: the host has refused the words of the first */
	void *question;			/* of the source; NULL: it has none */
	/*
	 * The answer of the source: the next word. `last`: a 235 may follow, although another challenge may,
	 * too. Both functions may end the connection, and others with it: the login may be gone afterwards.
	 */
	void (*say)(void *arg, const struct msg_auth_in_token *word, bool last);
	/* There is no word: the connection fails with VERDICT_LATER, `status` and `why` */
	void (*give_up)(void *arg, const char *status, const char *why);
	void *arg;
};

/* Where the words come from: one row a value of outbound-auth. */
struct auth_out_source {
	enum ctl_helper helper;	/* that has the secrets */
	unsigned mechanisms;	/* AUTH_OUT_BIT()s */
	bool again;		/* after a 535 there may be other words: one more attempt */
	/*
	 * Asks for the next word of l->mechanism: `say` or `give_up` follows, later, never from inside.
	 * `challenge` NULL: the initial response is wanted; NULL once more: the host did not know the last
	 * mechanism, another one is tried.
	 */
	void (*ask)(struct auth_out_login *l, const struct buf *challenge);
	void (*end)(struct auth_out_login *l);	/* once, after the last word; closes an open question */
};

const struct auth_out_source *auth_out_source_of(enum config_outbound_auth auth);	/* NULL: anonymous */

/* --- auth_out_client: words from the auth helper: passwords and Kerberos --- */
extern const struct auth_out_source auth_out_client_basic, auth_out_client_integrated;
struct ctl_client *auth_out_client_new(struct boot *b);

/* --- token_client: tokens from the fetch helper: OAuth2 --- */
extern const struct auth_out_source token_client_oauth2;
struct ctl_client *token_client_new(struct boot *b);

/* --- xoauth: the words of OAUTHBEARER and XOAUTH2. Pure --- */
struct xoauth_request {
	enum msg_auth_out_mechanism mechanism;
	const char *user, *host;
	uint16_t port;
	const char *token;
	size_t len;
};
/* The initial response. False: it is too long, `word` is empty. */
bool xoauth_first(struct msg_auth_in_token *word,
    const struct xoauth_request *r) __attribute__((warn_unused_result));
/* The answer to the challenge that means no; the host's reply follows it. */
void xoauth_last(struct msg_auth_in_token *word, enum msg_auth_out_mechanism mechanism);
/* The "status" of that challenge, cut to `size` bytes; "": it has none. */
void xoauth_status(char *dst, size_t size, const char *challenge, size_t len);

#endif
