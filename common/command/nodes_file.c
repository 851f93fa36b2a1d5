/*
 * nodes_file - the lines of the file with the state of all nodes; pure
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  what a node says, in whatever bytes, is one line of eight columns; a line that is none of these
 *           is not passed on, whoever wrote the file
 * Fails by: false; the cap of a buffer
 */
#include "common/command/nodes_file.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/command/msg_queue.h"

#define COLUMNS 8U
#define NAME_MOST 255U
#define LINE_MOST 6144U
#define ESCAPED_MOST (4 * NODES_FILE_REASON_MAX)
#define NUMBER_MOST INT64_C(999999999999999999)

static const char *const healths[] = { "OK", "WARNING", "CRITICAL" };

static void
put_text(struct buf *out, const char *text, size_t most)
{
	msg_queue_put(out, text != NULL && *text != '\0' ? text : "-", most);
	buf_puts(out, "\t");
}

static void
put_number(struct buf *out, int64_t value)
{
	if (value < 0 || value > NUMBER_MOST)	/* a node that says so does not know either */
		buf_puts(out, "-\t");
	else
		buf_printf(out, "%" PRId64 "\t", value);
}

static bool
is_health(const char *word, size_t len)
{
	for (size_t i = 0; i < nitems_of(healths); i++)
		if (strlen(healths[i]) == len && memcmp(healths[i], word, len) == 0)
			return true;
	return false;
}

/* What has no room goes with the word that would be cut. */
static void
put_reason(struct buf *out, const char *reason)
{
	char text[NODES_FILE_REASON_MAX];
	size_t len = strnlen(reason, sizeof(text)), cut = len;

	if (len < sizeof(text)) {
		msg_queue_put(out, reason, ESCAPED_MOST);
		return;
	}
	cut = len = sizeof(text) - sizeof(" ...");
	while (cut > 0 && reason[cut] != ' ')
		cut--;
	memcpy(text, reason, cut > 0 ? cut : len);
	memcpy(text + (cut > 0 ? cut : len), " ...", sizeof(" ..."));
	msg_queue_put(out, text, ESCAPED_MOST);
}

void
nodes_file_put(struct buf *out, const struct nodes_file_row *row)
{
	bool known = row->health != NULL && is_health(row->health, strlen(row->health));

	put_text(out, row->node, NAME_MOST);
	buf_printf(out, "%" PRIu64 "\t", row->asked);
	put_text(out, row->name, NAME_MOST);
	put_text(out, row->state, NAME_MOST);
	put_text(out, known ? row->health : "CRITICAL", NAME_MOST);
	put_number(out, row->sessions);
	put_number(out, row->queue);
	put_reason(out, row->reason != NULL ? row->reason : "");
	buf_puts(out, "\n");
}

static bool
is_number(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && text[i] >= '0' && text[i] <= '9')
		i++;
	return i == len && len > 0 && len < 19;
}

static bool
is_column(unsigned column, const char *text, size_t len)
{
	bool none = len == 1 && *text == '-';

	switch (column) {
	case 1:
		return is_number(text, len);
	case 4:
		return is_health(text, len);
	case 5:
	case 6:
		return none || is_number(text, len);
	case 7:
		return true;
	default:
		return len > 0;
	}
}

bool
nodes_file_is_row(const char *line, size_t len)
{
	unsigned column = 0;
	size_t begin = 0;

	/* a mark in front would be a remark of the service */
	if (len > LINE_MOST || len == 0 || strchr("!=@", line[0]) != NULL)
		return false;
	for (size_t at = 0, n; at <= len; at += n) {
		n = 1;
		if (at == len || line[at] == '\t') {
			if (column == COLUMNS || !is_column(column++, line + begin, at - begin))
				return false;
			begin = at + 1;
		} else if ((n = utf8_take_printable((const unsigned char *)line + at, len - at)) == 0) {
			return false;
		}
	}
	return column == COLUMNS;
}
