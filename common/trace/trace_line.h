/* trace_line - one line of the event log: its parts, and which message it is about */
#ifndef COMMON_TRACE_TRACE_LINE_H
#define COMMON_TRACE_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message_id.h"

struct trace_line {
	char stamp[64], program[48], *pid;
	char *rest;			/* "ID event=... key=value" */
};

/*
 * "TIME postern-x[PID]: ID event=..." of our own file, "TIME HOST postern-x[PID]: ..." of syslog and journal.
 * `copy` is changed and belongs to the caller.
 */
bool trace_line_parse(struct trace_line *l, char *copy);
/* The value of a key, as it was before it was escaped, cut where `dst` ends. False: the line has none. */
bool trace_line_value(const struct trace_line *l, const char *key, char *dst, size_t size);
/* The message that the line is about; false: none. */
bool trace_line_id(const struct trace_line *l, char id[MESSAGE_ID_SIZE]);

/* Which messages are meant; NULL: whichever. */
struct trace_wish {
	const char *sender, *recipient;	/* an address, or "@domain", in any letter case */
	const char *message_id;		/* the field of that name, with or without < and > */
};

/* The parts of a wish, as bits: the lines of one message together say all of them. */
enum { TRACE_SENDER = 1, TRACE_RECIPIENT = 2, TRACE_MESSAGE_ID = 4 };
unsigned trace_line_parts(const struct trace_wish *w);	/* that it has */
/* Pure. Cheap: whether the line may say any part of the wish, before it is parsed. */
bool trace_line_may_fit(const struct trace_wish *w, const char *line);
/* The parts that it says. */
unsigned trace_line_fits(const struct trace_wish *w, const struct trace_line *l);
/* Rising, for trace_line_names. */
void trace_line_sort_ids(char (*ids)[MESSAGE_ID_SIZE], size_t count);
/* Whether the line is of one of these messages, or names one: a report, a move to another queue. */
bool trace_line_names(const struct trace_line *l, char (*ids)[MESSAGE_ID_SIZE], size_t count);
/* Whether it is of that virtual server. */
bool trace_line_is_of(const struct trace_line *l, const char *server);

#endif
