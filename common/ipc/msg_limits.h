/* msg_limits - payloads between workers and the limits helper: permits and messages of shared limits */
#ifndef COMMON_IPC_MSG_LIMITS_H
#define COMMON_IPC_MSG_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_NAME_SIZE 640

/*
 * HOLD: permits until a lease ends, `keep` of them whatever others want. TAKE: up to `want` of `limit` a
 * minute.
 */
enum limits_kind { LIMITS_HOLD, LIMITS_TAKE, LIMITS_KINDS };

struct msg_limits_ask {
	uint64_t holder;		/* random, of this worker; of HOLD */
	uint64_t sequence;		/* of the holder: the engine drops a question that comes late */
	uint64_t keep, want, limit;
	uint32_t kind;			/* enum limits_kind */
	uint32_t claim;			/* it holds `keep` without a lease */
	char name[LIMITS_NAME_SIZE];	/* of the limit, within the virtual server */
};
bool msg_limits_ask_take(struct msg_limits_ask *a, const void *data, size_t len);

/* LOST: the engine cannot be asked. FAULT: it refuses this question alone. */
enum limits_result { LIMITS_GRANTED, LIMITS_LOST, LIMITS_FAULT, LIMITS_RESULTS };

struct msg_limits_answer {
	uint64_t granted, target;
	uint64_t wait_ms;		/* until there may be more; 0: not known */
	uint32_t result;		/* enum limits_result */
	uint32_t unused;
};
bool msg_limits_answer_take(struct msg_limits_answer *a, const void *data, size_t len);

#endif
