/* events - posternctl watch and trace; one block a file */
#ifndef MASTER_POSTERNCTL_EVENTS_EVENTS_H
#define MASTER_POSTERNCTL_EVENTS_EVENTS_H

#include "common/mail/message_id.h"
#include "master/posternctl/posternctl.h"

/* --- watch_command: posternctl watch --- */
int watch_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- event_filter: which events are meant --- */
/* Whether the member `name` is that address, or in that "@domain"; wish NULL: every event. */
bool event_filter_fits(const char *wish, const json_t *row, const char *name);

/* --- trace_command: posternctl trace --- */
int trace_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count);

/* --- trace_log: the lines of the event log, oldest first --- */
struct trace_log;
struct trace_log *trace_log_open(const struct config_service *s);
/* Where events go that nothing keeps; NULL: they are kept. */
const char *trace_log_unkept(const struct config_service *s);
/* Without its end; the caller may change it; good until the next call. NULL: the end. */
char *trace_log_next(struct trace_log *t);
void trace_log_quiet(struct trace_log *t);	/* something is shown now: no progress beside it */
void trace_log_rewind(struct trace_log *t);
bool trace_log_is_refused(const struct trace_log *t);	/* a part of it may not be read by this user */
void trace_log_close(struct trace_log *t);

/* --- trace_ids: the messages whose lines together say all that is wanted --- */
struct trace_ids;
struct trace_ids *trace_ids_new(unsigned wanted, size_t most);	/* bits of trace_line.h */
void trace_ids_add(struct trace_ids *t, const char *id, unsigned parts);
bool trace_ids_is_full(const struct trace_ids *t);
/* Rising, `most` at most; owned by the caller, NULL: none. */
char (*trace_ids_take(struct trace_ids *t, size_t *count))[MESSAGE_ID_SIZE];
void trace_ids_free(struct trace_ids *t);

#endif
