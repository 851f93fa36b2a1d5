/*
 * auth - private header of the auth helper; one block a file, alphabetical
 *
 * listener -> caller -> exchange -> (pool thread) proof -> basic, scram, kerberos -> verify
 *                       exchange -> vault -> the master opens the files; exchange -> visitor: what an address
 *                       has to wait
 * deliver  -> caller -> attest -> (pool thread) sasl_client_scram, sasl_client_gssapi; attest -> vault
 */
#ifndef LISTENER_AUTH_AUTH_H
#define LISTENER_AUTH_AUTH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/passwd_file.h"
#include "common/boot/boot.h"
#include "common/gssapi/keytab.h"
#include "common/process/pool.h"
#include "common/ipc/msg_auth_out.h"
#include "common/ipc/msg_auth_in.h"

struct auth;
struct auth_channel;
struct sasl_client;
struct auth_request;
struct sasl_server;
struct secret_file;

/* --- auth: the role --- */

struct auth {
	struct boot *boot;
	struct pool *pool;
	struct pool_lane *lane;
	struct secret_files *secret_files;
	struct visitors *visitors;
	TAILQ_HEAD(, auth_channel) callers;
	TAILQ_HEAD(, auth_request) exchanges;	/* all, also those no caller waits for */
	struct pool_lane *sasl_client_lane;
	TAILQ_HEAD(, sasl_client) attests;
	unsigned slots;			/* steps of one client address that may be with the pool at a time */
};
extern const struct boot_role auth_role;

/* --- sasl_server_plain: PLAIN (RFC 4616) and LOGIN --- */

enum msg_auth_in_result sasl_server_plain_plain(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
enum msg_auth_in_result sasl_server_plain_login(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
void sasl_server_plain_end(struct sasl_server *p);

/* --- auth_channel: one listener or deliver process: its channel and its exchanges or attests --- */

#define AUTH_CHANNEL_REQUESTS_MAX 4096

/* Takes over `fd`. */
struct auth_channel *auth_channel_new(struct auth *a, int fd, const struct ctl_channel *channel);
void auth_channel_free(struct auth_channel *c);
const char *auth_channel_server(const struct auth_channel *c);
void auth_channel_answer(struct auth_channel *c, uint32_t request, const struct msg_auth_in_answer *answer);
/* A new exchange: may be answered from now on. */
void auth_channel_take(struct auth_channel *c, struct auth_request *x);
/* The exchange has had its last answer. */
void auth_channel_ended(struct auth_channel *c, struct auth_request *x);

void auth_channel_attest_answer(struct auth_channel *c, uint32_t request,
    const struct msg_auth_out_answer *answer);
void auth_channel_attest_take(struct auth_channel *c, struct sasl_client *x);
void auth_channel_attest_ended(struct auth_channel *c, struct sasl_client *x);

/* --- sasl_client: one authentication of ours at a remote host, from start to its last word --- */

LIST_HEAD(sasl_client_list, sasl_client);
struct sasl_client {
	LIST_ENTRY(sasl_client) link;		/* of the caller's; for its use, as `request` */
	TAILQ_ENTRY(sasl_client) all;
	uint32_t request;
	struct auth *auth;
	/* NULL: gone or cancelled; ends as soon as nobody works on it */
	struct auth_channel *caller;
	struct msg_auth_out_start start;
	struct secret_file *file;
	struct msg_auth_in_token *in;		/* the challenge; NULL: the first word is wanted */
	struct msg_auth_out_answer *out;	/* during and after work, until it was sent */
	unsigned words;			/* answers so far */
	bool over;			/* the last word was said */
	bool busy;			/* with the vault or the pool */
	void *state;			/* the mechanism's own */
};

/* Both answer through auth_channel_attest_answer, later. False: no such mechanism here. */
bool sasl_client_begin(struct auth *a, struct auth_channel *c, uint32_t request,
    const struct msg_auth_out_start *s);
void sasl_client_step(struct sasl_client *x, const struct msg_auth_in_token *t);
void sasl_client_cancel(struct sasl_client *x);	/* frees it, now or when its work is done */
void sasl_client_work(void *arg, void **jobs, size_t n);	/* for the pool: jobs are attests */
void sasl_client_worked(void *arg, void *job);
void sasl_client_end_all(struct auth *a);	/* after the pool has ended */
/* Fills why; returns `how`. */
enum msg_auth_out_result sasl_client_fail(struct msg_auth_out_answer *out, enum msg_auth_out_result how,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum msg_auth_out_result sasl_client_plain(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
enum msg_auth_out_result sasl_client_login(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);

/* --- sasl_client_gssapi: GSSAPI as a client --- */

enum msg_auth_out_result sasl_client_gssapi(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
void sasl_client_gssapi_end(struct sasl_client *x);

/* --- sasl_client_scram: SCRAM as a client --- */

enum msg_auth_out_result sasl_client_scram(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out);
void sasl_client_scram_end(struct sasl_client *x);

/* --- auth_request: one authentication from start to answer --- */

LIST_HEAD(auth_request_list, auth_request);
struct auth_request {
	LIST_ENTRY(auth_request) link;	/* of the caller's; for its use, as `request` */
	TAILQ_ENTRY(auth_request) all, waiting;	/* waiting: of the visitor's */
	uint32_t request;
	struct auth *auth;
	/* NULL: gone or cancelled; ends as soon as nobody works on it */
	struct auth_channel *caller;
	struct auth_throttle *visitor;
	struct secret_file *file;
	struct sasl_server *proof;
	struct msg_auth_in_token *in;		/* NULL: nothing to do */
	struct msg_auth_in_answer *out;	/* during and after work, until it was sent */
	struct loop_timer *delay;
	bool busy;			/* with the vault, the pool or waiting for its turn */
	bool queued;			/* in its visitor's list */
	bool slot;			/* holds one of its visitor's */
};

/* Both answer through auth_channel_answer, later. False: too many at once. */
bool auth_request_begin(struct auth *a, struct auth_channel *c, uint32_t request,
    const struct msg_auth_in_start *s);
void auth_request_step(struct auth_request *x, const struct msg_auth_in_token *t);
void auth_request_cancel(struct auth_request *x);	/* frees it, now or when its work is done */
void auth_request_work(void *arg, void **jobs, size_t n);	/* for the pool: jobs are exchanges */
void auth_request_worked(void *arg, void *job);
void auth_request_end_all(struct auth *a);		/* after the pool has ended */

/* --- sasl_server_gssapi: GSSAPI (RFC 4752) with raw Kerberos and SPNEGO tokens --- */

enum msg_auth_in_result sasl_server_gssapi_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
void sasl_server_gssapi_end(struct sasl_server *p);

/* --- sasl_server: the table of mechanisms, and what they share. One thread at a time --- */

struct sasl_server {
	struct msg_auth_in_start start;	/* its token is wiped */
	const struct secret_file *file;
	char user[AUTH_IN_NAME_SIZE];	/* as claimed, then as proved: with its domain */
	char reason[96];		/* for the log, when it is our fault */
	bool proved;			/* what is left is to hear the client out */
	void *state;			/* the mechanism's own */
};

struct sasl_server *sasl_server_new(const struct msg_auth_in_start *s, const struct secret_file *file);
void sasl_server_free(struct sasl_server *p);
/* On any thread. Fills `out` whole. */
void sasl_server_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_answer *out);
enum ctl_file_kind sasl_server_file_kind(enum msg_auth_in_mechanism m);
/* Copies a claimed name into p->user, completed with basic-domain; false: no name. */
bool sasl_server_claim(struct sasl_server *p, const char *name, size_t len);
/* The account of p->user: under its whole name, or under its bare one in basic-domain; NULL. */
const struct passwd_account *sasl_server_account(const struct sasl_server *p);
/* `authzid` is p->user, or absent: nobody speaks for others here. */
bool sasl_server_is_self(const struct sasl_server *p, const char *authzid, size_t len);
void sasl_server_put(struct msg_auth_in_token *out, const void *data, size_t len);	/* too long: empty */

/* --- sasl_server_scram: SCRAM-SHA-256 and -PLUS (RFC 5802, 7677) --- */

enum msg_auth_in_result sasl_server_scram_step(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out);
void sasl_server_scram_end(struct sasl_server *p);

/*
 * --- secret_files: password files, keytabs and secrets, opened by the master, looked at again when they are
 * asked for ---
 */

struct secret_file {
	unsigned users;
	struct passwd_account_list *accounts;	/* CTL_FILE_PASSWORDS */
	struct keytab keytab;		/* CTL_FILE_KEYTAB; CTL_FILE_CLIENT_KEYTAB: with its tickets */
	/* CTL_FILE_SECRET: at most SECRET_FILES_SECRET_MAX bytes, none of them NUL; ended by one */
	char *secret; size_t secret_len;
};
struct secret_files *secret_files_new(struct boot *b);
void secret_files_free(struct secret_files *v);
#define SECRET_FILES_SECRET_MAX 1024
/*
 * Of a [domain] of that server; "" its own. `ready` is called once, perhaps before this returns; `f` (NULL:
 * not to be had, and `why`) is then the caller's until secret_files_release.
 */
void secret_files_get(struct secret_files *v, const char *server, const char *domain, enum ctl_file_kind kind,
    void (*ready)(void *arg, struct secret_file *f, const char *why), void *arg);
void secret_files_release(struct secret_file *f);	/* NULL is fine */
/* CTL_FILE came; takes its descriptor */
void secret_files_opened(struct secret_files *v, const struct ctl_message *m);

/* --- password_check: a password against an account, at the same cost when there is none. Any thread --- */

/* Once, before threads: the secret that decoys are drawn with */
void password_check_set_up(void);
bool password_check_password(const struct passwd_account_list *l, const struct passwd_account *a,
    const char *name, const char *password);
/* What an account of that name could look like to SCRAM; keys that no password has. */
void password_check_decoy(const struct passwd_account_list *l, const char *name,
    struct passwd_account *decoy);

/* --- auth_throttle: what each client address has under way, and what its mistakes cost; pure --- */

TAILQ_HEAD(auth_request_queue, auth_request);
struct auth_throttle {
	LIST_ENTRY(auth_throttle) bucket;
	TAILQ_ENTRY(auth_throttle) age;
	uint8_t key[16];
	unsigned users, running, failures;
	uint64_t since_ms;		/* of the last failure */
	struct auth_request_queue waiting;
};
#define AUTH_THROTTLE_MAX 8192U
/* Authentications of one address under way: some way below AUTH_CHANNEL_REQUESTS_MAX */
#define AUTH_THROTTLE_USERS_MAX 512U
#define AUTH_THROTTLE_FIRST_MS 500U
#define AUTH_THROTTLE_LAST_MS 16000U
#define AUTH_THROTTLE_FORGIVE_MS 60000U	/* each takes one failure away */

struct visitors *auth_throttle_table_new(void);
void auth_throttle_table_free(struct visitors *t);
/*
 * NULL: AUTH_THROTTLE_MAX of them have something under way, or this one AUTH_THROTTLE_USERS_MAX. An IPv6
 * client is its /64.
 */
struct auth_throttle *auth_throttle_enter(struct visitors *t, const char *ip);
void auth_throttle_leave(struct visitors *t, struct auth_throttle *v);
uint64_t auth_throttle_fail(struct auth_throttle *v, uint64_t now_ms);	/* how long the answer is held back */
void auth_throttle_succeed(struct auth_throttle *v);

#endif
