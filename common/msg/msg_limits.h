/* msg_limits - payloads between workers and the limits helper: permits, messages and failed logins */
#ifndef COMMON_MSG_MSG_LIMITS_H
#define COMMON_MSG_MSG_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_NAME_SIZE 640

/*
 * HOLD: permits until a lease ends, `keep` of them whatever others want. TAKE: up to `want` of `limit` a
 * minute. FAIL: `want` more failures are counted, at most `limit` of them; each `forgive_ms` one is forgiven.
 */
enum limits_kind { LIMITS_HOLD, LIMITS_TAKE, LIMITS_FAIL, LIMITS_KINDS };

struct msg_limits_ask {
	uint64_t holder;		/* random, of this worker; of HOLD */
	uint64_t sequence;		/* of the holder: the engine drops a question that comes late */
	uint64_t keep, want, limit;	/* keep, of FAIL: there are so many at least, as this node knows */
	uint64_t forgive_ms;		/* of FAIL */
	uint32_t kind;			/* enum limits_kind */
	uint32_t claim;			/* it holds `keep` without a lease; FAIL: half are forgiven */
	char name[LIMITS_NAME_SIZE];	/* of the limit, within the virtual server */
};
bool msg_limits_ask_take(struct msg_limits_ask *a, const void *data, size_t len);

/* LOST: the engine cannot be asked. FAULT: it refuses this question alone. */
enum limits_result { LIMITS_GRANTED, LIMITS_LOST, LIMITS_FAULT, LIMITS_RESULTS };

struct msg_limits_answer {
	uint64_t granted, target;	/* of FAIL: how many there were, and are */
	uint64_t wait_ms;		/* until there may be more; 0: not known */
	uint32_t result;		/* enum limits_result */
	uint32_t unused;
};
bool msg_limits_answer_take(struct msg_limits_answer *a, const void *data, size_t len);

#endif
