/*
 * reap - deaths of children, and what they mean
 *
 * Runs in:  master, on SIGCHLD
 * Owns:     nothing
 * Promise:  one event a crash; the crash of a worker touches no other virtual server
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
#include "common/boot/boot.h"
#include "common/process/counters.h"
#include "master/processes/processes.h"

#define LAST_WORDS_MAX 64	/* messages: more than a worker that ends has sent */

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

/* The child said why it cannot work, and a new start would change nothing. */
static bool
status_is_refusal(const struct child *c, int status)
{
	if (c->reason == NULL || c->killed != NULL || !WIFEXITED(status) || WEXITSTATUS(status) != EX_CONFIG)
		return false;
	return c->phase == CHILD_STOPPING ||
	    (c->phase == CHILD_BORN && c->server != NULL && c->server->state == STATE_STARTING);
}

/* The end of a process may be seen before the words that it sent just before it. */
static void
take_last_words(struct child *c)
{
	char space[CTL_PAYLOAD_MAX];
	struct ctl_message m;
	unsigned from = c->server != NULL ? CTL_FROM_WORKER : CTL_FROM_HELPER;

	if (c->ctl == NULL || c->killed != NULL)
		return;
	for (unsigned n = 0; n < LAST_WORDS_MAX &&
	    ctl_recv_next(ctl_descriptor(c->ctl), from, &m, space, sizeof(space)) == 1; n++) {
		if (m.fd != -1)
			close(ctl_take_fd(&m));
		if (m.type == CTL_REASON)
			child_take_reason(c, &m);
		ctl_wipe(&m);
	}
}

static void
reap_one(struct master *m, struct child *c, int status)
{
	struct post *post = c->post;
	char words[CTL_REASON_MAX + 16];
	struct reap_death d = { .server = c->server, .role = c->role, .posted = post != NULL,
	    .maintenance = maintenance_post_has(c), .words = words };
	uint64_t lived = clock_mono_ms() - c->born_ms, delay = 0;
	pid_t pid = c->pid;

	take_last_words(c);
	d.crashed = reap_judge(status, c->phase, c->killed, c->reason, words, sizeof(words));
	d.refused = status_is_refusal(c, status);
	d.lost = c->server != NULL && c->killed == NULL && WIFEXITED(status) &&
	    WEXITSTATUS(status) == BOOT_HOME_LOST;
	d.crashed = d.crashed && !d.refused && !d.lost;
	/* A child that was told to end and crashed is logged as a crash; but no successor has to wait. */
	d.missed = c->phase == CHILD_BORN || c->phase == CHILD_READY;
	if (d.server != NULL) {
		counters_clear_slot(d.server->counters, c->slot);
		if (d.crashed)
			counters_add(d.server->counters, COUNTER_CRASHES, 1);
	}
	child_free(c);
	if (post != NULL)
		delay = roster_vacate(post, d.crashed && d.missed, lived);
	if (d.crashed && d.missed)
		crash_record_add(d.server != NULL ? &d.server->crashes : &m->crashes, d.role, words,
		    clock_mono_ms());
	if (d.crashed)
		log_event(LOG_FAULT, NULL, "crash", "server=%s role=%s pid=%d reason=%s restart=%.1fs",
		    d.server != NULL ? d.server->name : "-", roster_roles[d.role].name, (int)pid,
		    log_safe(words), (double)delay / 1000);
	m->child_ops->died(m, &d);
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
		else
			m->child_ops->other_died(m, pid, status);
	}
	m->ops->changed(m);
}
