/*
 * custody - the process that serves orders about the queue of a virtual server that is stopped: started by an order, ended after them
 *
 * Runs in:  master
 * Owns:     its post, and the timer that ends it
 * Promise:  one at the most, only while the virtual server is stopped; the owner of the queue is started when it is gone. One that
 *           crashes is started again by the next order, not before its time
 * Fails by: a reason for the operator
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/master.h"

static void
custody_rest(void *arg)
{
	struct server *s = arg;
	struct child *c = s->custody.post.child;
	if (c == NULL)
		return;
	if (clerk_waits(c) || (!s->custody.read && clock_mono_ms() - c->born_ms < CUSTODY_READING_MS))
		loop_timer_set(s->custody.idle, CUSTODY_IDLE_MS);
	else
		custody_end(s);
}

/* That it is set keeps the next one from being started. */
static void
custody_forgive(void *arg)
{
	struct server *s = arg;
	free(s->custody.why);
	s->custody.why = NULL;
}

void
custody_open(struct server *s)
{
	s->custody = (struct custody){ .post = { .m = s->m, .server = s, .role = ROLE_CUSTODIAN } };
	s->custody.post.again = loop_timer_new(s->m->loop, custody_forgive, s);
	s->custody.idle = loop_timer_new(s->m->loop, custody_rest, s);
}

void
custody_close(struct server *s)
{
	loop_timer_free(s->custody.post.again);
	loop_timer_free(s->custody.idle);
	free(s->custody.why);
}

/* As at a start of the virtual server: its folders may not be there yet. */
static void
custody_start(struct server *s, const char **why)
{
	const char *where = "";
	custody_forgive(s);
	if (folder_make_server(s->conf, s->m->uid, s->m->gid, &where) == -1)
		s->custody.why = mem_printf("is stopped, and %s cannot be made: %s", where, strerror(errno));
	else if ((s->custody.post.child = spawn_child(&s->custody.post)) == NULL)
		s->custody.why = mem_printf("is stopped, and no process can be started for its queue: %s", strerror(errno));
	*why = s->custody.why;
	s->custody.read = false;
	loop_timer_set(s->custody.idle, CUSTODY_IDLE_MS);
}

struct child *
custody_call(struct server *s, const char **why)
{
	const struct post *p = &s->custody.post;
	*why = NULL;
	if (p->child == NULL && loop_timer_is_set(p->again))
		*why = s->custody.why;
	else if (p->child == NULL)
		custody_start(s, why);
	if (p->child == NULL || p->child->phase != CHILD_READY || p->child->ctl == NULL)
		return NULL;
	loop_timer_set(s->custody.idle, CUSTODY_IDLE_MS);
	return p->child;
}

void
custody_answered(struct server *s, bool read)
{
	s->custody.read |= read;
	loop_timer_set(s->custody.idle, CUSTODY_IDLE_MS);
}

void
custody_end(struct server *s)
{
	struct child *c = s->custody.post.child;
	loop_timer_stop(s->custody.idle);
	if (c != NULL && c->phase != CHILD_STOPPING)
		child_stop(c, service_grace(s->m));
}

void
custody_gone(struct server *s, const char *crash)
{
	loop_timer_stop(s->custody.idle);
	free(s->custody.why);
	s->custody.why = crash == NULL ? NULL : mem_printf("is stopped, and the process that opens its queue ended: %s", crash);
}

bool
custody_is_over(const struct server *s)
{
	return s->custody.post.child == NULL;
}
