/* log - the event log: one line, one fact, key=value, message id first */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_FACT, LOG_WARN, LOG_FAULT };
enum log_sink {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG,		/* syslog(3), facility mail */
	LOG_TO_FILE,		/* the standard error output is a file: lines begin with the time */
	LOG_TO_JSON,		/* the standard output, a JSON object a line (log_json) */
	LOG_SINKS
};

/*
 * Names the process ("postern-listener") and the virtual server ("" in master
 * and helpers), and says where lines go. Where the journal of systemd reads
 * stderr, a line begins with its severity, "<4>". Both strings are copied.
 */
void log_open(const char *program, const char *server, enum log_sink sink);
/* From now on lines go there. LOG_TO_FILE: to `fd`, which stays the caller's. */
void log_move(enum log_sink sink, int fd);
/*
 * The standard outputs become `fd`, which stays the caller's, and lines go there in the form of `sink` from
 * now on: no line of any thread gets there in the form before, or to the place before in that form.
 */
void log_take(enum log_sink sink, int fd);
/* This process as its lines name it: the kernel is asked once. */
int log_pid(void);
/* Whether a syslog daemon takes lines now. */
bool log_syslog_listens(void);

/*
 * Writes "ID event=EVENT server=NAME " and then the formatted key=value pairs.
 * `id` is a message id, or NULL for "-". Hostile text goes through log_safe(); where it did not, what may
 * not be shown becomes "?".
 * Lines are cut at 2,000 bytes. Saves and restores errno. Any thread.
 */
void log_event(enum log_level level, const char *id, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same for those alone who watch the log now (log_watch); without them it costs nothing. */
void log_detail(const char *id, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * `text` (NULL is "-") made safe for one log value: bytes of what may not be shown (utf8_take_printable)
 * become \xHH, and the whole is quoted when it has a blank, a quote, an equals sign or is empty.
 * Returns one of eight rotating buffers of the calling thread, LOG_SAFE_SIZE bytes each:
 * use it in the same statement.
 */
#define LOG_SAFE_SIZE 600	/* copies have room for it: without its last quote it hides what follows */
const char *log_safe(const char *text);
const char *log_safe_n(const char *text, size_t len);
/* The same where an empty text means that there is none: "-", too. */
const char *log_value(const char *text);

/* Logs event=exit with the text and leaves with `code` (sysexits.h). Before the loop runs only. */
_Noreturn void die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A broken invariant of our own: logs event=bug and aborts. */
_Noreturn void bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
