/*
 * milter_reply - what a filter may answer: one row an answer, with its place, form and the action it needs;
 * pure
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  an answer that has no row, or is at another place, of another form or was not negotiated, is a
 *           fault
 * Fails by: what is wrong, in words
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

enum { AT_SESSION = 1, AT_ENVELOPE = 2, AT_CONTENT = 4, AT_END = 8, ALWAYS = 15 };
enum form { FORM_NOTHING, FORM_TEXT, FORM_TEXTS, FORM_FIELD, FORM_NUMBERED, FORM_BYTES };

static const struct row {
	char code;
	enum form form;
	unsigned places;
	uint32_t action;	/* that was negotiated */
} rows[] = {
	{ 'c', FORM_NOTHING, ALWAYS, 0 },		/* continue */
	{ 'a', FORM_NOTHING, ALWAYS, 0 },		/* accept */
	{ 'r', FORM_NOTHING, ALWAYS, 0 },		/* reject */
	{ 't', FORM_NOTHING, ALWAYS, 0 },		/* tempfail */
	{ 'y', FORM_TEXT, ALWAYS, 0 },			/* replycode */
	{ 'd', FORM_NOTHING, AT_ENVELOPE | AT_CONTENT | AT_END, 0 },	/* discard */
	{ 's', FORM_NOTHING, AT_CONTENT, 0 },		/* skip */
	{ '4', FORM_NOTHING, ALWAYS, 0 },		/* shutdown */
	{ 'f', FORM_NOTHING, AT_SESSION, 0 },		/* conn_fail */
	{ 'p', FORM_NOTHING, AT_END, 0 },		/* progress */
	{ 'h', FORM_FIELD, AT_END, MILTER_ADD_HEADERS },
	{ 'i', FORM_NUMBERED, AT_END, MILTER_ADD_HEADERS },
	{ 'm', FORM_NUMBERED, AT_END, MILTER_CHANGE_HEADERS },
	{ 'b', FORM_BYTES, AT_END, MILTER_CHANGE_BODY },
	{ '+', FORM_TEXT, AT_END, MILTER_ADD_RCPT },
	{ '2', FORM_TEXTS, AT_END, MILTER_ADD_RCPT_PAR },
	{ '-', FORM_TEXT, AT_END, MILTER_DELETE_RCPT },
	{ 'e', FORM_TEXTS, AT_END, MILTER_CHANGE_FROM },
	{ 'q', FORM_TEXT, AT_END, MILTER_QUARANTINE },
};

static unsigned
place_of(char command)
{
	switch (command) {
	case MILTER_CONNECT: case MILTER_HELO:
		return AT_SESSION;
	case MILTER_MAIL: case MILTER_RCPT: case MILTER_DATA:
		return AT_ENVELOPE;
	case MILTER_END:
		return AT_END;
	default:
		return AT_CONTENT;
	}
}

/* The string at *data, which is moved behind it. NULL: it does not end. */
static const char *
take_text(const char **data, const char *end)
{
	const char *text = *data, *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

	if (nul != NULL)
		*data = nul + 1;
	return nul != NULL ? text : NULL;
}

/* Whether all of the packet has the form. */
static bool
take_form(struct milter_reply *r, const struct milter_packet *p, enum form form)
{
	const char *data = p->data, *end = p->data + p->len;

	r->value = "";
	switch (form) {
	case FORM_BYTES:
		r->data = p->data;
		r->len = p->len;
		return true;
	case FORM_NOTHING:
		return p->len == 0;
	case FORM_NUMBERED:
		if (p->len < 4)
			return false;
		r->index = milter_packet_number(data);
		data += 4;
		/* FALLTHROUGH */
	case FORM_FIELD:
		r->name = take_text(&data, end);
		r->value = take_text(&data, end);
		return r->name != NULL && r->value != NULL && data == end;
	case FORM_TEXT:
	case FORM_TEXTS:
		r->name = take_text(&data, end);
		if (r->name != NULL && form == FORM_TEXTS && data < end)
			r->value = take_text(&data, end);
		return r->name != NULL && r->value != NULL && data == end;
	default:
		return false;
	}
}

const char *
milter_reply_take(struct milter_reply *r, const struct milter_packet *p, char command, uint32_t actions,
    uint32_t steps)
{
	const struct row *row = NULL;

	*r = (struct milter_reply){ .code = p->code };
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].code == p->code)
			row = &rows[i];
	if (row == NULL)
		return "it gave an answer that does not exist";
	if (!(row->places & place_of(command)))
		return "it gave an answer that has no place there";
	if (row->action != 0 && !(actions & row->action))
		return "it wants a change that it has not negotiated";
	if (p->code == 's' && (command != MILTER_BODY || !(steps & MILTER_SKIP)))
		return "it skips what it has not negotiated";
	if (!take_form(r, p, row->form))
		return "its answer is malformed";
	return NULL;
}

/* One line, without its end: "550-5.7.1 a" as "550 5.7.1 a", and "%%" as "%". */
static bool
put_line(struct buf *out, const char *line, size_t len, bool last)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len < 3 || (len > 3 && line[3] != ' ' && (last || line[3] != '-')))
		return false;
	buf_add(out, line, 3);
	buf_puts(out, " ");
	for (size_t i = 4; i < len; i++) {
		if (line[i] == '%' && i + 1 < len && line[i + 1] == '%')
			i++;
		buf_add(out, &line[i], 1);
	}
	return true;
}

bool
milter_reply_format(char *dst, size_t size, const char *text)
{
	struct buf out = BUF_INIT(size - 1);
	bool good = true;

	for (;;) {
		size_t len = strcspn(text, "\n");
		bool last = text[len] == '\0' || text[len + 1] == '\0';

		good = good && put_line(&out, text, len, last);
		if (last)
			break;
		buf_puts(&out, "\n");
		text += len + 1;
	}
	good = good && buf_ok(&out) && msg_filter_reply_is_good(buf_text(&out));
	snprintf(dst, size, "%s", good ? buf_text(&out) : "");
	buf_done(&out);
	return good;
}
