/*
 * evacuate_words - what two nodes say to each other when a queue goes from one to the other; pure
 *
 * Runs in:  deliver, on the loop and on pool threads
 * Owns:     the table of answers
 * Promise:  parse(format(x)) equals x. An id is one, so that it can be a name of a file; numbers are in their
 *           bounds; a note has only lines that note_format writes, about recipients that are there
 * Fails by: false, or words
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/evacuate/evacuate.h"
#include "deliver/result/result.h"

#define DAY INT64_C(86400)
#define FUTURE_MAX DAY		/* clocks of two nodes are not apart so far */
#define DUE_MAX (366 * DAY)

/* Ended by the row for all other errors. */
static const struct { int error; unsigned code; const char *status, *words; } answer_rows[] = {
	{ 0, 250, "2.0.0", "taken" },
	{ ENOSPC, 452, "4.3.1", "no mail is taken: the file system is at its reserve (disk-reserve)" },
	{ EDQUOT, 452, "4.2.2", "the drop folder is over its quota (drop-quota): no mail for own domains" },
	{ EAGAIN, 451, "4.3.5", "the queue is not open yet; ask again" },
	{ ESHUTDOWN, 451, "4.3.2", "the process ends just now; ask again" },
	{ ESTALE, 451, "4.2.1", "the queue folder is not there" },
	{ EEXIST, 554, "5.6.1", "another message has this id, or it is on its way to somewhere else" },
	{ EBADMSG, 554, "5.6.0", "it is no whole message" },
	{ EPROTO, 451, "4.3.0", "it could not be written" },
};

/* --- PUT --- */

void
evacuate_words_format_put(const struct evacuate_put *p, struct buf *out)
{
	buf_printf(out, "PUT %s %" PRId64 " %d %" PRIu64 " %" PRIu64 "\r\n", p->id, p->due, p->held, p->note,
	    p->size);
}

/* A blank and a decimal number of at most 18 digits, which it moves behind. */
static bool
take_number(const char **at, const char *end, uint64_t *number)
{
	const char *p = *at;

	*number = 0;
	if (p == end || *p++ != ' ')
		return false;
	for (*at = p; p < end && *p >= '0' && *p <= '9' && p - *at < 18; p++)
		*number = *number * 10 + (uint64_t)(*p - '0');
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool
take_id(const char **at, const char *end, char id[MESSAGE_ID_SIZE])
{
	if (end - *at < MESSAGE_ID_LEN + 1 || **at != ' ')
		return false;
	memcpy(id, *at + 1, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	*at += MESSAGE_ID_LEN + 1;
	return message_id_is_valid(id);
}

bool
evacuate_words_parse_put(struct evacuate_put *p, const char *line, size_t len)
{
	const char *at = line + 3, *end = line + len;
	uint64_t due, held;

	*p = (struct evacuate_put){ .id = "" };
	if (len < 3 || memcmp(line, "PUT", 3) != 0 || !take_id(&at, end, p->id) ||
	    !take_number(&at, end, &due) || !take_number(&at, end, &held) ||
	    !take_number(&at, end, &p->note) || !take_number(&at, end, &p->size) || at != end || held > 1)
		return false;
	p->due = (int64_t)due;
	p->held = held == 1;
	return true;
}

const char *
evacuate_words_judge(const struct evacuate_put *p, int64_t now_us)
{
	if (message_id_time_us(p->id) > now_us + FUTURE_MAX * 1000000)
		return "its id is of a time that has not come";
	if (p->due == 0 || p->due > now_us / 1000000 + DUE_MAX)
		return "it is due at no time that can be";
	if (p->note > EVACUATE_NOTE_MAX)
		return "its note is too long";
	return p->size < MESSAGE_END_SIZE ? "it is no whole message" : NULL;
}

/* --- answers --- */

static size_t
row_of(int error)
{
	size_t i = 0;

	while (i < nitems_of(answer_rows) - 1 && answer_rows[i].error != error)
		i++;
	return i;
}

const char *
evacuate_words_error(int error)
{
	size_t i = row_of(error);

	return error != 0 && answer_rows[i].error == error ? answer_rows[i].words : NULL;
}

void
evacuate_words_format_answer(const struct evacuate_answer *a, const char *words, struct buf *out)
{
	size_t i = row_of(a->error);

	buf_printf(out, "%u %s %s %.300s\r\n", answer_rows[i].code, answer_rows[i].status, a->id,
	    a->known ? "known" : words != NULL ? words : answer_rows[i].words);
}

/* What has no row, but refuses it, is as the last one. */
static int
error_of(const char *code, size_t len)
{
	char text[16];

	for (size_t i = 0; i < nitems_of(answer_rows); i++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "%u %s", answer_rows[i].code,
		    answer_rows[i].status);

		if (n == len && memcmp(text, code, len) == 0)
			return answer_rows[i].error;
	}
	return EPROTO;
}

bool
evacuate_words_parse_answer(struct evacuate_answer *a, const char *line, size_t len)
{
	const char *at = line + 9, *end = line + len;

	*a = (struct evacuate_answer){ .id = "" };
	if (len < 9 || len >= sizeof(a->said) || line[3] != ' ' || memchr("245", line[0], 3) == NULL ||
	    !take_id(&at, end, a->id))
		return false;
	for (size_t i = 0; i < len; i++)
		a->said[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
	if (line[0] != '2') {
		a->error = error_of(line, 9);
		return a->error != 0;
	}
	if (memcmp(line, "250 2.0.0", 9) != 0 || end - at != 6)
		return false;
	a->known = memcmp(at, " known", 6) == 0;
	return a->known || memcmp(at, " taken", 6) == 0;
}

/* --- the note --- */

void
evacuate_words_copy_note(const char *text, size_t len, struct buf *out)
{
	struct note_line line;

	for (size_t pos = 0; note_next(text, len, &pos, &line);)
		if (line.kind != NOTE_OTHER)
			note_format(&line, out);
}

static const char *
judge_line(const struct note_line *line, size_t recipients, int64_t now_us)
{
	int64_t seconds = line->kind == NOTE_FAILED ? line->time / 1000000 : line->time;

	if (line->kind == NOTE_OTHER)
		return "its note has a line that is none";
	if (line->kind == NOTE_FAILED && line->number >= recipients)
		return "its note is about a recipient that is not there";
	return seconds >= 0 && seconds <= now_us / 1000000 + FUTURE_MAX ? NULL :
	    "its note is of a time that cannot be";
}

/* Every line is what note_format would make of it, so that nothing else comes into the queue. */
const char *
evacuate_words_judge_note(const char *text, size_t len, size_t recipients, int64_t now_us)
{
	struct buf again = BUF_INIT(sizeof(struct note_line) + 256);
	const char *why = NULL;
	struct note_line line;
	size_t pos = 0;

	while (pos < len && why == NULL) {
		size_t from = pos;

		if (text[from] == '\n' || !note_next(text, len, &pos, &line))
			why = "its note has a line that is none";
		else
			why = judge_line(&line, recipients, now_us);
		buf_clear(&again);
		if (why == NULL)
			note_format(&line, &again);
		if (why == NULL && (again.len != pos - from ||
		    memcmp(again.data, text + from, again.len) != 0))
			why = "its note has a line that is none";
	}
	buf_done(&again);
	return why;
}
