/*
 * log_watch - copies of the lines of the event log for those who watch it now
 *
 * Runs in:  every process, any thread
 * Owns:     its ends of the watchers' sockets
 * Promise:  never blocks; a watcher that is gone costs one failed write; errno survives
 * Fails by: lost lines, which are counted and told
 */
#include "common/base/log_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"

struct watcher {
	int fd;
	char server[64], id[32];
	unsigned long lost;
};

static struct watcher watchers[LOG_WATCH_MAX + LOG_WATCH_FOLLOWED];
static _Atomic size_t watching, following;	/* following: those of `watching` that follow a message */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The last takes the place of one that is gone. */
static void
forget(size_t i)
{
	close(watchers[i].fd);
	following -= watchers[i].id[0] != '\0';
	watchers[i] = watchers[--watching];
}

static void
forget_gone(void)
{
	for (size_t i = watching; i-- > 0;) {
		struct pollfd p = { .fd = watchers[i].fd };

		if (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0)
			forget(i);
	}
}

static int
add_watcher(int fd, const char *server, const char *id)
{
	int result = -1;

	pthread_mutex_lock(&lock);
	forget_gone();
	if (id[0] != '\0' ? following < LOG_WATCH_FOLLOWED : watching - following < LOG_WATCH_MAX) {
		struct watcher *w = &watchers[watching++];

		*w = (struct watcher){ .fd = fd };
		snprintf(w->server, sizeof(w->server), "%s", server);
		snprintf(w->id, sizeof(w->id), "%s", id);
		following += id[0] != '\0';
		result = 0;
	} else {
		close(fd);
		errno = EBUSY;
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int
log_watch_add(int fd, const char *server)
{
	return add_watcher(fd, server, "");
}

int
log_watch_follow(int fd, const char *id)
{
	return add_watcher(fd, "", id);
}

void
log_watch_sweep(void)
{
	pthread_mutex_lock(&lock);
	forget_gone();
	pthread_mutex_unlock(&lock);
}

bool
log_watch_follows(const char *id)
{
	bool found = false;

	if (following == 0)
		return false;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < watching && !found; i++)
		found = id[0] != '\0' && strcmp(watchers[i].id, id) == 0;
	pthread_mutex_unlock(&lock);
	return found;
}

bool
log_watch_any(void)
{
	return watching > 0;
}

/* The value of server= is behind the first blank in front of it that is in no quotes. */
bool
log_watch_is_about(const char *line, const char *server)
{
	static const char key[] = " server=";
	size_t len = strlen(server);
	bool quoted = false;

	for (const char *at = line; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0') {
			at++;
		} else if (*at == '"') {
			quoted = !quoted;
		} else if (!quoted && strncmp(at, key, strlen(key)) == 0) {
			at += strlen(key);
			return strncmp(at, server, len) == 0 && (at[len] == '\0' || at[len] == ' ');
		}
	}
	return false;
}

/* 1 sent; 0 no room; -1 nobody reads any more. */
static int
send_line(struct watcher *w, const char *text, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)text, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (sendmsg(w->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : -1;
}

/* What it did not get is told first, so that no line hides a gap. */
static int
tell_lost(struct watcher *w, const char *head)
{
	char text[LOG_WATCH_LINE_MAX];
	int n = snprintf(text, sizeof(text), "%s- event=lost lines=%lu", head, w->lost);
	int sent = send_line(w, text, (size_t)n);

	if (sent == 1)
		w->lost = 0;
	return sent;
}

static int
tell_one(struct watcher *w, const char *head, const char *text, size_t len)
{
	int sent = w->lost > 0 ? tell_lost(w, head) : 1;

	if (sent == 1)
		sent = send_line(w, text, len);
	if (sent == 0)
		w->lost++;
	return sent;
}

static bool
is_for(const struct watcher *w, const char *line)
{
	if (w->id[0] != '\0')
		return strncmp(line, w->id, strlen(w->id)) == 0 && line[strlen(w->id)] == ' ';
	return w->server[0] == '\0' || log_watch_is_about(line, w->server);
}

void
log_watch_tell(const char *level, const char *program, pid_t pid, const char *line, size_t len)
{
	char head[128], text[LOG_WATCH_LINE_MAX];
	int saved = errno, n;

	if (watching == 0)
		return;
	snprintf(head, sizeof(head), "%s %lld %.48s %d ", level, (long long)clock_wall_us(),
	    program, (int)pid);
	n = snprintf(text, sizeof(text), "%s%.*s", head, (int)len, line);
	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	pthread_mutex_lock(&lock);
	for (size_t i = watching; i-- > 0;)
		if (is_for(&watchers[i], line) &&
		    tell_one(&watchers[i], head, text, (size_t)n) == -1)
			forget(i);
	pthread_mutex_unlock(&lock);
	errno = saved;
}

ssize_t
log_watch_take(int fd, char line[LOG_WATCH_LINE_MAX + 1], pid_t *sender)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { line, LOG_WATCH_LINE_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
	    .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	struct ucred who = { .pid = 0 };

	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&who, CMSG_DATA(c), sizeof(who));
	*sender = who.pid;
	line[n > 0 ? n : 0] = '\0';
	return n;
}
