/* signing - the signatures of outgoing mail (DKIM): our keys, the work on pool threads; one block a file */
#ifndef DELIVER_SIGNING_SIGNING_H
#define DELIVER_SIGNING_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/config/config_dkim.h"
#include "common/dkim/dkim_key.h"
#include "common/ipc/ctl.h"

struct boot;
struct message_envelope;
struct pool;
struct signing_job;
struct signing_keys;
struct signing_set;

/* --- signing_keys: the keys that the configuration names --- */
/* NULL: it names none. `ready` is called once, see signing_keys_begin. */
struct signing_keys *signing_keys_new(struct boot *b, void (*ready)(void *arg), void *arg);
/* True: mail may go now; false: `ready` will tell when. */
bool signing_keys_begin(struct signing_keys *k);		/* of NULL: true */
void signing_keys_renew(struct signing_keys *k);		/* files have changed; NULL is fine */
/* CTL_FILE; closes it. NULL is fine. */
void signing_keys_take_file(struct signing_keys *k, const struct ctl_message *m);
void signing_keys_free(struct signing_keys *k);			/* after pool_free; NULL is fine */
/* The keys of now, which stay as they are until they are left; both from the loop. */
struct signing_set *signing_keys_use(struct signing_keys *k);
void signing_keys_leave(struct signing_set *s);

/* A key that signs, and where its record is. */
struct signing_key {
	struct config_dkim place;
	struct dkim_key key;		/* pkey NULL: it cannot be used */
};
/*
 * Those that sign for a domain at that time, at most one of each kind: of the closest domain that has one.
 * How many. Any thread.
 */
size_t signing_keys_find(const struct signing_set *s, const char *domain, int64_t now,
    const struct signing_key *found[DKIM_KEY_KINDS]);

/* --- signing: one message --- */
struct signing;
struct signing *signing_new(struct pool *pool, struct signing_keys *keys);	/* `keys` NULL: NULL */
void signing_free(struct signing *s);			/* after pool_free; NULL is fine */

#define SIGNING_MAX (1U << 18)		/* bytes of all fields of a message */

struct signing_job {
	/* in: as in struct outbound_job; they and the job stay until `done` */
	const struct message_envelope *e;
	int fd;
	const char *content;
	void (*done)(void *arg, struct signing_job *j);		/* once, from the loop */
	void *arg;
	/* out: whole lines that go before the content; empty: it is not signed */
	struct buf fields;
	char domain[CONFIG_DKIM_NAME_SIZE];	/* of the signatures */
	const char *why;		/* not signed: static, "it has no From" */
	bool keyless;			/* not signed, as there is no key of its domain */
	/* Its lines are broken where they are too long, for all hosts: what was signed is what is sent. */
	int64_t folded;			/* that adds so many bytes */
	/* private */
	struct signing_set *set;
	int64_t now;
};
void signing_submit(struct signing *s, struct signing_job *j);
void signing_job_done(struct signing_job *j);

#endif
