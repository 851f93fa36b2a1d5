/*
 * metrics_post - the sockets of [service] metrics and the helper that serves them
 *
 * Runs in:  master
 * Owns:     the sockets and the post of the helper
 * Promise:  the helper gets the counters of every virtual server, opened for reading only. It runs only when
 *           metrics are configured. An old socket at the path is replaced, any other file there is kept
 * Fails by: an event; the service goes on without metrics
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"

#define METRICS_PORT 0	/* no default: key_check requires a port */

/* Mode 0660, of the group of the workers: users of that group can read metrics. */
static int
bind_unix_path(int fd, const char *path, uid_t uid, gid_t gid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t before;
	int result;

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(un.sun_path, path);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	before = umask(0117);
	result = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(before);
	if (result == 0 && uid != (uid_t)-1)
		result = lchown(path, 0, gid);
	return result;
}

static int
bind_address(const struct master *m, const char *text)
{
	static const int on = 1;
	struct net_address a;
	const char *why = "";
	bool path = text[0] == '/';
	int saved, result, fd;

	if (!path && net_address_parse(&a, text, METRICS_PORT, &why) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(path ? AF_UNIX : a.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	result = path ? bind_unix_path(fd, text, m->uid, m->gid) :
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ? -1 :
	    bind(fd, (struct sockaddr *)&a.sa, a.len);
	if (result == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void
open_sockets(struct master *m)
{
	const struct config_strings *wanted = &m->snapshot->config->service.metrics;
	struct listen_set *set = &m->metrics_sockets;

	set->socket = mem_zalloc((wanted->count + 1) * sizeof(*set->socket));
	for (size_t i = 0; i < wanted->count && set->count < CONFIG_LISTEN_MAX; i++) {
		int fd = bind_address(m, wanted->text[i]);

		if (fd == -1) {
			log_event(LOG_FAULT, NULL, "trouble", "doing=metrics listen=%s reason=%s",
			    log_safe(wanted->text[i]), log_safe(strerror(errno)));
			continue;
		}
		set->socket[set->count].fd = fd;
		set->socket[set->count++].text = mem_strdup(wanted->text[i]);
	}
}

static void
close_sockets(struct master *m)
{
	struct listen_set *set = &m->metrics_sockets;

	for (size_t i = 0; i < set->count; i++) {
		close(set->socket[i].fd);
		if (set->socket[i].text[0] == '/')
			unlink(set->socket[i].text);
		free(set->socket[i].text);
	}
	free(set->socket);
	*set = (struct listen_set){ 0 };
}

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
	open_sockets(m);
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
	close_sockets(m);
	open_sockets(m);
	metrics_post_update(m);
}

void
metrics_post_close(struct master *m)
{
	close_sockets(m);
	loop_timer_free(m->metrics.again);
}
