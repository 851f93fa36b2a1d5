/*
 * session_reply - says a reply, and does what its row asks for: counts, reports, closes; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  every refusal that is worth an event is reported once; no other file looks at reply flags
 * Fails by: never
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config.h"
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
	bool closes = reply_rows[which].flags & REPLY_CLOSE;	/* its words name the host */
	bool *told = which == REPLY_RECIPIENTS ? &s->envelope->overflow :
	    which == REPLY_MEMORY ? &s->envelope->short_told : NULL;

	say_reply(s, which, closes ? s->server->fqdn : recipient, recipient, told == NULL || !*told);
	if (told != NULL)
		*told = true;
}

/* Not over 512 bytes a line: what is longer is cut (RFC 5321 4.5.3.1.5). */
static void
send_lines(struct session *s, const char *text)
{
	struct buf out = BUF_INIT(64U << 10);

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n"), cut = len < REPLY_SIZE - 2 ? len : REPLY_SIZE - 2;
		bool last = line[len] == '\0';

		buf_add(&out, line, 3);
		buf_add(&out, last ? " " : "-", 1);
		buf_add(&out, line + 4, cut - 4);
		buf_add(&out, "\r\n", 2);
		line += last ? len : len + 1;
	}
	s->ops->send(s->arg, buf_text(&out), out.len);
	buf_done(&out);
}

void
session_reply_words(struct session *s, enum reply which, const char *text, const char *recipient,
    bool closes)
{
	const struct reply_row *row = &reply_rows[which];
	char first[REPLY_SIZE];
	size_t len = strcspn(text, "\n"), cut = len < REPLY_SIZE - 1 ? len : REPLY_SIZE - 1;

	memcpy(first, text, cut);
	first[cut] = '\0';
	send_lines(s, text);
	s->ops->count(s->arg, row->counter, 1);
	s->ops->refused(s->arg, recipient, first);
	if (*text == '5' && (row->flags & REPLY_ERROR))
		count_error(s);
	if (closes || strncmp(text, "421", 3) == 0)
		session_phase_end(s, row->flags & REPLY_LINGER);
}
