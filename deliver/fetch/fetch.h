/*
 * fetch - private header of the fetch helper; one block a file, alphabetical
 *
 * deliver -> desk -> profile -> secret (files, opened by the master), https (libcurl), grant (what is said to the endpoint)
 *            posternctl -> the master -> trial -> profile
 */
#ifndef DELIVER_FETCH_FETCH_H
#define DELIVER_FETCH_FETCH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/process/bearer.h"
#include "common/process/boot.h"

struct desk;
struct fetch;
struct https_job;
struct https_reply;
struct profile;
struct secret_job;
struct trial;

/* --- desk: one deliver process: its channel --- */

/* Takes over `fd`. */
struct desk *desk_new(struct fetch *f, int fd, const char *server);
void desk_free(struct desk *d);
void desk_answer(struct desk *d, uint32_t request, const struct bearer_answer *a);

/* --- fetch: the role --- */

struct fetch {
	struct boot *boot;
	struct https *https;
	struct secrets *secrets;
	TAILQ_HEAD(, desk) desks;
	TAILQ_HEAD(, profile) profiles;
	uint32_t serial;		/* of the latest token */
};
extern const struct boot_role fetch_role;

/* --- grant: what a token endpoint is asked, and its answer (RFC 6749 4.4, 5, 6). Pure --- */

#define GRANT_REFRESH_MAX 4096	/* a refresh token */
enum grant_result {
	GRANT_TOKEN,
	GRANT_REFUSED,		/* the endpoint understood, and said no */
	GRANT_TROUBLE,		/* busy, broken, or no token endpoint */
};
struct grant {
	enum grant_result result;
	char *token, *refresh;		/* owned; NULL none */
	uint64_t lifetime;		/* seconds */
	char scope[256];		/* "" not said */
	char error[64];			/* "invalid_grant" */
	char text[300];			/* not a token: why, for people */
};
/* The form to be posted. `secret`, `refresh`: NULL none. */
void grant_request(struct buf *out, const struct config_oauth *o, const char *secret, const char *refresh);
void grant_read(struct grant *g, long status, const char *body, size_t len);
/* Takes `secret` (NULL: nothing) out of the texts: an endpoint may repeat what it was told. */
void grant_hide(struct grant *g, const char *secret);
void grant_done(struct grant *g);		/* wipes */

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

/* --- kept: the file with the latest refresh token, and of which of the operator's it is a child. Pure --- */

#define KEPT_MARK_SIZE 65
void kept_mark(char mark[KEPT_MARK_SIZE], const char *token);	/* SHA-256 in hex */
void kept_format(struct buf *out, const char *mark, const char *token);
/* The token, to be freed, when `text` descends from the operator's with that mark; NULL. */
char *kept_parse(const char *text, const char *mark);

/* --- profile: one [oauth NAME]: its token, who waits for one, when it is renewed --- */

struct profile *profile_find(struct fetch *f, const char *name);	/* NULL: not configured */
void profile_ask(struct profile *p, uint32_t refused, struct desk *d, uint32_t request);
void profile_forget(struct fetch *f, const struct desk *d);	/* nothing is answered there any more */
void profile_try(struct profile *p, struct trial *t);		/* gets a new token now, and ends the trial */
void profile_kept(struct profile *p, int error);		/* CTL_BEARER_KEPT */
void profile_open_all(struct fetch *f);
void profile_close_all(struct fetch *f);

/* --- secret: the files of a profile, opened by the master, read anew for each request --- */

struct secret_set {
	char *client, *refresh, *kept, *ca;	/* owned, ended by NUL; NULL: not configured, or none kept */
	char trouble[200];			/* "": all are there */
};
struct secrets *secret_new(struct boot *b);
void secret_free(struct secrets *s);
/* `done` is called once, later; the set is then the callee's, to be ended by secret_wipe. */
struct secret_job *secret_get(struct secrets *s, const struct config_oauth *o, void (*done)(void *arg, struct secret_set *set), void *arg);
void secret_cancel(struct secret_job *j);	/* NULL is fine */
void secret_wipe(struct secret_set *set);
void secret_forget(char *text);			/* wipes and frees; NULL is fine */
void secret_opened(struct secrets *s, const struct ctl_message *m);	/* CTL_FILE came; takes its descriptor */

/* --- trial: posternctl oauth test: each step told to the master --- */

struct trial {
	STAILQ_ENTRY(trial) link;	/* of the profile's */
	struct fetch *fetch;
	uint32_t request;
	bool runs;			/* it has begun */
};
STAILQ_HEAD(trial_list, trial);
void trial_begin(struct fetch *f, const struct ctl_message *m);
/* A line for all trials of the list that run. */
void trial_say(const struct trial_list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trial_end(struct trial *t, int status);	/* frees */

#endif
