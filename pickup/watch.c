/*
 * watch - what the kernel tells about the pickup folder (inotify)
 *
 * Runs in:  pickup; on its loop
 * Owns:     the inotify descriptor
 * Promise:  only a hint: what it misses, the scan finds; it never blocks
 * Fails by: it reports nothing, with one event. Where no instance of inotify is left (the kernel counts them
 *           by user) it is asked for again
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/pickup.h"

#define WANTED (IN_CREATE | IN_OPEN | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
    IN_ONLYDIR)
#define READ_SIZE (64U << 10)
#define READS_MAX 4	/* in one turn of the loop, so that others get theirs */

struct watch {
	struct loop *loop;
	struct loop_io *io;
	const struct watch_events *events;
	void *arg;
	char *space;
	int fd, folder;		/* folder: the watch descriptor, -1 none */
};

static void
tell_name(struct watch *w, const struct inotify_event *e)
{
	static const struct { uint32_t bit; enum judge_evidence evidence; } rows[] = {
		{ IN_MOVED_TO, JUDGE_RENAMED },
		{ IN_CLOSE_WRITE, JUDGE_CLOSED },
		{ IN_CREATE, JUDGE_CREATED },
		{ IN_OPEN, JUDGE_OPEN },
	};

	if (e->len == 0 || (e->mask & IN_ISDIR) || judge_ignores(e->name))
		return;
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (e->mask & rows[i].bit)
			w->events->news(w->arg, e->name, rows[i].evidence);
}

/* Reports all events. False: the folder is gone. */
static bool
tell_all(struct watch *w, size_t size)
{
	const struct inotify_event *e;

	for (size_t at = 0; at + sizeof(*e) <= size; at += sizeof(*e) + e->len) {
		e = (const void *)(w->space + at);
		if (e->mask & IN_Q_OVERFLOW)
			w->events->lost(w->arg);
		else if (e->wd != w->folder)
			continue; /* of a folder that is not watched any more */
		else if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
			return false;
		else
			tell_name(w, e);
	}
	return true;
}

static void
on_read(void *arg, unsigned what)
{
	struct watch *w = arg;
	bool here = true;

	for (int turn = 0; turn < READS_MAX && here; turn++) {
		ssize_t n = read(w->fd, w->space, READ_SIZE);

		if (n <= 0)
			break;
		here = tell_all(w, (size_t)n);
		if ((size_t)n < READ_SIZE / 2)
			break;
	}
	w->events->batch(w->arg);
	if (!here) {
		w->folder = -1;
		w->events->gone(w->arg);
	}
}

static bool
is_switched_off(void)
{
#ifdef POSTERN_TEST
	return getenv("POSTERN_NO_WATCH") != NULL;
#else
	return false;
#endif
}

/* False: there is none. */
static bool
open_instance(struct watch *w)
{
	errno = ENOSYS;
	w->fd = is_switched_off() ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd == -1)
		return false;
	w->space = mem_array(NULL, READ_SIZE, 1);
	w->io = loop_io_new(w->loop, w->fd, LOOP_READ, on_read, w);
	return true;
}

struct watch *
watch_new(struct loop *l, const struct watch_events *events, void *arg)
{
	struct watch *w = mem_new(struct watch);

	w->loop = l;
	w->events = events;
	w->arg = arg;
	w->folder = -1;
	if (!open_instance(w))
		log_event(LOG_WARN, NULL, "trouble", "doing=watch reason=%s", log_safe(errno == EMFILE ?
		    "this user has as many instances of inotify as fs.inotify.max_user_instances "
		    "(sysctl) lets it: new files are found by a scan, some seconds later" :
		    strerror(errno)));
	return w;
}

bool
watch_again(struct watch *w, const char *path)
{
	if (w->fd != -1 || !open_instance(w))
		return false;
	watch_folder(w, path);
	log_event(LOG_FACT, NULL, "service", "doing=watch folder=%s state=watched", log_safe(path));
	return true;
}

bool
watch_is_on(const struct watch *w)
{
	return w->fd != -1 && w->folder != -1;
}

void
watch_folder(struct watch *w, const char *path)
{
	if (w->fd == -1)
		return;
	if (w->folder != -1)
		inotify_rm_watch(w->fd, w->folder);
	w->folder = inotify_add_watch(w->fd, path, WANTED);
	if (w->folder == -1)
		log_event(LOG_WARN, NULL, "trouble", "doing=watch folder=%s reason=%s", log_safe(path),
		    log_safe(strerror(errno)));
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	loop_io_free(w->io);
	if (w->fd != -1)
		close(w->fd);
	free(w->space);
	free(w);
}
