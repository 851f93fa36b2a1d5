/*
 * child - one child process from birth to death, and its control channel
 *
 * Runs in:  master
 * Owns:     the channel, and the timer of the answer that is due
 * Promise:  a message of a child does what its row says. A child that is silent for too long, that sends a
 *           message which fits no row or is not for its role, or so many that the master is kept busy, is
 *           killed
 * Fails by: not at all
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"

#define CHILD_FIRST_REPORT_MS 30000U
#define CHILD_ANSWER_MS 10000U		/* to pause and continue */
#define CHILD_AFTER_GRACE_MS 5000U
#define CHILD_AFTER_CLOSE_MS 5000U	/* from the end of its channel to its death */
/* Messages: far more than any child has to say, and far less than what keeps the master busy */
#define CHILD_BURST 20000U
#define CHILD_PER_SECOND 1000U

/* Keeps the number of those that start: it is asked before each start. */
static void
set_phase(struct child *c, enum child_phase phase)
{
	bool starts = phase == CHILD_BORN && c->killed == NULL;

	c->phase = phase;
	if (starts == c->starts)
		return;
	c->starts = starts;
	c->m->starting += starts ? 1U : -1U;
}

static void
on_child_timeout(void *arg)
{
	struct child *c = arg;

	static const char *const why[] = {
		[CHILD_BORN] = "no first report within 30 seconds", [CHILD_READY] = "no answer to an order",
		[CHILD_DRAINING] = "no channel any more",
		[CHILD_STOPPING] = "not ended within its grace time",
	};
	child_kill(c, c->ctl == NULL && c->phase != CHILD_STOPPING ? "it closed its control channel" :
	    why[c->phase]);
}

void
child_kill(struct child *c, const char *why)
{
	if (c->killed == NULL)
		c->killed = why;
	set_phase(c, c->phase);
	if (kill(c->pid, SIGKILL) == -1) /* it was not waited for: the pid is still its own */
		log_event(LOG_WARN, NULL, "trouble", "pid=%d reason=%s", (int)c->pid,
		    log_safe("cannot be killed"));
}

void
child_take_ready(struct child *c, const struct ctl_message *m)
{
	if (c->phase != CHILD_BORN)
		return;
	set_phase(c, CHILD_READY);
	if (c->server != NULL && (c->role == ROLE_DELIVER || c->role == ROLE_MAINTENANCE))
		c->server->queue_counted = true;
	loop_timer_stop(c->timer);
}

/* CTL_PAUSED or CTL_CONTINUED: the child has done what it was told. */
void
child_take_paused(struct child *c, const struct ctl_message *m)
{
	c->paused = m->type == CTL_PAUSED;
	if (c->phase == CHILD_READY)
		loop_timer_stop(c->timer);
}

/* The text of a worker is shown to operators: control bytes become "?". */
static void
clean_reason(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void
child_take_reason(struct child *c, const struct ctl_message *m)
{
	free(c->reason);
	c->reason = mem_strndup(m->data, m->len);
	clean_reason(c->reason);
}

void
child_take_trouble(struct child *c, const struct ctl_message *m)
{
	free(c->trouble);
	c->trouble = m->len > 0 ? mem_strndup(m->data, m->len) : NULL;
	if (c->trouble != NULL)
		clean_reason(c->trouble);
}

/* False: it sends more than it may. */
static bool
spend(struct child *c)
{
	uint64_t now = clock_mono_ms(), more = (now - c->budget_at) * CHILD_PER_SECOND / 1000;

	if (more > 0) {
		c->budget = more > CHILD_BURST - c->budget ? CHILD_BURST : c->budget + (unsigned)more;
		c->budget_at = now;
	}
	if (c->budget == 0)
		return false;
	c->budget--;
	return true;
}

/* NULL: its message is good. */
static const char *
judge_message(struct child *c, const struct child_row *row)
{
	if ((row->roles & (1U << c->role)) == 0)
		return "it sent a message that its role may not send";
	return spend(c) ? NULL : "it sent too many messages";
}

static void
on_child_message(void *arg, const struct ctl_message *m)
{
	struct child *c = arg;
	static const struct child_row unknown = { NULL, ~0U, false };	/* of another version */
	const struct child_row *row = m->type == CTL_COUNT ? &unknown : &c->m->child_ops->row[m->type];
	const char *why = c->killed == NULL ? judge_message(c, row) : NULL;

	if (c->killed != NULL)
		return;			/* what it said before it died counts no more */
	if (why != NULL) {
		child_kill(c, why);
		return;
	}
	if (row->take != NULL)
		row->take(c, m);
	ctl_wipe(m);			/* it may be secret */
	if (row->changes)
		c->m->child_ops->changed(c);
}

static void
on_child_closed(void *arg, bool bad)
{
	struct child *c = arg;

	ctl_free(c->ctl);
	c->ctl = NULL;
	if (bad)
		child_kill(c, "it sent a message that fits no row");
	else
		loop_timer_set(c->timer, CHILD_AFTER_CLOSE_MS);
}

/* What every child has. */
static struct child *
make_child(struct master *m, struct server *s, enum role role, pid_t pid, unsigned slot, int fd)
{
	struct child *c = mem_new(struct child);

	*c = (struct child){ .m = m, .server = s, .role = role, .phase = CHILD_BORN, .pid = pid,
	    .slot = slot, .version = ctl_version(), .born_ms = clock_mono_ms(), .budget = CHILD_BURST };
	c->budget_at = c->born_ms;
	c->timer = loop_timer_new(m->loop, on_child_timeout, c);
	if (fd != -1)
		c->ctl = ctl_new(m->loop, fd, s != NULL ? CTL_FROM_WORKER : CTL_FROM_HELPER, on_child_message,
		    on_child_closed, c);
	TAILQ_INSERT_TAIL(&m->children, c, link);
	if (s != NULL)
		TAILQ_INSERT_TAIL(&s->children, c, of_server);
	set_phase(c, CHILD_BORN);
	return c;
}

struct child *
child_new(struct master *m, struct post *post, pid_t pid, unsigned slot, int fd)
{
	struct child *c = make_child(m, post->server, post->role, pid, slot, fd);

	c->post = post;
	loop_timer_set(c->timer, CHILD_FIRST_REPORT_MS);
	m->child_ops->born(c);
	return c;
}

/* Its time begins anew where it has one: that is no shorter than before. */
struct child *
child_adopt(struct master *m, struct server *s, enum role role, const struct child_origin *o)
{
	struct child *c = make_child(m, s, role, o->pid, o->slot, o->fd);

	set_phase(c, o->phase);
	c->paused = o->paused;
	c->ends_ms = o->ends_ms;
	c->version = o->version;
	if (c->ctl != NULL && !child_is_ours(c))
		ctl_any_version(c->ctl);
	if (o->phase == CHILD_STOPPING)
		loop_timer_set(c->timer, CHILD_AFTER_GRACE_MS +
		    (o->ends_ms > c->born_ms ? o->ends_ms - c->born_ms : 0));
	else if (o->fd == -1)
		loop_timer_set(c->timer, CHILD_AFTER_CLOSE_MS);
	else if (o->phase == CHILD_BORN)
		loop_timer_set(c->timer, CHILD_FIRST_REPORT_MS);
	return c;
}

void
child_free(struct child *c)
{
	TAILQ_REMOVE(&c->m->children, c, link);
	if (c->server != NULL)
		TAILQ_REMOVE(&c->server->children, c, of_server);
	c->m->starting -= c->starts;
	c->m->child_ops->gone(c);
	ctl_free(c->ctl);
	loop_timer_free(c->timer);
	free(c->reason);
	free(c->trouble);
	free(c);
}

bool
child_is_ours(const struct child *c)
{
	return c->version == ctl_version();
}

void
child_send(struct child *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd)
{
	if (!ctl_version_knows(type, c->version))
		return;
	if (c->ctl == NULL || ctl_send(c->ctl, type, request, data, len, fd) == 0)
		return;
	if (errno != EPIPE && errno != ECONNRESET) /* else it is dead: reap has the rest */
		child_kill(c, "it does not read its control channel");
}

void
child_tell(struct child *c, enum ctl_type type)
{
	child_send(c, type, 0, NULL, 0, -1);
}

void
child_require(struct child *c, enum ctl_type type)
{
	child_tell(c, type);
	if (c->phase == CHILD_READY)
		loop_timer_set(c->timer, CHILD_ANSWER_MS);
}

void
child_stop(struct child *c, uint64_t grace_ms)
{
	uint32_t ms = grace_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)grace_ms;

	set_phase(c, CHILD_STOPPING);
	c->ends_ms = clock_mono_ms() + grace_ms;
	loop_timer_set(c->timer, grace_ms + CHILD_AFTER_GRACE_MS);
	child_send(c, CTL_STOP, 0, &ms, sizeof(ms), -1);
}

void
child_drain(struct child *c)
{
	set_phase(c, CHILD_DRAINING);
	loop_timer_stop(c->timer);
	child_tell(c, CTL_DRAIN);
}
