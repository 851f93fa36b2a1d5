/*
 * metrics_post - the helper that serves [service] metrics
 *
 * Runs in:  master
 * Owns:     the sockets and the post of the helper
 * Promise:  the helper gets the counters of every virtual server, opened for reading only. It runs only when
 *           metrics are configured
 * Fails by: an event; the service goes on without metrics
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "master/processes/processes.h"

/* Sends the counters of a virtual server, for reading only; without a descriptor it is gone. */
void
metrics_post_tell(struct master *m, const struct server *s, bool gone)
{
	char name[64] = "", path[64];
	int fd;

	if (m->metrics.child == NULL)
		return;
	snprintf(name, sizeof(name), "%s", s->name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->counters_fd);
	fd = gone ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (gone || fd != -1)
		child_send(m->metrics.child, CTL_COUNTERS, 0, name, sizeof(name), fd);
	if (fd != -1)
		close(fd);
}

void
metrics_post_update(struct master *m)
{
	const struct server *s;

	if (m->stopping || m->metrics_sockets.count == 0 || m->metrics.child != NULL ||
	    loop_timer_is_set(m->metrics.again))
		return;
	roster_start(&m->metrics);
	TAILQ_FOREACH(s, &m->servers, link)
		metrics_post_tell(m, s, false);
}

static void
on_restart_timer(void *arg)
{
	struct master *m = arg;

	metrics_post_update(m);
	m->ops->changed(m);
}

void
metrics_post_open(struct master *m)
{
	m->metrics = (struct post){ .m = m, .role = ROLE_METRICS };
	m->metrics.again = loop_timer_new(m->loop, on_restart_timer, m);
	service_sockets_renew(m, &m->metrics_sockets, &m->snapshot->config->service.metrics, "metrics");
	metrics_post_update(m);
}

void
metrics_post_stop(struct master *m)
{
	struct child *c = m->metrics.child;

	m->metrics.record = (struct restart_record){ 0 };
	loop_timer_stop(m->metrics.again);
	if (c == NULL)
		return;
	c->post = NULL;
	m->metrics.child = NULL;
	child_stop(c, 0);
}

void
metrics_post_renew(struct master *m)
{
	metrics_post_stop(m);
	service_sockets_renew(m, &m->metrics_sockets, &m->snapshot->config->service.metrics, "metrics");
	metrics_post_update(m);
}

void
metrics_post_close(struct master *m)
{
	service_sockets_close(&m->metrics_sockets);
	loop_timer_free(m->metrics.again);
}
