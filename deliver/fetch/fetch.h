/*
 * fetch - private header of the fetch helper; one block a file
 *
 * fetch -> fetch_channel (a deliver process's questions) -> oauth_profile -> oauth_files (opened by the
 * master), https (libcurl), oauth_grant (what the endpoint is asked and answers),
 * oauth_assertion, refresh_keep -> refresh_file, oauth_test
 *       -> policy_table (MTA-STS) -> https, policy_text, policy_keep -> policy_file
 *       -> report_post (TLS reports) -> https
 */
#ifndef DELIVER_FETCH_FETCH_H
#define DELIVER_FETCH_FETCH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_policy.h"
#include "common/msg/msg_report.h"
#include "common/msg/msg_token.h"

struct fetch;
struct https;
struct https_job;
struct https_reply;
struct oauth_profile;
struct oauth_files;
struct oauth_files_job;
struct oauth_test;
struct policy_table;
struct report_posts;

/* --- fetch_channel: what one deliver process asks; its helper is a struct fetch --- */

extern const struct ctl_server_kind fetch_channel;

/* --- fetch: the program --- */

struct fetch {
	struct boot *boot;
	struct https *https;
	struct oauth_files *files;
	struct policy_table *policies;
	struct report_posts *posts;
	struct ctl_server_list channels;
	TAILQ_HEAD(, oauth_profile) profiles;
	uint32_t serial;		/* of the latest token */
};
extern const struct boot_role fetch_role;

/* --- oauth_grant: what a token endpoint is asked, and its answer (RFC 6749 4.4, 5, 6). Pure --- */

#define OAUTH_GRANT_REFRESH_MAX 4096	/* a refresh token */
enum oauth_grant_result {
	OAUTH_GRANT_TOKEN,
	OAUTH_GRANT_REFUSED,		/* the endpoint understood, and gives no token */
	OAUTH_GRANT_TROUBLE,		/* the endpoint is busy or broken, or is no token endpoint */
};
struct oauth_grant {
	enum oauth_grant_result result;
	char *token, *refresh;		/* owned; NULL none */
	uint64_t lifetime;		/* seconds, 1 to 86400 */
	char scope[256];		/* "": not in the answer */
	char error[64];			/* "invalid_grant" */
	char text[300];			/* without a token: why, for people */
};
/* Appends the form that is to be posted. */
struct oauth_grant_proof {			/* who asks, and for whom; NULL: none */
	const char *secret, *assertion, *refresh;
};
void oauth_grant_request(struct buf *out, const struct config_oauth *o,
    const struct oauth_grant_proof *proof);
void oauth_grant_read(struct oauth_grant *g, long status, const char *body, size_t len);
/* Removes `secret` (NULL: nothing) from the texts: an endpoint may repeat what it was sent. */
void oauth_grant_hide(struct oauth_grant *g, const char *secret);
void oauth_grant_done(struct oauth_grant *g);		/* wipes */

/* --- oauth_assertion: a JWT in place of the client secret. Pure --- */

#define OAUTH_ASSERTION_MAX 16384
struct oauth_assertion {
	const char *key, *certificate;		/* PEM; certificate NULL: none */
	const char *client_id, *audience, *id;	/* id: of this assertion alone */
	const char *key_id;			/* NULL: not told */
	enum config_oauth_signature signature;
	int64_t now;				/* seconds since 1970 */
};
/* To be wiped and freed; NULL and why. */
char *oauth_assertion_make(const struct oauth_assertion *a, char *why, size_t size);

/* --- https: one request and its answer for each job: libcurl on our loop --- */

struct https_request {
	const char *url;
	const char *body; size_t len;		/* copied; NULL: GET, else POST */
	const char *type;			/* of the body; NULL: a form */
	/* "host:443:192.0.2.1,[2001:db8::1]": the addresses of the host; NULL: they are looked up */
	const char *resolve;
	const char *ca; size_t ca_len;		/* PEM; NULL: the system's */
	uint64_t timeout_ms;
	void (*done)(void *arg, const struct https_reply *r);	/* once, never from inside https_ask */
	void *arg;
};
struct https_reply {
	const char *error;			/* why there is no answer; NULL: there is one */
	bool unproven;				/* as its certificate does not prove who it is */
	bool too_large;				/* as it is too long; its status was seen */
	long status;
	const char *body; size_t len;
	const char *type;			/* of the body: "text/plain"; "": not in the answer */
	uint64_t retry_after;			/* seconds; 0: not in the answer */
	char peer[64];				/* "192.0.2.1:443"; "": not reached */
	char issuer[200];			/* of the certificate; "": not seen */
};
struct https *https_new(struct loop *l);	/* dies when libcurl refuses */
void https_free(struct https *h);		/* after its last job */
struct https_job *https_ask(struct https *h, const struct https_request *q);
void https_cancel(struct https_job *j);		/* `done` will not be called; NULL is fine */

/* --- refresh_file: the file with the latest refresh token and the operator's that it replaces. Pure --- */

#define REFRESH_FILE_MARK_SIZE 65
void refresh_file_mark(char mark[REFRESH_FILE_MARK_SIZE], const char *token);	/* SHA-256 in hex */
void refresh_file_format(struct buf *out, const char *mark, const char *token);
/* The token, to be freed, when it replaces the operator's token with that mark; else NULL. */
char *refresh_file_parse(const char *text, const char *mark);

/* --- refresh_keep: the latest refresh token of a profile, which the master keeps on disk --- */

struct refresh_keep {
	struct boot *boot;
	const struct config_oauth *conf;
	char *token;				/* NULL: the operator's */
	char mark[REFRESH_FILE_MARK_SIZE];	/* of the operator's token that `token` replaces */
	struct loop_timer *again;
	uint32_t again_ms;			/* since the latest failure; 0: none */
};
void refresh_keep_init(struct refresh_keep *r, struct boot *b, const struct config_oauth *conf);
void refresh_keep_done(struct refresh_keep *r);
void refresh_keep_take(struct refresh_keep *r, const char *token);	/* the endpoint gave it */
/* The token to use: the latest, or `operators`. `kept`: the text of the kept file; NULL: none. */
const char *refresh_keep_choose(struct refresh_keep *r, const char *operators, const char *kept);
void refresh_keep_answered(struct refresh_keep *r, int error);	/* of the master; 0 or an errno */

/* --- oauth_profile: one [oauth NAME]: its token, the questions that wait for one, its renewal --- */

struct oauth_profile *oauth_profile_find(struct fetch *f, const char *name);	/* NULL: not configured */
/*
 * Answers with CTL_TOKEN_ANSWER, now or later. `refused`: the serial of a token that a mail host did not
 * accept, which is thrown away; 0: none.
 */
void oauth_profile_ask(struct oauth_profile *p, uint32_t refused, struct ctl_server *s, uint32_t request);
/* Gets a new token now, and ends the test. */
void oauth_profile_test(struct oauth_profile *p, struct oauth_test *t);
void oauth_profile_kept(struct oauth_profile *p, int error);	/* CTL_TOKEN_KEPT; 0 or an errno */
void oauth_profile_open_all(struct fetch *f);
void oauth_profile_close_all(struct fetch *f);

/* --- policy_text: a policy as its host has it (RFC 8461 3.2). Pure --- */

struct policy {
	char id[POLICY_ID_SIZE];	/* of the TXT record under which it was fetched */
	uint8_t mode;			/* enum msg_policy_mode */
	uint32_t max_age;		/* seconds */
	int64_t fetched;		/* seconds since 1970 */
	char *mx;			/* owned; as in struct msg_policy_answer */
};
extern const char *const policy_text_modes[];		/* by enum msg_policy_mode */
/* All but id and fetched. False, and why: it is no policy. */
bool policy_text_read(struct policy *p, const char *text, size_t len, char *why, size_t size);

/* --- policy_file: the file of the policies that were fetched. Pure --- */

void policy_file_format(struct buf *out, const char *domain, const struct policy *p);
/* One line. False: it is damaged, or the policy is over. */
bool policy_file_parse(struct policy *p, char domain[DNS_NAME_SIZE], const char *line, size_t len,
    int64_t now);

/* --- policy_keep: that file, which the master has opened --- */

struct policy_keep;
struct policy_keep *policy_keep_new(struct boot *b);
void policy_keep_free(struct policy_keep *k);
/* Asks for the file; policy_keep_opened follows. More than once is fine. */
void policy_keep_open(struct policy_keep *k);
/*
 * CTL_FILE came: takes over its descriptor, and calls `read` with each policy of the file, whose `mx` it
 * takes over. Without a file nothing is kept.
 */
void policy_keep_opened(struct policy_keep *k, const struct ctl_message *m,
    void (*read)(void *arg, const char *domain, struct policy *p), void *arg);
/* Adds it behind the others. True: most of the file is of no use, and policy_keep_replace should follow. */
bool policy_keep_add(struct policy_keep *k, const char *domain, const struct policy *p, size_t live);
void policy_keep_replace(struct policy_keep *k, const struct buf *text, size_t live);

/* --- policy_table: the policies of all domains, the questions that wait for one, their renewal --- */

struct policy_table *policy_table_new(struct fetch *f);
void policy_table_free(struct policy_table *t);
/* Answers with CTL_POLICY_ANSWER, now or later. */
void policy_table_ask(struct policy_table *t, const struct msg_policy_ask *a, struct ctl_server *s,
    uint32_t request);
/* CTL_FILE of one of our kinds came. False: it is of another kind. Takes over its descriptor. */
bool policy_table_opened(struct policy_table *t, const struct ctl_message *m);

/* --- report_post: posts reports about TLS (RFC 8460 5.4) --- */

#define REPORT_POST_OURS 0x80000000U	/* numbers of its requests begin here, those of policies end */
struct report_posts *report_post_new(struct fetch *f);
void report_post_free(struct report_posts *p);
/* Answers with CTL_REPORT_ANSWER, later. */
void report_post_ask(struct report_posts *p, const struct msg_report_ask *a, struct ctl_server *s,
    uint32_t request);
/* CTL_FILE came. False: it is none of ours. Takes over its descriptor. */
bool report_post_opened(struct report_posts *p, const struct ctl_message *m);

/* --- oauth_files: the files of a profile, opened by the master, read anew for each request --- */

struct oauth_files_set {
	/*
	 * Texts of secret-file, refresh-token-file, the kept refresh token, ca-file, key-file,
	 * certificate-file. Owned; NULL: none
	 */
	char *client, *refresh, *kept, *ca, *key, *certificate;
	char trouble[200];			/* "": all that are configured are there */
	char no_kept[200];			/* why that cannot be read; "": it can, or is not there */
};
struct oauth_files *oauth_files_new(struct boot *b);
void oauth_files_free(struct oauth_files *s);
/* `done` is called once, later. It takes over what is in the set, for oauth_files_wipe. */
struct oauth_files_job *oauth_files_get(struct oauth_files *s, const struct config_oauth *o,
    void (*done)(void *arg, struct oauth_files_set *set), void *arg);
void oauth_files_cancel(struct oauth_files_job *j);	/* NULL is fine */
void oauth_files_wipe(struct oauth_files_set *set);
void oauth_files_forget(char *text);			/* wipes and frees; NULL is fine */
/* CTL_FILE came. Takes over its descriptor. */
void oauth_files_opened(struct oauth_files *s, const struct ctl_message *m);

/* --- oauth_test: posternctl oauth test: reports each step to the master --- */

struct oauth_test {
	STAILQ_ENTRY(oauth_test) link;	/* of the profile's */
	struct fetch *fetch;
	uint32_t request;
	bool runs;			/* the request that is under way is for it */
};
STAILQ_HEAD(oauth_test_list, oauth_test);
struct oauth_test *oauth_test_new(struct fetch *f, uint32_t request);
void oauth_test_refuse(struct oauth_test *t);	/* there is no such profile: says so, and ends it */
/* A line for all tests of the list that run. */
void oauth_test_say(const struct oauth_test_list *l, const char *fmt,
    ...) __attribute__((format(printf, 2, 3)));
void oauth_test_end(struct oauth_test *t, int status);	/* frees */

#endif
