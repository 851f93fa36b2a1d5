/*
 * maintenance_post - the process that serves operators for the queue of a stopped virtual server: a command
 * starts it, and it ends when no command comes for a while. For queue evacuate it is a deliver worker at rest
 *
 * Runs in:  master
 * Owns:     its post, and the timer that ends it
 * Promise:  at most one, and only while the virtual server is stopped: the deliver worker starts when it has
 *           ended. After a crash the next command starts it again, but not before the back-off time
 * Fails by: a reason for the operator
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"

static void
on_idle_timer(void *arg)
{
	struct server *s = arg;
	struct child *c = s->maintenance.post.child;

	if (c == NULL)
		return;
	if (c->questions > 0 ||
	    (!s->maintenance.read && clock_mono_ms() - c->born_ms < MAINTENANCE_READING_MS))
		loop_timer_set(s->maintenance.idle, MAINTENANCE_IDLE_MS);
	else
		maintenance_post_end(s);
}

/* Back-off timer: while it is set, no process is started. */
static void
forget_failure(void *arg)
{
	struct server *s = arg;

	free(s->maintenance.why);
	s->maintenance.why = NULL;
}

void
maintenance_post_open(struct server *s)
{
	s->maintenance = (struct maintenance_post){ .post = { .m = s->m, .server = s,
	    .role = ROLE_MAINTENANCE } };
	s->maintenance.post.again = loop_timer_new(s->m->loop, forget_failure, s);
	s->maintenance.idle = loop_timer_new(s->m->loop, on_idle_timer, s);
}

void
maintenance_post_close(struct server *s)
{
	loop_timer_free(s->maintenance.post.again);
	loop_timer_free(s->maintenance.idle);
	free(s->maintenance.why);
}

/* As at the start of the virtual server, its folders may be missing: they are made when `make`. */
static void
start_process(struct server *s, bool make, const char **why)
{
	struct buf reason = BUF_INIT(MASTER_TEXT_MAX);

	forget_failure(s);
	if (make && make_folder_make_server(s->m, s->conf, &reason) == -1)
		s->maintenance.why = mem_printf("is stopped: %s", buf_text(&reason));
	else if ((s->maintenance.post.child = spawn_child(&s->maintenance.post)) == NULL)
		s->maintenance.why = mem_printf("is stopped, and no process can be started for its queue: %s",
		    strerror(errno));
	buf_done(&reason);
	*why = s->maintenance.why;
	s->maintenance.read = false;
	loop_timer_set(s->maintenance.idle, MAINTENANCE_IDLE_MS);
}

/* Which of the two processes is wanted: that for the queue alone, or one that can speak to another node. */
static void
choose(struct post *p, bool evacuates)
{
	p->role = evacuates ? ROLE_DELIVER : ROLE_MAINTENANCE;
	p->name = evacuates ? "evacuation" : NULL;
}

struct child *
maintenance_post_call(struct server *s, bool make, bool evacuates, const char **why)
{
	struct post *p = &s->maintenance.post;

	*why = NULL;
	if (p->child != NULL && evacuates && p->role != ROLE_DELIVER) {
		maintenance_post_end(s);	/* the next call starts the other one */
		return NULL;
	}
	if (p->child == NULL)
		choose(p, evacuates);
	if (p->child == NULL && loop_timer_is_set(p->again))
		*why = s->maintenance.why;
	else if (p->child == NULL && !s->m->upgrading)
		start_process(s, make, why);
	if (p->child == NULL || p->child->phase != CHILD_READY || p->child->ctl == NULL)
		return NULL;
	loop_timer_set(s->maintenance.idle, MAINTENANCE_IDLE_MS);
	return p->child;
}

void
maintenance_post_answered(struct server *s, bool read)
{
	s->maintenance.read |= read;
	loop_timer_set(s->maintenance.idle, MAINTENANCE_IDLE_MS);
}

void
maintenance_post_end(struct server *s)
{
	struct child *c = s->maintenance.post.child;

	loop_timer_stop(s->maintenance.idle);
	if (c != NULL && c->phase != CHILD_STOPPING)
		child_stop(c, master_grace(s->m));
}

void
maintenance_post_gone(struct server *s, const char *crash)
{
	loop_timer_stop(s->maintenance.idle);
	free(s->maintenance.why);
	s->maintenance.why = crash == NULL ? NULL :
	    mem_printf("is stopped, and the process that opens its queue ended: %s", crash);
}

bool
maintenance_post_has(const struct child *c)
{
	return c->server != NULL && c->server->maintenance.post.child == c;
}

bool
maintenance_post_is_over(const struct server *s)
{
	return s->maintenance.post.child == NULL;
}
