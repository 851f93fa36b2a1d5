/*
 * filter_header - the fields of a header as a list, and what filters do to it: insert, change, delete; pure
 *
 * Runs in:  filter
 * Owns:     the text of fields that were added or changed
 * Promise:  a field that no filter touches keeps its bytes. What a filter writes is one field: in its name no
 *           colon, blank or control byte; in its value no NUL, no bare CR, and each line end is a fold
 * Fails by: what is wrong, in words; the list is then of no use
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/header.h"
#include "listener/filter/filter.h"

enum { NAME_MAX_BYTES = 250 };

static void
insert_field(struct filter_header *h, size_t at, char *text, size_t len, bool own)
{
	if (h->count == h->room) {
		h->room = h->room == 0 ? 32 : h->room * 2;
		h->field = mem_array(h->field, h->room, sizeof(*h->field));
	}
	memmove(&h->field[at + 1], &h->field[at], (h->count - at) * sizeof(*h->field));
	h->field[at] = (struct filter_field){ text, len, own };
	h->count++;
	h->bytes += len;
}

static void
remove_field(struct filter_header *h, size_t at)
{
	h->bytes -= h->field[at].len;
	if (h->field[at].own)
		free(h->field[at].text);
	h->count--;
	memmove(&h->field[at], &h->field[at + 1], (h->count - at) * sizeof(*h->field));
}

int
filter_header_parse(struct filter_header *h, char *data, size_t len)
{
	struct header_field f;
	size_t pos = 0;

	*h = (struct filter_header){ 0 };
	while (header_next(data, len, &pos, &f) == 1) {
		if (h->count == FILTER_FIELDS_MAX) {
			filter_header_done(h);
			return -1;
		}
		insert_field(h, h->count, data + (f.start - data), f.size, false);
	}
	return 0;
}

void
filter_header_copy(struct filter_header *to, const struct filter_header *from)
{
	*to = (struct filter_header){ 0 };
	for (size_t i = 0; i < from->count; i++) {
		const struct filter_field *f = &from->field[i];

		insert_field(to, i, f->own ? mem_strndup(f->text, f->len) : f->text, f->len, f->own);
	}
}

void
filter_header_done(struct filter_header *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->field[i].own)
			free(h->field[i].text);
	free(h->field);
	*h = (struct filter_header){ 0 };
}

/* Bytes of the name, without blanks before the colon. */
static size_t
name_length(const struct filter_field *f)
{
	const char *colon = memchr(f->text, ':', f->len);
	size_t len = colon != NULL ? (size_t)(colon - f->text) : f->len;

	while (len > 0 && (f->text[len - 1] == ' ' || f->text[len - 1] == '\t'))
		len--;
	return len;
}

/* A string of the protocol ends at a NUL, and its lines end with LF. */
static void
put_value(struct buf *out, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\r' && i + 1 < len && value[i + 1] == '\n')
			continue;
		buf_add(out, value[i] != '\0' ? &value[i] : "?", 1);
	}
	buf_add(out, "", 1);
}

void
filter_header_show(struct buf *out, const struct filter_field *f, bool leading)
{
	const char *colon = memchr(f->text, ':', f->len);
	size_t at = colon != NULL ? (size_t)(colon + 1 - f->text) : f->len, end = f->len;

	while (end > at && (f->text[end - 1] == '\n' || f->text[end - 1] == '\r'))
		end--;
	while (!leading && at < end && (f->text[at] == ' ' || f->text[at] == '\t'))
		at++;
	put_value(out, f->text, name_length(f));
	put_value(out, f->text + at, end - at);
}

/* The lines of the value; each but the first begins with a blank, or gets one. Empty ones go. */
static bool
put_lines(struct buf *out, const char *value, bool leading)
{
	for (bool first = true; ; first = false) {
		size_t len = strcspn(value, "\n"), text = len > 0 && value[len - 1] == '\r' ? len - 1 : len;

		if (memchr(value, '\r', text) != NULL)
			return false;
		if (first)
			buf_puts(out, leading ? "" : " ");
		else if (strspn(value, " \t") < text)
			buf_puts(out, *value == ' ' || *value == '\t' ? "\r\n" : "\r\n\t");
		if (first || strspn(value, " \t") < text)
			buf_add(out, value, text);
		if (value[len] == '\0')
			break;
		value += len + 1;
	}
	buf_puts(out, "\r\n");
	return true;
}

/* The whole field, allocated. NULL and what is wrong. */
static char *
make_field(const char *name, const char *value, bool leading, size_t *size, const char **why)
{
	struct buf out = BUF_INIT(MILTER_PACKET_MAX * 2);
	size_t len = strlen(name);
	char *text = NULL;

	*why = "it wants a header field with a name that none can have";
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] == 127 || name[i] == ':')
			len = 0;
	if (len == 0 || len > NAME_MAX_BYTES)
		return NULL;
	buf_puts(&out, name);
	buf_puts(&out, ":");
	*why = "it wants a header field with a carriage return in it";
	if (put_lines(&out, value, leading) && buf_ok(&out)) {
		*size = out.len;
		text = mem_strndup(buf_text(&out), out.len);
	}
	buf_done(&out);
	return text;
}

static const char *
add_field(struct filter_header *h, size_t at, char *text, size_t len)
{
	if (h->count >= FILTER_FIELDS_MAX || h->bytes + len > FILTER_HEADER_MAX) {
		free(text);
		return "it makes the header too large";
	}
	insert_field(h, at, text, len, true);
	return NULL;
}

const char *
filter_header_insert(struct filter_header *h, uint32_t index, const char *name, const char *value,
    bool leading)
{
	const char *why;
	size_t len;
	char *text = make_field(name, value, leading, &len, &why);

	if (text == NULL)
		return why;
	return add_field(h, index < h->count ? index : h->count, text, len);
}

/* Its place; the count when it is not there. */
static size_t
find_field(const struct filter_header *h, uint32_t index, const char *name)
{
	size_t len = strlen(name);
	uint32_t seen = 0;

	for (size_t i = 0; i < h->count; i++)
		if (name_length(&h->field[i]) == len && strncasecmp(h->field[i].text, name, len) == 0 &&
		    ++seen >= index)
			return i;
	return h->count;
}

const char *
filter_header_change(struct filter_header *h, uint32_t index, const char *name, const char *value,
    bool leading)
{
	size_t at = find_field(h, index, name), len;
	const char *why;
	char *text;

	if (*value == '\0') {
		if (at < h->count)
			remove_field(h, at);
		return NULL;
	}
	text = make_field(name, value, leading, &len, &why);
	if (text == NULL)
		return why;
	if (at < h->count)
		remove_field(h, at);
	return add_field(h, at, text, len);
}

void
filter_header_print(struct buf *out, const struct filter_header *h)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct filter_field *f = &h->field[i];

		buf_add(out, f->text, f->len);
		if (f->len == 0 || f->text[f->len - 1] != '\n')
			buf_puts(out, "\r\n");
	}
	buf_puts(out, "\r\n");
}
