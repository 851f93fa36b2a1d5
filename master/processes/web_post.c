/*
 * web_post - the helper that serves the manager to web browsers, and its sockets ([manager] listen)
 *
 * Runs in:  master
 * Owns:     the sockets and the post of the helper
 * Promise:  it runs only when the manager is configured. Sessions are the master's and outlive the helper
 * Fails by: an event; the service goes on without the manager
 */
#include "master/processes/processes.h"

void
web_post_update(struct master *m)
{
	if (m->stopping || m->web_sockets.count == 0 || m->web.child != NULL ||
	    loop_timer_is_set(m->web.again))
		return;
	roster_start(&m->web);
}

static void
on_restart_timer(void *arg)
{
	struct master *m = arg;

	web_post_update(m);
	m->ops->changed(m);
}

static void
open_sockets(struct master *m)
{
	service_sockets_renew(m, &m->web_sockets, &m->snapshot->config->service.manager.listen, "web");
}

void
web_post_open(struct master *m)
{
	m->web = (struct post){ .m = m, .role = ROLE_WEB };
	m->web.again = loop_timer_new(m->loop, on_restart_timer, m);
	open_sockets(m);
	web_post_update(m);
}

void
web_post_stop(struct master *m)
{
	struct child *c = m->web.child;

	m->web.record = (struct restart_record){ 0 };
	loop_timer_stop(m->web.again);
	if (c == NULL)
		return;
	c->post = NULL;
	m->web.child = NULL;
	child_stop(c, 0);
}

void
web_post_renew(struct master *m)
{
	web_post_stop(m);
	open_sockets(m);
	web_post_update(m);
}

void
web_post_close(struct master *m)
{
	service_sockets_close(&m->web_sockets);
	loop_timer_free(m->web.again);
}
