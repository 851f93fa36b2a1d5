/*
 * auth - private header of the auth helper; one block a file
 *
 * auth -> auth_channel (messages of a worker or the master) -> auth_request_in (a client proves who it is),
 * auth_request_account, auth_request_out (we prove who we are) -> auth_request (file, turn, thread, delay,
 * answer) -> secret_files, auth_turn, auth_throttle
 * auth_request_in -> auth_shared (failures that all nodes count) -> auth_throttle
 * auth -> auth_accounts (an operator lists or changes a password file) -> auth_seen, secret_files
 * On pool threads: auth_request_in -> sasl_server and its mechanisms -> password_check;
 * auth_request_out -> sasl_client and its mechanisms (sasl.h)
 */
#ifndef LISTENER_AUTH_AUTH_H
#define LISTENER_AUTH_AUTH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/account/passwd_file.h"
#include "common/account/secret.h"
#include "common/boot/boot.h"
#include "common/gssapi/keytab.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_auth_out.h"
#include "common/process/pool.h"
#include "listener/auth/sasl/sasl.h"

struct auth_accounts;
struct auth_seen;
struct auth_throttle;
struct auth_shared;
struct auth_request;
struct secret_files;

/* --- auth_turn: what each client address has under way --- */

#define AUTH_TURN_BUCKETS 1024U
#define AUTH_TURN_PLACES_MAX 512U	/* of one address: some way below what a listener may have open */

TAILQ_HEAD(auth_request_queue, auth_request);
struct auth_turn {
	LIST_ENTRY(auth_turn) bucket;
	uint8_t key[16];
	unsigned users;			/* requests under way */
	unsigned running;		/* slots given */
	struct auth_request_queue waiting;	/* for a slot */
	struct auth_request_queue resting;	/* could give up their place */
};
struct auth_turn_table { LIST_HEAD(, auth_turn) bucket[AUTH_TURN_BUCKETS]; };
void auth_turn_table_init(struct auth_turn_table *t);
/* An IPv6 client is its /64. */
void auth_turn_make_key(uint8_t key[16], const char *ip);
struct auth_turn *auth_turn_enter(struct auth_turn_table *t, const uint8_t key[16]);	/* NULL: no place */
void auth_turn_leave(struct auth_turn *v);
/*
 * Whose place goes to a request of `key`: of that address when it has all that it may have, else of `of`, a
 * worker that may ask no more. Who waits for its client goes first; where none rests, the last one that waits
 * for a slot, of the address that has most, if that is more than `key` has. NULL: none.
 */
struct auth_request *auth_turn_find_victim(struct auth_turn_table *t, const uint8_t key[16],
    const struct ctl_server *of);

/* --- auth: the program --- */

enum auth_lane { AUTH_LANE_IN, AUTH_LANE_OUT, AUTH_LANES };
struct auth {
	struct boot *boot;
	struct pool *pool;
	struct pool_lane *lane[AUTH_LANES];
	struct secret_files *secret_files;
	struct auth_accounts *accounts;
	struct auth_seen *seen;
	struct auth_throttle *throttle;
	struct auth_shared *shared;	/* NULL: failures of this node alone */
	struct auth_turn_table turns;
	struct ctl_server_list channels;
	TAILQ_HEAD(, auth_request) requests;	/* all, also those that no worker waits for */
	size_t large_bytes;		/* of large tokens that clients have sent in requests under way */
	unsigned slots;			/* steps of one client address that may be with the pool at a time */
};
extern const struct boot_role auth_role;

/* --- auth_channel: what a worker asks; its helper is a struct auth --- */

extern const struct ctl_server_kind auth_channel_in;	/* of a listener */
extern const struct ctl_server_kind auth_channel_out;	/* of a deliver process */
extern const struct ctl_server_kind auth_channel_manager;	/* of the master: logins to the manager */

/* --- auth_request_in: the authentication of a client --- */

/* Answers with CTL_AUTH_IN_ANSWER, later. False: too many at once. */
bool auth_request_in_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_in_start *start);

/* --- auth_request_account: whether an account is still what it was --- */
/* Answers later. */
void auth_request_account_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_in_start *start);

/* --- auth_request_out: our own authentication at a remote host --- */

/* Answers with CTL_AUTH_OUT_ANSWER, later. False: not one of our mechanisms. */
bool auth_request_out_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_out_start *start);

/* --- auth_request: one authentication of either kind, from its start to its last answer --- */

/* One row a kind. Answers are structs that begin zeroed. */
struct auth_request_kind {
	enum auth_lane lane;
	enum ctl_type answer;
	size_t answer_size;				/* of the struct */
	size_t (*sent_size)(const void *answer);	/* bytes of it that travel */
	void (*refuse)(void *answer, const char *why);	/* the file is not to be had */
	void (*work)(struct auth_request *x);		/* on a pool thread: one step, from x->in to x->out */
	/* Whether there is memory for the token of a further step; NULL: always */
	bool (*admit)(struct auth_request *x, size_t len);
	uint64_t (*worked)(struct auth_request *x);	/* milliseconds for which its answer is delayed */
	/* Milliseconds until x->in may be looked at; AUTH_THROTTLE_NEVER: refused instead */
	uint64_t (*wait)(struct auth_request *x);
	/* Its answer was to come in `left_ms`; nobody waits for it */
	void (*left)(struct auth_request *x, uint64_t left_ms);
	bool (*goes_on)(const void *answer);		/* another step may come */
	void (*end)(struct auth_request *x);		/* frees the mechanism, not x */
};

enum auth_request_state {
	AUTH_REQUEST_FILE,	/* the file is waited for */
	AUTH_REQUEST_HELD,	/* others did not stay for their refusals; in turn->resting */
	AUTH_REQUEST_QUEUED,	/* for a slot of its client address: in turn->waiting */
	AUTH_REQUEST_WORK,	/* a thread has it */
	AUTH_REQUEST_DELAYED,	/* its answer is; in turn->resting */
	AUTH_REQUEST_IDLE,	/* the peer has the word; in turn->resting */
};

/* The first member of the record of a kind. */
struct auth_request {
	struct ctl_server_question open;	/* closed: ends as soon as nothing works on it */
	TAILQ_ENTRY(auth_request) all;
	TAILQ_ENTRY(auth_request) in_turn;
	const struct auth_request_kind *kind;
	struct auth *auth;
	struct auth_turn *turn;			/* of its client address; NULL: its turn comes at once */
	struct secret_file *file;
	struct msg_auth_in_token *in;		/* the peer's bytes for the next step; NULL: none */
	void *out;				/* the answer, from work until it is sent; else NULL */
	size_t out_size;			/* allocated */
	size_t large_bytes;			/* of its tokens over AUTH_IN_TOKEN_USUAL, until it ends */
	struct loop_timer *timer;		/* HELD, DELAYED */
	uint64_t due_ms;			/* DELAYED */
	uint64_t since_ms;			/* in this state */
	enum auth_request_state state;
};
/*
 * The caller has set kind, auth, turn and in. `file`: which one of that [domain] of the worker's virtual
 * server is needed; "": the server's own.
 */
void auth_request_begin(struct auth_request *x, struct ctl_server *s, uint32_t request,
    enum ctl_file_kind file, const char *domain);
void auth_request_step(struct auth_request *x, const struct msg_auth_in_token *t);
/* A refusal that waits comes no sooner than `due_ms`. */
void auth_request_extend(struct auth_request *x, uint64_t due_ms);
void auth_request_cancel(struct auth_request *x);	/* frees it, now or when its work is done */
/* Frees one that rests: it was refused, or hears AUTH_IN_LATER at its next step. */
void auth_request_give_place(struct auth_request *x);
/* x->in becomes a copy of `t`. */
void auth_request_take(struct auth_request *x, const struct msg_auth_in_token *t);
void auth_request_end_all(struct auth *a);		/* after the pool has ended */
/* For the pool: jobs are requests. */
void auth_request_work(void *arg, void **jobs, size_t n);
void auth_request_worked(void *arg, void *job);
/* For secret_files: `arg` is the request. */
void auth_request_file_ready(void *arg, struct secret_file *f, const char *why);

/* --- auth_throttle: what mistakes cost: how long a refusal is delayed, and when a check waits. Pure --- */

#define AUTH_THROTTLE_MAX 8192U		/* records of each kind */
#define AUTH_THROTTLE_KNOWN_MAX 65536U	/* networks (/24, /48) from which accounts have logged in */
#define AUTH_THROTTLE_TURN_MS 1000U	/* between guesses at one account from networks it does not know */
#define AUTH_THROTTLE_WAITING_MAX 30U	/* of such guesses; then a new one replaces one of them */
#define AUTH_THROTTLE_TURNS_MS 30000U	/* the longest that such a guess waits; the listener waits 60 s */
#define AUTH_THROTTLE_NEVER UINT64_MAX
#define AUTH_THROTTLE_FIRST_MS 500U
#define AUTH_THROTTLE_LAST_MS 16000U
#define AUTH_THROTTLE_ACCOUNT_SIZE (AUTH_IN_NAME_SIZE + 66)

struct auth_throttle_who {
	uint8_t address[16];			/* auth_turn_make_key() */
	char account[AUTH_THROTTLE_ACCOUNT_SIZE];	/* as claimed, with its virtual server */
};
struct auth_throttle *auth_throttle_new(void);
void auth_throttle_free(struct auth_throttle *t);
/* One guess at a password. It begins zeroed, and stays where it is until auth_throttle_decide. */
struct auth_throttle_guess {
	TAILQ_ENTRY(auth_throttle_guess) waiting;
	struct throttle_record *account;	/* whose turn it waits for; NULL */
	uint8_t address[16];
	uint64_t until_ms;	/* it waits no longer */
	bool pending;		/* counted among those of its account that are undecided */
	bool has_turn;		/* it may be checked */
	bool refused;		/* another one has its place */
};
/*
 * Milliseconds until this password may be checked, or the question be asked again: 0 unless very many did not
 * stay for their refusals, or that account is guessed at from many addresses and never logged in from this
 * network; then AUTH_THROTTLE_NEVER when too many wait. `g` NULL: no password is checked yet.
 */
uint64_t auth_throttle_wait(struct auth_throttle *t, const struct auth_throttle_who *who,
    struct auth_throttle_guess *g, uint64_t now_ms);
/* The guess is decided, or will never be; after auth_throttle_fail. Also when it is not pending. */
void auth_throttle_decide(struct auth_throttle *t, const struct auth_throttle_who *who,
    struct auth_throttle_guess *g);
/* Whether a refused guess gets its event: one a second for an account; so many had none since the last. */
bool auth_throttle_may_tell(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms,
    unsigned *unreported);
/* Milliseconds to wait with the refusal. */
uint64_t auth_throttle_fail(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms);
/* Whether there were failures, of which half are forgiven. */
bool auth_throttle_succeed(struct auth_throttle *t, const struct auth_throttle_who *who);
/*
 * Several nodes count together: each has its share of the turns. `part`: how many of the free failures this
 * node has alone: 1: all, as it hears of those of the others; n: an n-th; 0: none.
 */
void auth_throttle_share(struct auth_throttle *t, unsigned nodes, unsigned part);
enum auth_throttle_kind { AUTH_THROTTLE_PAIR, AUTH_THROTTLE_ACCOUNT, AUTH_THROTTLE_ADDRESS,
    AUTH_THROTTLE_KINDS };
/* What a failure was counted in. */
struct auth_throttle_count { bool counted; unsigned before, most; uint64_t forgive_ms; };
struct auth_throttle_count auth_throttle_row(enum auth_throttle_kind kind);	/* its numbers, not counted */
/* AUTH_THROTTLE_KINDS of them, of the last auth_throttle_fail. */
const struct auth_throttle_count *auth_throttle_last(const struct auth_throttle *t);
/*
 * Of all nodes there were `before`, and are `after`. The delay of the refusal of the failure between them.
 */
uint64_t auth_throttle_learn(struct auth_throttle *t, const struct auth_throttle_who *who,
    enum auth_throttle_kind kind, unsigned before, unsigned after, uint64_t now_ms);
/* The client left, `left_ms` before its refusal. */
void auth_throttle_leave(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t left_ms,
    uint64_t now_ms);

/* --- auth_seen: when accounts have logged in, since this process began. Pure --- */

struct auth_seen *auth_seen_new(void);
void auth_seen_free(struct auth_seen *v);
/* `server` "": the manager. Names are told apart without regard to ASCII letter case. */
void auth_seen_note(struct auth_seen *v, const char *server, const char *name, int64_t now_s);
/* Seconds of the wall clock; 0: not known. */
int64_t auth_seen_get(const struct auth_seen *v, const char *server, const char *name);

/* --- auth_accounts: the accounts of a password file, for operators --- */

struct auth_accounts *auth_accounts_new(struct auth *a);
void auth_accounts_free(struct auth_accounts *v);	/* after the pool has ended */
/* CTL_ACCOUNTS came. Takes over its descriptor. */
void auth_accounts_take(struct auth_accounts *v, const struct ctl_message *m);

/* --- auth_shared: failed logins that all nodes count together --- */

/* Of one request: those that it has asked about. */
LIST_HEAD(auth_shared_questions, auth_shared_question);
struct auth_shared *auth_shared_new(struct auth *a);	/* NULL: no limits are shared */
void auth_shared_free(struct auth_shared *v);		/* NULL is fine */
void auth_shared_channel(struct auth_shared *v, int fd);	/* takes over `fd` */
/* After auth_throttle_fail: the other nodes hear of it, and the refusal of `x` waits as theirs would. */
void auth_shared_fail(struct auth_shared *v, const struct auth_throttle_who *who, struct auth_request *x,
    struct auth_shared_questions *of);
void auth_shared_succeed(struct auth_shared *v, const struct auth_throttle_who *who);
void auth_shared_forget(struct auth_shared_questions *of);	/* their request is gone */

/* --- secret_files: password files, keytabs and secrets: opened by the master, read again when changed --- */

#define SECRET_FILES_SECRET_MAX SECRET_LINE_MAX
struct secret_file {
	unsigned users;
	const struct password_check *check;
	struct passwd_account_list *accounts;	/* CTL_FILE_PASSWORDS, CTL_FILE_MANAGER_ACCOUNTS */
	struct keytab keytab;		/* CTL_FILE_KEYTAB; CTL_FILE_CLIENT_KEYTAB: with its tickets */
	/* CTL_FILE_SECRET: at most SECRET_FILES_SECRET_MAX bytes, none of them NUL; ended by one */
	char *secret; size_t secret_len;
};
/*
 * `ready` is called once for each secret_files_get, perhaps before that returns; `f` (NULL: not to be had,
 * and `why`) is then the callee's until secret_files_release.
 */
struct secret_files *secret_files_new(struct boot *b,
    void (*ready)(void *arg, struct secret_file *f, const char *why));
void secret_files_free(struct secret_files *v);
/* Of a [domain] of that server; "": its own. `arg` is for `ready`. */
void secret_files_get(struct secret_files *v, const char *server, const char *domain, enum ctl_file_kind kind,
    void *arg);
void secret_files_release(struct secret_file *f);	/* NULL is fine */
/* A password file has been replaced: a request that begins now waits for the new one. */
void secret_files_replaced(struct secret_files *v);
/* CTL_FILE came. Takes over its descriptor. */
void secret_files_opened(struct secret_files *v, const struct ctl_message *m);

/* --- password_check: a password against an account, at the same cost when there is none. Any thread --- */

/* What decoys are drawn with: the service's key (CTL_FILE_DECOY_KEY); until it is known, random bytes. */
struct password_check { uint8_t secret[CTL_DECOY_KEY_SIZE]; };
void password_check_init(struct password_check *c);
/* `a` is the account of that name; NULL: there is none. */
bool password_check_password(const struct password_check *c, const struct passwd_account_list *l,
    const struct passwd_account *a, const char *name, const char *password);
/* What tells two versions of an account apart, and says nothing of its password. */
void password_check_mark(const struct password_check *c, const struct passwd_account *a,
    uint8_t mark[AUTH_IN_MARK_SIZE]);
/*
 * An account as SCRAM would show it for that name, with keys that no password has. Iterations and length of
 * the salt are as frequent among decoys as among the accounts of the file.
 */
void password_check_decoy(const struct password_check *c, const struct passwd_account_list *l,
    const char *name, struct passwd_account *decoy);

#endif
