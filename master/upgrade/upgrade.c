/*
 * upgrade - the running service lets the program that is installed by now take over
 *
 * Runs in:  master
 * Owns:     the upgrade that is under way
 * Promise:  the process stays the same one: its id, its children, its lock and its sockets. So no connection
 *           is refused and no session ends. The configuration on disk is taken over first, and the new
 *           program tries what it would do at its start, with the very configuration that it gets then;
 *           whatever fails before, nothing has changed. Who looks does not hold it up, nor does one who
 *           operates a virtual server for more than PATIENCE_MS, nor a process that does not read
 * Fails by: a reason for the operator, and an event
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

#define LOOK_MS 20U		/* while something is under way that has to end first */
#define WAIT_MS 60000U		/* so long at the most */
#define PATIENCE_MS 30000U	/* for the answers of commands that change something */
#define TRIAL_MS 60000U

struct upgrade {
	struct master *m;
	enum upgrade_phase {
		UPGRADE_WAITS,		/* until nothing is under way */
		UPGRADE_TRIES,		/* the new program looks at all */
		UPGRADE_FAILED,		/* the answer waits for who asked */
	} phase;
	bool tried;
	struct snapshot *judged;	/* what the latest trial was told of; NULL: there was none */
	struct upgrade_trial trial;
	struct loop_timer *timer;
	uint64_t until;			/* monotonic ms */
	struct buf text;		/* why it has failed */
};

static void
fail(struct upgrade *u, const char *what, const char *why)
{
	struct master *m = u->m;

	buf_clear(&u->text);
	buf_printf(&u->text, "the service runs on as it was: %s%s%s", what, what[0] != '\0' ? ": " : "", why);
	u->phase = UPGRADE_FAILED;
	m->upgrading = false;
	loop_timer_stop(u->timer);
	log_event(LOG_FAULT, NULL, "service", "note=upgrade-failed reason=%s", log_safe(buf_text(&u->text)));
	control_update(m->control);
}

/* --- the moment --- */

bool
upgrade_waits_for(struct child *c, uint64_t now)
{
	if (c->ctl == NULL || ctl_waiting(c->ctl) == 0) {
		c->unread_ms = 0;
		return false;
	}
	c->unread_ms = c->unread_ms != 0 ? c->unread_ms : now;
	if (now - c->unread_ms >= UPGRADE_UNREAD_MS)
		child_kill(c, "it did not read what it was told, and an upgrade waits for that");
	return true;
}

static const char *
find_unread(struct master *m)
{
	const char *found = NULL;
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (upgrade_waits_for(c, clock_mono_ms()))
			found = "a process does not read what it is told";
	return found;
}

/* What has to end first, since a program that takes over does not know of it. NULL: nothing. */
static const char *
find_obstacle(const struct upgrade *u)
{
	bool patient = clock_mono_ms() + WAIT_MS < u->until + PATIENCE_MS;
	const struct control_caller *caller;
	struct master *m = u->m;
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		maintenance_post_end(s);
		if (!server_is_steady(s) || s->removed)
			return "a virtual server changes its state";
		if (!maintenance_post_is_over(s))
			return "an operator's command on a queue is under way";
	}
	if (m->changing != NULL)
		return "a change of the configuration is under way";
	TAILQ_FOREACH(caller, &m->callers, link)
		if (patient && control_caller_changes(caller))
			return "an operator's command is under way";
	return find_unread(m);
}

/* Why the configuration cannot be handed over as one; NULL: it can. */
static const char *
find_fault(const struct master *m)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (s->snapshot != m->snapshot)
			return "the configuration on disk has errors by now; mend them first";
	return m->refused != NULL ? "the configuration on disk has errors by now; mend them first" : NULL;
}

/* --- the last step --- */

/* Returns when it could not be done: errno. */
static int
execute(struct master *m)
{
	char number[16];
	const char *argv[] = { m->program, "-c", m->options.config_path, "--take-over", number,
		m->options.foreground ? "-f" : NULL, NULL };
	struct upgrade_state s;
	int state, error;

	if (upgrade_state_take(&s, m) == -1)
		return errno;
	state = upgrade_state_open(&s);
	if (state == -1) {
		error = errno;
	} else {
		snprintf(number, sizeof(number), "%d", state);
		(void)fcntl(state, F_SETFD, 0);
		upgrade_state_pass(&s, true);
		upgrade_state_pass_config(m, true);
		/* Signals are blocked, as they are read by the loop: none is lost. */
		execve(m->program, (char *const *)(uintptr_t)argv, environ);
		error = errno;
		upgrade_state_pass(&s, false);
		upgrade_state_pass_config(m, false);
		close(state);
	}
	upgrade_state_done(&s);
	return error;
}

static void
take_step(struct upgrade *u)
{
	struct master *m = u->m;
	char line[96];
	int error;

	control_caller_cut(m, "an upgrade of the service came first: say this again\n");
	web_account_cut(m);
	log_event(LOG_FACT, NULL, "service", "state=upgrading version=%s", POSTERN_VERSION);
	snprintf(line, sizeof(line), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_mono_ms() * 1000);
	notify_send(line);
	error = execute(m);
	notify_send("READY=1");
	fail(u, "the new program cannot be executed", strerror(error));
}

static void
try_program(struct upgrade *u)
{
	if (upgrade_trial_start(&u->trial, u->m, u->m->program) == -1) {
		fail(u, "the new program cannot be tried", strerror(errno));
		return;
	}
	server_snapshot_drop(u->judged);
	u->judged = u->m->snapshot;
	u->judged->users++;
	u->tried = false;
	u->phase = UPGRADE_TRIES;
	loop_timer_set(u->timer, TRIAL_MS);
}

/* The trial was about what runs now. */
static bool
is_judged(const struct upgrade *u)
{
	return u->tried && u->judged == u->m->snapshot;
}

static void
go_on(struct upgrade *u)
{
	const char *obstacle = find_obstacle(u), *fault = find_fault(u->m);
	bool late = clock_mono_ms() >= u->until;

	if (u->m->stopping)
		fail(u, "", "it is stopping");
	else if (obstacle != NULL && late)
		fail(u, "", obstacle);
	else if (obstacle != NULL)
		loop_timer_set(u->timer, LOOK_MS);
	else if (fault != NULL)
		fail(u, "", fault);
	else if (is_judged(u))
		take_step(u);
	else if (u->tried && late)
		fail(u, "", "its configuration changes all the time");
	else
		try_program(u);
}

static void
on_timer(void *arg)
{
	struct upgrade *u = arg;

	if (u->phase == UPGRADE_TRIES)
		(void)kill(u->trial.pid, SIGKILL);	/* not waited for: the pid is still its own */
	else if (u->phase == UPGRADE_WAITS)
		go_on(u);
}

/* --- from outside --- */

void
upgrade_child_died(struct master *m, pid_t pid, int status)
{
	struct upgrade *u = m->upgrade;
	struct buf said = BUF_INIT(4096);

	if (u == NULL || u->trial.pid != pid)
		return;
	u->tried = upgrade_trial_end(&u->trial, status, &said);
	if (u->phase == UPGRADE_TRIES && u->tried) {
		u->phase = UPGRADE_WAITS;
		loop_timer_set(u->timer, 0);	/* what else has happened comes first */
	} else if (u->phase == UPGRADE_TRIES) {
		fail(u, "the new program cannot take over", buf_text(&said));
	}
	buf_done(&said);
}

void
upgrade_update(struct master *m)
{
	if (m->upgrade == NULL || !m->stopping)
		return;
	if (m->upgrade->trial.pid != 0)
		(void)kill(m->upgrade->trial.pid, SIGKILL);
	if (m->upgrade->phase != UPGRADE_FAILED)
		fail(m->upgrade, "", "it is stopping");
}

static const char *
find_refusal(const struct master *m)
{
	if (m->stopping)
		return "the service is stopping";
	if (!m->ready)
		return "the service is starting";
	if (m->upgrade != NULL && (m->upgrade->phase != UPGRADE_FAILED || m->upgrade->trial.pid != 0))
		return "an upgrade is under way already";
	return m->program == NULL ? "the service does not know the path of its program" : NULL;
}

bool
upgrade_begin(struct master *m, struct buf *text, int *status)
{
	const char *refusal = find_refusal(m);

	if (refusal != NULL) {
		buf_printf(text, "%s\n", refusal);
		*status = CONTROL_REFUSED;
		return false;
	}
	m->ops->reload(m, NULL, NULL, text, status);
	if (*status != 0) {
		buf_puts(text, "the service runs on as it was: mend the configuration first\n");
		return false;
	}
	upgrade_close(m);
	m->upgrade = mem_new(struct upgrade);
	*m->upgrade = (struct upgrade){ .m = m, .trial.out = -1, .until = clock_mono_ms() + WAIT_MS,
	    .text = BUF_INIT(8192) };
	m->upgrading = true;
	m->upgrade->timer = loop_timer_new(m->loop, on_timer, m->upgrade);
	loop_timer_set(m->upgrade->timer, 0);
	return true;
}

bool
upgrade_result(struct master *m, struct buf *text, int *status)
{
	if (m->upgrade != NULL && m->upgrade->phase != UPGRADE_FAILED)
		return false;
	buf_printf(text, "%s\n", m->upgrade != NULL ? buf_text(&m->upgrade->text) : "the upgrade has ended");
	*status = CONTROL_REFUSED;
	return true;
}

void
upgrade_close(struct master *m)
{
	if (m->upgrade == NULL)
		return;
	if (m->upgrade->trial.out != -1)
		close(m->upgrade->trial.out);
	server_snapshot_drop(m->upgrade->judged);
	loop_timer_free(m->upgrade->timer);
	buf_done(&m->upgrade->text);
	free(m->upgrade);
	m->upgrade = NULL;
}
