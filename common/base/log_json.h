/* log_json - a line of the event log as one JSON object */
#ifndef COMMON_BASE_LOG_JSON_H
#define COMMON_BASE_LOG_JSON_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of an object with its line end: no more than a pipe takes in one piece (PIPE_BUF). */
#define LOG_JSON_MAX 4096

/*
 * {"time":...,"level":...,"program":...,"id":...,"event":...} with the facts of "ID event=... key=value",
 * their escapes undone, and a line end. What is no UTF-8 becomes U+FFFD. Of two facts with one name the first
 * counts. From the first fact on that has no room, all are left out, and "cut" is true. The length; no NUL
 * is put.
 */
size_t log_json(char dst[LOG_JSON_MAX], const char *level, int64_t us, const char *program, pid_t pid,
    const char *line, size_t len);

#endif
