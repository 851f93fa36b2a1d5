/*
 * metrics_post - what the helper that serves [service] metrics is told of the virtual servers
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the helper gets the counters of every virtual server, opened for reading only
 * Fails by: those counters are missing
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "master/processes/processes.h"

void
metrics_post_tell(struct master *m, const struct server *s, bool gone)
{
	struct child *helper = m->metrics.post.child;
	char name[64] = "", path[64];
	int fd;

	if (helper == NULL)
		return;
	snprintf(name, sizeof(name), "%s", s->name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->counters_fd);
	fd = gone ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (gone || fd != -1)
		child_send(helper, CTL_COUNTERS, 0, name, sizeof(name), fd);
	if (fd != -1)
		close(fd);
}

void
metrics_post_tell_all(struct master *m)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		metrics_post_tell(m, s, false);
}
