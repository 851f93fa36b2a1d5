/*
 * session_reply - says a reply, and does what its row asks for: counts, reports, closes; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  every refusal that is worth an event is reported once; no other file looks at reply flags
 * Fails by: never
 */
#include "listener/smtp/smtp.h"

/* A client that guesses the names of recipients learns one a second; a list with dead ones goes on. */
static void
count_error(struct session *s)
{
	if (!s->recipient)
		s->errors++;
	else if (++s->refused > SESSION_ERRORS_MAX)
		session_phase_wait(s, WAIT_PAUSE);
}

static void
say_reply(struct session *s, enum reply which, const char *detail, const char *recipient, bool event)
{
	char line[REPLY_SIZE];
	const struct reply_row *row = &reply_rows[which];
	size_t len = reply_format(line, which, detail);

	s->ops->send(s->arg, line, len);
	if (row->counter != 0)
		s->ops->count(s->arg, row->counter, 1);
	if ((row->flags & REPLY_EVENT) && event) {
		line[len - 2] = '\0';
		s->ops->refused(s->arg, recipient, line);
	}
	if (row->flags & REPLY_ERROR)
		count_error(s);
	if (row->flags & REPLY_CLOSE)
		session_phase_end(s, row->flags & REPLY_LINGER);
}

void
session_reply(struct session *s, enum reply which, const char *detail)
{
	say_reply(s, which, detail, NULL, true);
}

void
session_reply_about(struct session *s, enum reply which, const char *recipient)
{
	/* A client that goes on and on over max-recipients or memory-limit is worth one event a message. */
	bool *told = which == REPLY_RECIPIENTS ? &s->envelope->overflow :
	    which == REPLY_MEMORY ? &s->envelope->short_told : NULL;

	say_reply(s, which, recipient, recipient, told == NULL || !*told);
	if (told != NULL)
		*told = true;
}
