/*
 * fetch - private header of the fetch helper; one block a file, alphabetical
 *
 * deliver -> desk -> profile -> secret (files, opened by the master), https (libcurl), grant (what is said to
 * the endpoint)
 *            posternctl -> the master -> trial -> profile
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
#include "common/ipc/msg_token.h"

struct fetch;
struct https_job;
struct https_reply;
struct oauth_profile;
struct oauth_file_job;
struct oauth_test;

/* --- token_channel: what one deliver process asks; its helper is a struct fetch --- */

extern const struct ctl_server_kind token_channel;

/* --- fetch: the role --- */

struct fetch {
	struct boot *boot;
	struct https *https;
	struct secrets *secrets;
	struct ctl_server_list channels;
	TAILQ_HEAD(, oauth_profile) profiles;
	uint32_t serial;		/* of the latest token */
};
extern const struct boot_role fetch_role;

/* --- oauth_grant: what a token endpoint is asked, and its answer (RFC 6749 4.4, 5, 6). Pure --- */

#define OAUTH_GRANT_REFRESH_MAX 4096	/* a refresh token */
enum oauth_grant_result {
	OAUTH_GRANT_TOKEN,
	OAUTH_GRANT_REFUSED,		/* the endpoint understood, and said no */
	OAUTH_GRANT_TROUBLE,		/* busy, broken, or no token endpoint */
};
struct oauth_grant {
	enum oauth_grant_result result;
	char *token, *refresh;		/* owned; NULL none */
	uint64_t lifetime;		/* seconds */
	char scope[256];		/* "" not said */
	char error[64];			/* "invalid_grant" */
	char text[300];			/* not a token: why, for people */
};
/* The form to be posted. `secret`, `refresh`: NULL none. */
void oauth_grant_request(struct buf *out, const struct config_oauth *o, const char *secret,
    const char *refresh);
void oauth_grant_read(struct oauth_grant *g, long status, const char *body, size_t len);
/* Takes `secret` (NULL: nothing) out of the texts: an endpoint may repeat what it was told. */
void oauth_grant_hide(struct oauth_grant *g, const char *secret);
void oauth_grant_done(struct oauth_grant *g);		/* wipes */

/* --- https: one POST at a time and job: libcurl on our loop --- */

struct https_request {
	const char *url;
	const char *body; size_t len;		/* copied */
	const char *ca; size_t ca_len;		/* PEM; NULL: the system's */
	uint64_t timeout_ms;
	void (*done)(void *arg, const struct https_reply *r);	/* once, never from inside https_post */
	void *arg;
};
struct https_reply {
	const char *error;			/* NULL: there was an answer; else why not */
	long status;
	const char *body; size_t len;
	uint64_t retry_after;			/* seconds; 0 not said */
	char peer[64];				/* "192.0.2.1:443", "" not reached */
	char issuer[200];			/* of the certificate, "" not seen */
};
struct https *https_new(struct loop *l);	/* dies when libcurl refuses */
void https_free(struct https *h);		/* no job is left */
struct https_job *https_post(struct https *h, const struct https_request *q);
void https_cancel(struct https_job *j);		/* `done` will not be called; NULL is fine */

/*
 * --- refresh_file: the file with the latest refresh token, and of which of the operator's it is a child.
 * Pure ---
 */

#define REFRESH_FILE_MARK_SIZE 65
void refresh_file_mark(char mark[REFRESH_FILE_MARK_SIZE], const char *token);	/* SHA-256 in hex */
void refresh_file_format(struct buf *out, const char *mark, const char *token);
/* The token, to be freed, when `text` descends from the operator's with that mark; NULL. */
char *refresh_file_parse(const char *text, const char *mark);

/* --- oauth_profile: one [oauth NAME]: its token, who waits for one, when it is renewed --- */

struct oauth_profile *oauth_profile_find(struct fetch *f, const char *name);	/* NULL: not configured */
/*
 * Answers with CTL_TOKEN_ANSWER, now or later. `refused`: the serial of a token that a mail host did not
 * accept, which is thrown away; 0: none.
 */
void oauth_profile_ask(struct oauth_profile *p, uint32_t refused, struct ctl_server *s, uint32_t request);
/* Gets a new token now, and ends the test. */
void oauth_profile_test(struct oauth_profile *p, struct oauth_test *t);
void oauth_profile_kept(struct oauth_profile *p, int error);		/* CTL_TOKEN_KEPT */
void oauth_profile_open_all(struct fetch *f);
void oauth_profile_close_all(struct fetch *f);

/* --- oauth_files: the files of a profile, opened by the master, read anew for each request --- */

struct oauth_file_set {
	char *client, *refresh, *kept, *ca;	/* owned, ended by NUL; NULL: not configured, or none kept */
	char trouble[200];			/* "": all are there */
};
struct secrets *oauth_files_new(struct boot *b);
void oauth_files_free(struct secrets *s);
/* `done` is called once, later; the set is then the callee's, to be ended by oauth_files_wipe. */
struct oauth_file_job *oauth_files_get(struct secrets *s, const struct config_oauth *o,
    void (*done)(void *arg, struct oauth_file_set *set), void *arg);
void oauth_files_cancel(struct oauth_file_job *j);	/* NULL is fine */
void oauth_files_wipe(struct oauth_file_set *set);
void oauth_files_forget(char *text);			/* wipes and frees; NULL is fine */
/* CTL_FILE came; takes its descriptor */
void oauth_files_opened(struct secrets *s, const struct ctl_message *m);

/* --- oauth_test: posternctl oauth test: each step told to the master --- */

struct oauth_test {
	STAILQ_ENTRY(oauth_test) link;	/* of the profile's */
	struct fetch *fetch;
	uint32_t request;
	bool runs;			/* it has begun */
};
STAILQ_HEAD(oauth_test_list, oauth_test);
struct oauth_test *oauth_test_new(struct fetch *f, uint32_t request);
void oauth_test_refuse(struct oauth_test *t);	/* there is no such profile: says so, and ends it */
/* A line for all tests of the list that run. */
void oauth_test_say(const struct oauth_test_list *l, const char *fmt,
    ...) __attribute__((format(printf, 2, 3)));
void oauth_test_end(struct oauth_test *t, int status);	/* frees */

#endif
