/*
 * stop_progress - what a command still waits for while processes stop: sessions, deliveries, processes, and
 * how long at the most
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the numbers are those of the counters at that moment
 * Fails by: not at all; text beyond its limit is cut
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

/* The time that its processes have, in ms from now; false: none of them is left. */
static bool
time_left(const struct server *s, uint64_t now, uint32_t *ms)
{
	const struct child *c;
	bool any = false;

	TAILQ_FOREACH(c, &s->children, of_server) {
		if (c->phase != CHILD_STOPPING)
			continue;
		any = true;
		if (c->ends_ms > now && c->ends_ms - now > *ms)
			*ms = c->ends_ms - now < UINT32_MAX ? (uint32_t)(c->ends_ms - now) : UINT32_MAX;
	}
	return any;
}

static void
put_server(struct buf *b, const struct server *s)
{
	int64_t sessions = counters_get(s->counters, COUNTER_INBOUND_CURRENT);
	int64_t deliveries = counters_get(s->counters, COUNTER_OUTBOUND_CURRENT);
	const struct child *c;
	const char *sign = " (";

	buf_printf(b, "%s%s: %lld session%s, %lld deliver%s", b->len > 0 ? "; " : "", s->name,
	    (long long)sessions, sessions == 1 ? "" : "s", (long long)deliveries,
	    deliveries == 1 ? "y" : "ies");
	TAILQ_FOREACH(c, &s->children, of_server) {
		buf_printf(b, "%s%s %d", sign, roster_roles[c->role].name, (int)c->pid);
		sign = ", ";
	}
	buf_puts(b, ")");
}

bool
stop_progress_get(const struct control_command *cmd, const struct master *m, struct ctl_progress *p)
{
	struct buf b = BUF_INIT(sizeof(p->text) - 1);
	const struct server *s;
	uint64_t now = clock_mono_ms();

	*p = (struct ctl_progress){ 0 };
	TAILQ_FOREACH(s, &m->servers, link) {
		bool meant = cmd->ends_service || change_request_waits_for(cmd, s);

		for (size_t i = 0; i < cmd->names; i++)
			meant = meant || strcmp(cmd->name[i], s->name) == 0;
		if (meant && time_left(s, now, &p->left_ms))
			put_server(&b, s);
	}
	snprintf(p->text, sizeof(p->text), "%s", buf_text(&b));
	buf_done(&b);
	return p->text[0] != '\0';
}
