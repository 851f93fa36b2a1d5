/*
 * log - the event log: one line, one fact
 *
 * Runs in:  every process, any thread
 * Owns:     the connection to syslog
 * Promise:  a line is one write of characters that may be shown (utf8_take_printable) and nothing else,
 *           whatever a caller passes; errno survives
 * Fails by: the line is lost; die() and bug() do not return
 */
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log_json.h"
#include "common/base/log_watch.h"
#include "common/base/utf8.h"

#define LINE_SIZE 2048
#define HEAD_SIZE (CLOCK_DATE_SIZE + 80)
#define OUT_SIZE LOG_JSON_MAX	/* the larger one */
#define SAFE_COUNT 8

_Static_assert(LINE_SIZE + HEAD_SIZE <= OUT_SIZE, "a line of text has room, too");

static struct {
	char program[48];
	char server[64];
	enum log_sink sink;
	int fd;				/* of all but LOG_TO_SYSLOG */
	bool journal;			/* stderr leads to the journal of systemd */
	bool watched;			/* a fork is noticed */
	_Atomic pid_t pid;		/* of this process; 0: to be asked for */
} log_state = { .program = "postern", .fd = STDERR_FILENO };

/* Place and form of lines change together, however many threads write; who writes a line reads them. */
static pthread_rwlock_t place_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static const int syslog_level[] = {
	[LOG_FACT] = 6 /* informational */, [LOG_WARN] = 4 /* warning */, [LOG_FAULT] = 3 /* error */
};

static const char *const level_word[] = {
	[LOG_FACT] = "fact", [LOG_WARN] = "warning", [LOG_FAULT] = "fault"
};

/* A child has another. */
static void
forget_pid(void)
{
	log_state.pid = 0;
}

int
log_pid(void)
{
	pid_t pid = log_state.watched ? log_state.pid : 0;

	if (pid == 0)
		log_state.pid = pid = getpid();
	return pid;
}

/* systemd.exec(5): JOURNAL_STREAM is "DEVICE:INODE" of the stream that leads to the journal. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void
log_open(const char *program, const char *server, enum log_sink sink)
{
	snprintf(log_state.program, sizeof(log_state.program), "%s", program);
	snprintf(log_state.server, sizeof(log_state.server), "%s", server);
	log_state.journal = stderr_is_journal();
	if (!log_state.watched)
		log_state.watched = pthread_atfork(NULL, NULL, forget_pid) == 0;
	log_move(sink, STDERR_FILENO);
}

static void
set_place(enum log_sink sink, int fd)
{
	log_state.sink = sink;
	log_state.fd = sink == LOG_TO_FILE ? fd : sink == LOG_TO_JSON ? STDOUT_FILENO : STDERR_FILENO;
	if (sink == LOG_TO_SYSLOG)
		openlog(log_state.program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_move(enum log_sink sink, int fd)
{
	pthread_rwlock_wrlock(&place_lock);
	set_place(sink, fd);
	pthread_rwlock_unlock(&place_lock);
}

void
log_take(enum log_sink sink, int fd)
{
	pthread_rwlock_wrlock(&place_lock);
	if (dup2(fd, STDERR_FILENO) != -1 && dup2(fd, STDOUT_FILENO) != -1)
		set_place(sink, STDERR_FILENO);
	pthread_rwlock_unlock(&place_lock);
}

/* syslog(3) tries both kinds of sockets, too. */
bool
log_syslog_listens(void)
{
	static const int kinds[] = { SOCK_DGRAM, SOCK_STREAM };
	const struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = _PATH_LOG };
	bool listens = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !listens; i++) {
		int fd = socket(AF_UNIX, kinds[i] | SOCK_CLOEXEC, 0);

		listens = fd != -1 && connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0;
		if (fd != -1)
			close(fd);
	}
	return listens;
}

/* What stands before a line: its time in a file, its severity in the journal, the process. */
static size_t
put_head(char *out, size_t size, enum log_level level)
{
	bool journal = log_state.journal && log_state.sink == LOG_TO_STDERR;
	char date[CLOCK_DATE_SIZE];
	size_t at = 0;

	if (log_state.sink == LOG_TO_FILE) {
		clock_format_utc(date, clock_wall_us());
		at = (size_t)snprintf(out, size, "%s ", date);
	}
	/* sd-daemon(3): the severity. The journal names the service itself, and not its workers. */
	if (journal)
		at += (size_t)snprintf(out + at, size - at, "<%d>", syslog_level[level]);
	if (!journal || strcmp(log_state.program, "postern") != 0)
		at += (size_t)snprintf(out + at, size - at, "%s[%d]: ", log_state.program, log_pid());
	return at;
}

static size_t
put_line(char *out, enum log_level level, const char *line, size_t len)
{
	size_t head = put_head(out, HEAD_SIZE, level);

	memcpy(out + head, line, len);
	out[head + len] = '\n';
	return head + len + 1;
}

/* In the form of the place where lines go, which does not change meanwhile. */
static void
write_there(enum log_level level, const char *line, size_t len)
{
	char out[OUT_SIZE];
	size_t end;

	if (log_state.sink == LOG_TO_SYSLOG) {
		syslog(syslog_level[level], "%s", line);
		return;
	}
	end = log_state.sink == LOG_TO_JSON ?
	    log_json(out, level_word[level], clock_wall_us(), log_state.program, log_pid(), line, len) :
	    put_line(out, level, line, len);
	if (write(log_state.fd, out, end) == -1)
		return; /* nothing takes it: there is no better place to say so */
}

static void
write_line(enum log_level level, const char *line, size_t len)
{
	pthread_rwlock_rdlock(&place_lock);
	write_there(level, line, len);
	pthread_rwlock_unlock(&place_lock);
}

/* In case a caller forgot log_safe(), and where a character was cut at the end. */
static void
hide_rest(char *line, size_t len)
{
	for (size_t i = 0, n; i < len; i += n > 0 ? n : 1) {
		n = utf8_take_printable((const unsigned char *)line + i, len - i);
		if (n == 0)
			line[i] = '?';
	}
}

/* `kept`: in the event log, too, and not by those alone who watch. */
static void
write_event(enum log_level level, bool kept, const char *id, const char *event, const char *fmt, va_list ap)
{
	int saved = errno;
	char line[LINE_SIZE];
	int at = snprintf(line, sizeof(line), "%s event=%s%s%s%s", id != NULL ? id : "-", event,
	    log_state.server[0] != '\0' ? " server=" : "", log_state.server, *fmt != '\0' ? " " : "");

	if (at < (int)sizeof(line)) {
		int more;

		errno = saved; /* for %m */
		more = vsnprintf(line + at, sizeof(line) - (size_t)at, fmt, ap);
		at = more < 0 ? at : at + more;
	}
	if (at >= (int)sizeof(line))
		at = (int)sizeof(line) - 1;
	hide_rest(line, (size_t)at);
	if (kept)
		write_line(level, line, (size_t)at);
	log_watch_tell(level_word[level], log_state.program, log_pid(), line, (size_t)at);
	errno = saved;
}

void
log_detail(const char *id, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (!log_watch_any())
		return;
	va_start(ap, fmt);
	write_event(LOG_FACT, false, id, event, fmt, ap);
	va_end(ap);
}

void
log_event(enum log_level level, const char *id, const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_event(level, true, id, event, fmt, ap);
	va_end(ap);
}

/* Appends a character of `n` bytes, or (0) one byte, escaped; false when it does not fit. */
static bool
safe_put(char *dst, size_t *at, const unsigned char *s, size_t n)
{
	char piece[5];
	size_t len;

	if (n == 0)
		len = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", *s);
	else if (*s == '"' || *s == '\\')
		len = (size_t)snprintf(piece, sizeof(piece), "\\%c", *s);
	else
		len = (size_t)snprintf(piece, sizeof(piece), "%.*s", (int)n, (const char *)s);
	if (*at + len + 2 > LOG_SAFE_SIZE)
		return false;
	memcpy(dst + *at, piece, len);
	*at += len;
	return true;
}

const char *
log_safe_n(const char *text, size_t len)
{
	static _Thread_local char ring[SAFE_COUNT][LOG_SAFE_SIZE];
	static _Thread_local unsigned turn;
	char *dst = ring[turn++ % SAFE_COUNT];
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;
	bool quote = len == 0;

	for (size_t i = 0; i < len && !quote; i++)
		quote = text[i] == ' ' || text[i] == '"' || text[i] == '=';
	if (quote)
		dst[at++] = '"';
	for (size_t i = 0, n; i < len; i += n > 0 ? n : 1) {
		n = utf8_take_printable(s + i, len - i);
		if (!safe_put(dst, &at, s + i, n))
			break;
	}
	if (quote)
		dst[at++] = '"';
	dst[at] = '\0';
	return dst;
}

const char *
log_safe(const char *text)
{
	return text != NULL ? log_safe_n(text, strlen(text)) : "-";
}

const char *
log_value(const char *text)
{
	return log_safe(text != NULL && *text != '\0' ? text : NULL);
}

void
die(int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(LOG_FAULT, NULL, "exit", "code=%d reason=%s", code, log_safe(text));
	exit(code);
}

void
bug(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(LOG_FAULT, NULL, "bug", "reason=%s", log_safe(text));
	abort();
}
