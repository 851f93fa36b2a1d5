/* deliver - private header of the deliver worker; one block a file, alphabetical */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/mail/message.h"
#include "common/mail/spool.h"
#include "common/mail/verdict.h"
#include "common/process/boot.h"
#include "common/process/dns.h"
#include "common/process/intake.h"
#include "common/process/pool.h"

/* --- remote: outbound connections, kept and reused per destination; limits; who gets which job --- */

/* Where recipients go: made by route, asked for by remote. Two jobs with equal `key` share queue and connections. */
struct destination {
	char *key;			/* "dns:example.com" or "hosts:[192.0.2.1]:25,relay.example:587;helo" */
	char *domain;			/* for logs and the per-domain limit */
	bool by_mx;			/* look up MX of `domain`; else `host` in order */
	struct destination_host { char *name; bool literal; uint16_t port; } *host; size_t nhost;
	uint16_t port;			/* for by_mx */
	bool helo;			/* HELO instead of EHLO */
};

/*
 * One transaction's worth: some recipients of one message to one destination. Owned by the caller (schedule), which fills the upper part;
 * remote fills `verdict` and calls `done` exactly once, on the loop, never from inside remote_submit.
 */
struct remote_job {
	const struct message_envelope *e;
	int fd;				/* the queue file, positioned reads only */
	const char *sender;		/* envelope sender to use (masqueraded) */
	const size_t *index; size_t count;	/* into e->rcpt; at most max-recipients */
	struct verdict *verdict;	/* out: one for each of index; preset by remote */
	bool glitch;			/* out: connection failed, dropped or busy (421/450-class greeting): quick tries may apply */
	void (*done)(void *arg, struct remote_job *job);
	void *arg;
	/* private to site: zero at first */
	struct remote_job *next;
	uint32_t tried;			/* addresses of the site's list, a bit each */
	uint8_t rounds;			/* how many lists it went through */
	bool reused_failed;		/* a kept connection turned out closed: repeated once on a fresh one */
};

struct remote;
struct remote *remote_new(struct boot *b);
void remote_submit(struct remote *r, const struct destination *d, struct remote_job *job);	/* d is copied when needed */
size_t remote_active(const struct remote *r);		/* jobs not done */
bool remote_is_down(const struct remote *r, const char *key);	/* the last attempts could not connect at all */
/* Starts no new transaction; jobs not begun are done with VERDICT_LATER 4.3.2 and glitch false; those in flight go on. */
void remote_drain(struct remote *r);
/*
 * The role's on_control hands over the descriptor of each CTL_CHANNEL here (owned from then on); the channel itself is asked for
 * (CTL_NEED_RESOLVER) by lookup when a name is to be found.
 */
void remote_on_channel(struct remote *r, int fd);
void remote_free(struct remote *r);			/* closes everything now; done is not called any more */

#endif
