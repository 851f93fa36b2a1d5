/*
 * auth - private header of the auth helper; one block a file, alphabetical
 *
 * listener -> caller -> exchange -> (pool thread) proof -> basic, scram, kerberos -> verify
 *                       exchange -> vault -> the master opens the files; exchange -> visitor: what an address has to wait
 * deliver  -> caller -> attest -> (pool thread) attest_scram, attest_kerberos; attest -> vault
 */
#ifndef LISTENER_AUTH_AUTH_H
#define LISTENER_AUTH_AUTH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/account.h"
#include "common/process/boot.h"
#include "common/process/pool.h"
#include "common/process/prove.h"
#include "common/process/vouch.h"

struct auth;
struct caller;
struct attest;
struct exchange;
struct proof;
struct vault_file;

/* --- auth: the role --- */

struct auth {
	struct boot *boot;
	struct pool *pool;
	struct pool_lane *lane;
	struct vault *vault;
	struct visitors *visitors;
	TAILQ_HEAD(, caller) callers;
	TAILQ_HEAD(, exchange) exchanges;	/* all, also those no caller waits for */
	struct pool_lane *attest_lane;
	TAILQ_HEAD(, attest) attests;
	unsigned slots;			/* steps of one client address that may be with the pool at a time */
};
extern const struct boot_role auth_role;

/* --- basic: PLAIN (RFC 4616) and LOGIN --- */

enum vouch_result basic_plain(struct proof *p, const struct vouch_token *in, struct vouch_token *out);
enum vouch_result basic_login(struct proof *p, const struct vouch_token *in, struct vouch_token *out);
void basic_end(struct proof *p);

/* --- caller: one listener or deliver process: its channel and its exchanges or attests --- */

#define CALLER_EXCHANGES_MAX 4096

/* Takes over `fd`. */
struct caller *caller_new(struct auth *a, int fd, const struct ctl_channel *channel);
void caller_free(struct caller *c);
const char *caller_server(const struct caller *c);
void caller_answer(struct caller *c, uint32_t request, const struct vouch_answer *answer);
/* A new exchange: may be answered from now on. */
void caller_take(struct caller *c, struct exchange *x);
/* The exchange has had its last answer. */
void caller_ended(struct caller *c, struct exchange *x);

void caller_attest_answer(struct caller *c, uint32_t request, const struct prove_answer *answer);
void caller_attest_take(struct caller *c, struct attest *x);
void caller_attest_ended(struct caller *c, struct attest *x);

/* --- attest: one authentication of ours at a remote host, from start to its last word --- */

LIST_HEAD(attest_list, attest);
struct attest {
	LIST_ENTRY(attest) link;		/* of the caller's; for its use, as `request` */
	TAILQ_ENTRY(attest) all;
	uint32_t request;
	struct auth *auth;
	struct caller *caller;		/* NULL: gone or cancelled; ends as soon as nobody works on it */
	struct prove_start start;
	struct vault_file *file;
	struct vouch_token *in;		/* the challenge; NULL: the first word is wanted */
	struct prove_answer *out;	/* during and after work, until it was sent */
	unsigned words;			/* answers so far */
	bool over;			/* the last word was said */
	bool busy;			/* with the vault or the pool */
	void *state;			/* the mechanism's own */
};

/* Both answer through caller_attest_answer, later. False: no such mechanism here. */
bool attest_begin(struct auth *a, struct caller *c, uint32_t request, const struct prove_start *s);
void attest_step(struct attest *x, const struct vouch_token *t);
void attest_cancel(struct attest *x);	/* frees it, now or when its work is done */
void attest_work(void *arg, void **jobs, size_t n);	/* for the pool: jobs are attests */
void attest_worked(void *arg, void *job);
void attest_end_all(struct auth *a);	/* after the pool has ended */
/* Fills why; returns `how`. */
enum prove_result attest_fail(struct prove_answer *out, enum prove_result how, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum prove_result attest_plain(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out);
enum prove_result attest_login(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out);

/* --- attest_kerberos: GSSAPI as a client --- */

enum prove_result attest_kerberos(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out);
void attest_kerberos_end(struct attest *x);
void attest_kerberos_forget(const char *ccache);	/* its tickets */

/* --- attest_scram: SCRAM as a client --- */

enum prove_result attest_scram(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out);
void attest_scram_end(struct attest *x);

/* --- exchange: one authentication from start to answer --- */

LIST_HEAD(exchange_list, exchange);
struct exchange {
	LIST_ENTRY(exchange) link;	/* of the caller's; for its use, as `request` */
	TAILQ_ENTRY(exchange) all, waiting;	/* waiting: of the visitor's */
	uint32_t request;
	struct auth *auth;
	struct caller *caller;		/* NULL: gone or cancelled; ends as soon as nobody works on it */
	struct visitor *visitor;
	struct vault_file *file;
	struct proof *proof;
	struct vouch_token *in;		/* NULL: nothing to do */
	struct vouch_answer *out;	/* during and after work, until it was sent */
	struct loop_timer *delay;
	bool busy;			/* with the vault, the pool or waiting for its turn */
	bool queued;			/* in its visitor's list */
	bool slot;			/* holds one of its visitor's */
};

/* Both answer through caller_answer, later. False: too many at once. */
bool exchange_begin(struct auth *a, struct caller *c, uint32_t request, const struct vouch_start *s);
void exchange_step(struct exchange *x, const struct vouch_token *t);
void exchange_cancel(struct exchange *x);	/* frees it, now or when its work is done */
void exchange_work(void *arg, void **jobs, size_t n);	/* for the pool: jobs are exchanges */
void exchange_worked(void *arg, void *job);
void exchange_end_all(struct auth *a);		/* after the pool has ended */

/* --- kerberos: GSSAPI (RFC 4752) with raw Kerberos and SPNEGO tokens --- */

enum vouch_result kerberos_step(struct proof *p, const struct vouch_token *in, struct vouch_token *out);
void kerberos_end(struct proof *p);
/* "WHAT: the library's words for it". */
void kerberos_say(char *dst, size_t size, const char *what, uint32_t major, uint32_t minor);

/* --- proof: the table of mechanisms, and what they share. One thread at a time --- */

struct proof {
	struct vouch_start start;	/* its token is wiped */
	const struct vault_file *file;
	char user[VOUCH_NAME_SIZE];	/* as claimed, then as proved: with its domain */
	char reason[96];		/* for the log, when it is our fault */
	bool proved;			/* what is left is to hear the client out */
	void *state;			/* the mechanism's own */
};

struct proof *proof_new(const struct vouch_start *s, const struct vault_file *file);
void proof_free(struct proof *p);
/* On any thread. Fills `out` whole. */
void proof_step(struct proof *p, const struct vouch_token *in, struct vouch_answer *out);
enum ctl_file_kind proof_file_kind(enum vouch_mechanism m);
/* Copies a claimed name into p->user, completed with basic-domain; false: no name. */
bool proof_claim(struct proof *p, const char *name, size_t len);
/* The account of p->user: under its whole name, or under its bare one in basic-domain; NULL. */
const struct account *proof_account(const struct proof *p);
/* `authzid` is p->user, or absent: nobody speaks for others here. */
bool proof_is_self(const struct proof *p, const char *authzid, size_t len);
void proof_put(struct vouch_token *out, const void *data, size_t len);	/* too long: empty */

/* --- scram: SCRAM-SHA-256 and -PLUS (RFC 5802, 7677) --- */

enum vouch_result scram_step(struct proof *p, const struct vouch_token *in, struct vouch_token *out);
void scram_end(struct proof *p);

/* --- vault: password files, keytabs and secrets, opened by the master, looked at again when they are asked for --- */

struct vault_file {
	unsigned users;
	struct account_list *accounts;	/* CTL_FILE_PASSWORDS */
	int keytab_fd;			/* CTL_FILE_KEYTAB, CTL_FILE_CLIENT_KEYTAB: a copy in memory */
	char keytab[64];		/* "FILE:/proc/self/fd/7" */
	char ccache[64];		/* CTL_FILE_CLIENT_KEYTAB: "MEMORY:postern-1", where its tickets are */
	char *secret; size_t secret_len;	/* CTL_FILE_SECRET: at most VAULT_SECRET_MAX bytes, none of them NUL; ended by one */
};
struct vault *vault_new(struct boot *b);
void vault_free(struct vault *v);
#define VAULT_SECRET_MAX 1024
/*
 * Of a [domain] of that server; "" its own. `ready` is called once, perhaps before this returns; `f` (NULL: not to be had, and `why`) is
 * then the caller's until vault_release.
 */
void vault_get(struct vault *v, const char *server, const char *domain, enum ctl_file_kind kind,
    void (*ready)(void *arg, struct vault_file *f, const char *why), void *arg);
void vault_release(struct vault_file *f);	/* NULL is fine */
void vault_opened(struct vault *v, const struct ctl_message *m);	/* CTL_FILE came; takes its descriptor */

/* --- verify: a password against an account, at the same cost when there is none. Any thread --- */

void verify_set_up(void);			/* once, before threads: the secret that decoys are drawn with */
bool verify_password(const struct account_list *l, const struct account *a, const char *name, const char *password);
/* What an account of that name could look like to SCRAM; keys that no password has. */
void verify_decoy(const struct account_list *l, const char *name, struct account *decoy);

/* --- visitor: what each client address has under way, and what its mistakes cost; pure --- */

TAILQ_HEAD(exchange_queue, exchange);
struct visitor {
	LIST_ENTRY(visitor) bucket;
	TAILQ_ENTRY(visitor) age;
	uint8_t key[16];
	unsigned users, running, failures;
	uint64_t since_ms;		/* of the last failure */
	struct exchange_queue waiting;
};
#define VISITOR_MAX 8192U
#define VISITOR_USERS_MAX 512U	/* authentications of one address under way: some way below CALLER_EXCHANGES_MAX */
#define VISITOR_FIRST_MS 500U
#define VISITOR_LAST_MS 16000U
#define VISITOR_FORGIVE_MS 60000U	/* each takes one failure away */

struct visitors *visitor_table_new(void);
void visitor_table_free(struct visitors *t);
/* NULL: VISITOR_MAX of them have something under way, or this one VISITOR_USERS_MAX. An IPv6 client is its /64. */
struct visitor *visitor_enter(struct visitors *t, const char *ip);
void visitor_leave(struct visitors *t, struct visitor *v);
uint64_t visitor_fail(struct visitor *v, uint64_t now_ms);	/* how long the answer is held back */
void visitor_succeed(struct visitor *v);

#endif
