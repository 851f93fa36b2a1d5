/*
 * socket_post - a helper that runs while the configuration has addresses for it: metrics, the manager
 *
 * Runs in:  master
 * Owns:     the sockets of the helper, and its post
 * Promise:  it runs only when it is configured, and comes again when it died. The sessions of the manager are
 *           the master's and outlive it
 * Fails by: an event; the service goes on without it
 */
#include "master/processes/processes.h"

void
socket_post_update(struct socket_post *p)
{
	const struct master *m = p->post.m;

	if (m->stopping || p->sockets.count == 0 || p->post.child != NULL || loop_timer_is_set(p->post.again))
		return;
	roster_start(&p->post);
	if (p->started != NULL)
		p->started(p->post.m);
}

static void
on_restart_timer(void *arg)
{
	struct socket_post *p = arg;
	struct master *m = p->post.m;

	socket_post_update(p);
	m->ops->changed(m);
}

static void
open_sockets(struct socket_post *p)
{
	struct master *m = p->post.m;
	const char *service = (const char *)&m->snapshot->config->service;
	const struct config_strings *wanted = (const void *)(service + p->wanted);

	service_sockets_renew(m, &p->sockets, wanted, roster_roles[p->post.role].name);
}

void
socket_post_open(struct socket_post *p, struct master *m, enum role role, size_t wanted,
    void (*started)(struct master *m))
{
	/* In an upgrade there are sockets already. */
	*p = (struct socket_post){ .post = { .m = m, .role = role, .sockets = &p->sockets },
	    .sockets = p->sockets, .wanted = wanted, .started = started };
	p->post.again = loop_timer_new(m->loop, on_restart_timer, p);
	open_sockets(p);
	socket_post_update(p);
}

void
socket_post_stop(struct socket_post *p)
{
	struct child *c = p->post.child;

	p->post.record = (struct restart_record){ 0 };
	loop_timer_stop(p->post.again);
	if (c == NULL)
		return;
	c->post = NULL;
	p->post.child = NULL;
	child_stop(c, 0);
}

void
socket_post_renew(struct socket_post *p)
{
	socket_post_stop(p);
	open_sockets(p);
	socket_post_update(p);
}

void
socket_post_close(struct socket_post *p)
{
	service_sockets_close(&p->sockets);
	loop_timer_free(p->post.again);
}
