/* log_watch - copies of the lines of the event log for those who watch it now; nobody waits for a watcher */
#ifndef COMMON_BASE_LOG_WATCH_H
#define COMMON_BASE_LOG_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOG_WATCH_MAX 16	/* watchers at a time: more are turned away */
#define LOG_WATCH_FOLLOWED 4	/* beside them: those who follow one message */
/* Bytes of one message to a watcher: "LEVEL MICROSECONDS PROGRAM PID " and the line */
#define LOG_WATCH_LINE_MAX 2400

/*
 * From now on each line goes to `fd`, too, an end of a socket pair that keeps message borders. Takes it over;
 * it is closed when nobody reads the other end any more. `server`: only lines about that virtual server;
 * "" all. -1: there are too many, and `fd` is closed.
 */
int log_watch_add(int fd, const char *server) __attribute__((warn_unused_result));
bool log_watch_any(void);
/* The same for lines about one message alone. -1 with EBUSY: LOG_WATCH_FOLLOWED messages are followed. */
int log_watch_follow(int fd, const char *id) __attribute__((warn_unused_result));
bool log_watch_follows(const char *id);		/* somebody follows that message */
void log_watch_sweep(void);			/* forgets now who has closed the other end */
/* Any thread. What a watcher has no room for is lost for it, and the number is told before its next line. */
void log_watch_tell(const char *level, const char *program, pid_t pid, const char *line, size_t len);

/*
 * The other end: one message with a NUL behind it, and the process that sent it, as the kernel says (the
 * socket has SO_PASSCRED). Its length; 0: all writers have gone; -1 and errno, EAGAIN: there is none now.
 */
ssize_t log_watch_take(int fd, char line[LOG_WATCH_LINE_MAX + 1], pid_t *sender);

/* Pure: whether "ID event=... server=NAME ..." is about that virtual server. */
bool log_watch_is_about(const char *line, const char *server);

#endif
