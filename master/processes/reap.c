/*
 * reap - deaths of children: what they mean, and how long to wait before the next try
 *
 * Runs in:  master, on SIGCHLD
 * Owns:     nothing
 * Promise:  one event a crash; a crash of one virtual server's worker touches no other
 * Fails by: not at all
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/process/counters.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

uint64_t
reap_delay(struct reap_record *r, uint64_t lived_ms)
{
	uint64_t delay;

	if (lived_ms >= REAP_WELL_MS)
		r->failures = 0;
	delay = REAP_FIRST_MS;
	for (unsigned i = 0; i < r->failures && delay < REAP_LAST_MS; i++)
		delay *= 2;
	if (delay >= REAP_LAST_MS)
		return REAP_LAST_MS; /* no further count: it cannot overflow */
	r->failures++;
	return delay;
}

bool
reap_judge(int status, enum child_phase phase, const char *killed, const char *reason, char *dst, size_t size)
{
	bool asked = phase == CHILD_STOPPING || phase == CHILD_DRAINING;

	if (killed != NULL)
		snprintf(dst, size, "%s; killed", killed);
	else if (reason != NULL)
		snprintf(dst, size, "%s", reason);
	else if (WIFSIGNALED(status))
		snprintf(dst, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 127)
		snprintf(dst, size, "its program could not be executed");
	else if (WEXITSTATUS(status) == 0)
		snprintf(dst, size, asked ? "ended" : "ended without being asked");
	else
		snprintf(dst, size, "exit status %d", WEXITSTATUS(status));
	return killed != NULL || !asked || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* It has said why it cannot work, and trying again would change nothing. */
static bool
status_is_refusal(const struct child *c, int status)
{
	if (c->reason == NULL || c->killed != NULL || !WIFEXITED(status) || WEXITSTATUS(status) != EX_CONFIG)
		return false;
	return c->phase == CHILD_STOPPING || (c->phase == CHILD_BORN && c->server != NULL &&
	    c->server->state == STATE_STARTING);
}

static void
reap_one(struct master *m, struct child *c, int status)
{
	struct server *s = c->server;
	struct post *post = c->post;
	enum role role = c->role;
	char words[CTL_REASON_MAX + 16];
	bool crashed = reap_judge(status, c->phase, c->killed, c->reason, words, sizeof(words));
	bool refused = status_is_refusal(c, status);
	/* One that was to go and went badly is a crash to tell of, but nobody waits for its successor. */
	bool missed = c->phase == CHILD_BORN || c->phase == CHILD_READY;
	uint64_t lived = clock_mono_ms() - c->born_ms, delay = 0;
	pid_t pid = c->pid;

	crashed = crashed && !refused;
	if (s != NULL) {
		counters_clear_slot(s->counters, c->slot);
		if (crashed)
			counters_add(s->counters, COUNTER_CRASHES, 1);
	}
	child_free(c);
	if (post != NULL)
		delay = roster_vacate(post, crashed && missed, lived);
	if (crashed)
		log_event(LOG_FAULT, NULL, "crash", "server=%s role=%s pid=%d reason=%s restart=%.1fs",
		    s != NULL ? s->name : "-", roster_roles[role].name, (int)pid, log_safe(words),
		    (double)delay / 1000);
	if (s == NULL) {
		helper_look(m);
		metrics_post_look(m);
		return;
	}
	if (role == ROLE_MAINTENANCE) {
		maintenance_post_gone(s, crashed && missed ? words : NULL);
	} else if (crashed && missed && post != NULL) {
		s->trouble = true;
		server_reason(s, "%s: %s; it is tried again", roster_roles[role].name, words);
	}
	if (refused && s->state == STATE_STARTING) {
		server_reason(s, "%s", words);
		server_event(s, EVENT_REFUSED);
	}
	roster_fill(s);
	server_look(s);
}

void
reap_all(struct master *m)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c;

		TAILQ_FOREACH(c, &m->children, link)
			if (c->pid == pid)
				break;
		if (c != NULL)
			reap_one(m, c, status);
	}
	service_look(m);
}
