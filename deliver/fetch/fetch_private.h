/* fetch_private - what policy_table and policy_request share: the policies of all domains */
#ifndef DELIVER_FETCH_FETCH_PRIVATE_H
#define DELIVER_FETCH_FETCH_PRIVATE_H

#include "deliver/fetch/fetch.h"

#define POLICY_BUCKETS 1024

struct policy_wait {
	struct ctl_server_question open;	/* closed when its worker is gone */
	STAILQ_ENTRY(policy_wait) link;
};

enum policy_state {
	POLICY_RESTS,
	POLICY_WAITS,		/* for its turn */
	POLICY_OPENS,		/* the authorities */
	POLICY_ASKS,		/* its host */
};

struct policy_entry {		/* one domain */
	LIST_ENTRY(policy_entry) bucket;
	TAILQ_ENTRY(policy_entry) used_link;	/* latest last */
	TAILQ_ENTRY(policy_entry) turn_link;
	struct policy_table *table;
	char *domain;
	struct policy policy;			/* mx NULL: there is none */
	uint64_t used_at, failed_at;		/* monotonic ms; 0: has not failed since */
	char trouble[POLICY_TEXT_SIZE];		/* why */
	enum msg_policy_failure failure;	/* the same, for reports */
	struct msg_policy_ask ask;		/* the latest with an id */
	char server[64];			/* whose authorities judge its host */
	enum policy_state state;
	uint32_t opening;			/* request number of CTL_OPEN */
	char id[POLICY_ID_SIZE];		/* under which it is being fetched */
	struct https_job *job;
	STAILQ_HEAD(, policy_wait) waiting;
};

struct policy_table {
	struct fetch *fetch;
	struct policy_keep *keep;
	bool ready;				/* the file was read */
	size_t count, bytes, jobs;		/* bytes: of the hosts that they name */
	uint32_t request;
	LIST_HEAD(, policy_entry) bucket[POLICY_BUCKETS];
	TAILQ_HEAD(, policy_entry) used, turn;	/* turn: those that wait for a job */
	struct loop_timer *tick;
	/* A request is over: the policy is new, to be taken over, or `why` there is none. May begin others */
	void (*done)(struct policy_entry *e, struct policy *p, const char *why);
};

/* --- policy_request: one request to the host of a policy --- */
void policy_request_want(struct policy_entry *e);		/* now, or when it is its turn */
void policy_request_next(struct policy_table *t);		/* there may be room for those that wait */
void policy_request_opened(struct policy_entry *e, const struct ctl_message *m);	/* CTL_FILE */

#endif
