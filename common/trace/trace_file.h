/* trace_file - the lines of one file of the event log, packed or not */
#ifndef COMMON_TRACE_TRACE_FILE_H
#define COMMON_TRACE_TRACE_FILE_H

#include <stdint.h>

#define TRACE_FILE_LINE_MAX 8192	/* longer lines are cut */

struct trace_file;

/* Takes over `fd`, of a file or a pipe. `at`: where trace_file_at() was before; 0: the beginning. */
struct trace_file *trace_file_open(int fd, int64_t at);
/*
 * Without its end; may be changed; good until the next call. An empty one may stand for a piece of what is
 * left out, so that who calls can look at the clock. NULL: the end, or it cannot be read.
 */
char *trace_file_next(struct trace_file *f);
int64_t trace_file_at(const struct trace_file *f);	/* bytes before what the next call gives, unpacked */
/* Why the last call gave NULL; NULL: it was the end. */
const char *trace_file_fault(const struct trace_file *f);
void trace_file_close(struct trace_file *f);		/* NULL is fine */

#endif
