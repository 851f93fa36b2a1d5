/*
 * limits_query - the answer to a question of a worker
 *
 * Runs in:  limits
 * Owns:     nothing: a question is that of limits_engine until it ends
 * Promise:  a question whose worker is gone ends without an answer
 * Fails by: cannot
 */
#include <stdlib.h>

#include "deliver/limits/limits.h"

void
limits_query_end(struct limits_query *q, const struct msg_limits_answer *a)
{
	struct ctl_server *s = q->open.server;

	if (s != NULL) {
		ctl_server_close(&q->open);
		ctl_server_answer(s, CTL_LIMITS_ANSWER, q->open.request, a, sizeof(*a), -1);
	}
	free(q);
}
