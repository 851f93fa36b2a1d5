/* sasl - the mechanisms of the auth helper, on pool threads; one block a file */
#ifndef LISTENER_AUTH_SASL_SASL_H
#define LISTENER_AUTH_SASL_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_auth_out.h"

struct passwd_account;
struct secret_file;

/* --- sasl_server: authenticates a client: the table of mechanisms. One thread at a time --- */

struct sasl_server {
	const struct secret_file *file;
	char user[AUTH_IN_NAME_SIZE];	/* as claimed, later as proved: with its domain */
	char reason[96];		/* for the log, where the client alone does not explain the failure */
	bool proved;			/* what is left is the client's empty answer */
	void *state;			/* the mechanism's own */
	struct msg_auth_in_start start;	/* without its token, for which there is no memory */
};
struct sasl_server *sasl_server_new(const struct msg_auth_in_start *s, const struct secret_file *file);
void sasl_server_free(struct sasl_server *p);
/* On any thread. Fills `out` whole. */
void sasl_server_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_answer *out);
enum ctl_file_kind sasl_server_file_kind(enum msg_auth_in_mechanism m);
bool sasl_server_has_password(enum msg_auth_in_mechanism m);	/* which could be guessed */
bool sasl_server_is_of_manager(enum msg_auth_in_mechanism m);
/* Before a step, on the loop: sets p->user where `in` names it beside what is checked. */
void sasl_server_claim(struct sasl_server *p, const struct msg_auth_in_token *in);

/* --- sasl_name: the name that a client claims --- */

/* Copies a claimed name into p->user, completed with basic-domain; false: no name. */
bool sasl_name_claim(struct sasl_server *p, const char *name, size_t len);
/* The account of p->user: under its whole name, or under its bare one in basic-domain; NULL. */
const struct passwd_account *sasl_name_account(const struct sasl_server *p);
/* One form of p->user, for counting: small letters, without basic-domain. */
void sasl_name_format_key(const struct sasl_server *p, char *dst, size_t size);
/* `authzid` is p->user, or absent: no client speaks for another. */
bool sasl_name_is_self(const struct sasl_server *p, const char *authzid, size_t len);

/* --- sasl_server_plain: PLAIN (RFC 4616) and LOGIN --- */

enum msg_auth_in_result sasl_server_plain_plain(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
enum msg_auth_in_result sasl_server_plain_login(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
enum msg_auth_in_result sasl_server_plain_password(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
void sasl_server_plain_claim(struct sasl_server *p, const struct msg_auth_in_token *in);
void sasl_server_plain_end(struct sasl_server *p);

/* --- sasl_server_scram: SCRAM-SHA-256 and -PLUS (RFC 5802, 7677) --- */

enum msg_auth_in_result sasl_server_scram_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
void sasl_server_scram_end(struct sasl_server *p);

/* --- sasl_server_gssapi: GSSAPI (RFC 4752) with raw Kerberos and SPNEGO tokens --- */

enum msg_auth_in_result sasl_server_gssapi_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
/* The context alone (RFC 4559), in one step. */
enum msg_auth_in_result sasl_server_gssapi_negotiate(struct sasl_server *p,
    const struct msg_auth_in_token *in, struct msg_auth_in_token *out);
void sasl_server_gssapi_end(struct sasl_server *p);

/* --- sasl_client: authenticates us: the table of mechanisms. One thread at a time --- */

struct sasl_client {
	struct msg_auth_out_start start;
	const struct secret_file *file;
	unsigned words;			/* steps done */
	bool over;			/* the last word was said */
	void *state;			/* the mechanism's own */
};
bool sasl_client_is_ours(enum msg_auth_out_mechanism m);	/* else a token is needed, which is fetch's */
enum ctl_file_kind sasl_client_file_kind(enum msg_auth_out_mechanism m);
/* On any thread. `challenge`: NULL: the first word is wanted. Fills `out`, which is zeroed. */
void sasl_client_step(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
void sasl_client_done(struct sasl_client *c);

/* --- sasl_client_scram: SCRAM as a client --- */

enum msg_auth_out_result sasl_client_scram(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
void sasl_client_scram_end(struct sasl_client *c);

/* --- sasl_client_gssapi: GSSAPI as a client --- */

enum msg_auth_out_result sasl_client_gssapi(struct sasl_client *c, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
void sasl_client_gssapi_end(struct sasl_client *c);

/* --- sasl_answer: what mechanisms put into an answer. Pure --- */

void sasl_answer_put(struct msg_auth_in_token *out, const void *data, size_t len);	/* too long: empty */
/* Fills why, its control characters replaced; returns `how`. */
enum msg_auth_out_result sasl_answer_fail(struct msg_auth_out_answer *out, enum msg_auth_out_result how,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
