/*
 * msg_filter - what listener and pickup ask the filter helper: sizes and checks; pure
 *
 * Runs in:  listener, filter, pickup
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings without control bytes, a stage, source and
 *           verdict that exist, extents that do not wrap, and a reply that is one
 * Fails by: false
 */
#include "common/msg/msg_filter.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_filter_ask) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_filter_answer) <= CTL_PAYLOAD_MAX, "fit one message");

void
msg_filter_ask_begin(struct msg_filter_ask *a, enum msg_filter_stage stage, enum msg_filter_source source)
{
	memset(a, 0, offsetof(struct msg_filter_ask, text));
	a->stage = (uint8_t)stage;
	a->source = (uint8_t)source;
}

bool
msg_filter_ask_add(struct msg_filter_ask *a, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(a->text) - a->len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		a->text[a->len + i] = (c < ' ' && c != '\0') || c == 127 ? '?' : text[i];
	}
	a->len += (uint32_t)len;
	return true;
}

bool
msg_filter_ask_add_macro(struct msg_filter_ask *a, const char *name, const char *value)
{
	uint32_t before = a->len;

	if (value == NULL || *value == '\0')
		return true;
	if (msg_filter_ask_add(a, name) && msg_filter_ask_add(a, value))
		return true;
	a->len = before;
	return false;
}

const char *
msg_filter_ask_next(const struct msg_filter_ask *a, const char *last)
{
	const char *next = last == NULL ? a->text : last + strlen(last) + 1;

	return next < a->text + a->len ? next : NULL;
}

size_t
msg_filter_ask_size(const struct msg_filter_ask *a)
{
	return offsetof(struct msg_filter_ask, text) + a->len;
}

size_t
msg_filter_answer_size(const struct msg_filter_answer *a)
{
	return offsetof(struct msg_filter_answer, text) + a->text_len;
}

/* Two arguments, then pairs; no control byte in any. */
static bool
are_strings(const struct msg_filter_ask *a)
{
	unsigned n = 0;

	if (a->len == 0 || a->text[a->len - 1] != '\0')
		return false;
	for (const char *s = NULL; (s = msg_filter_ask_next(a, s)) != NULL; n++)
		if (!ctl_text_is_text(s, (size_t)(a->text + a->len - s)))
			return false;
	return n >= 2 && n % 2 == 0;
}

bool
msg_filter_ask_take(struct msg_filter_ask *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_filter_ask, text);

	if (len < fixed || len > sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->len == len - fixed && a->stage < FILTER_STAGES && a->source < FILTER_SOURCES &&
	    (a->family == 0 || a->family == 4 || a->family == 6) && a->port <= UINT16_MAX &&
	    a->size <= INT64_MAX && are_strings(a);
}

/* "550 5.7.1 words" up to LF or the end; the code may not differ from that of `first`. */
static bool
is_reply_line(const char *line, size_t len, const char *first)
{
	if (len < 4 || (*line != '4' && *line != '5') || strspn(line, "0123456789") != 3 || line[3] != ' ' ||
	    memcmp(line, first, 3) != 0)
		return false;
	for (size_t i = 4; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			return false;
	return true;
}

bool
msg_filter_reply_is_good(const char *text)
{
	const char *line = text;

	for (;;) {
		size_t len = strcspn(line, "\n");

		if (!is_reply_line(line, len, text))
			return false;
		if (line[len] == '\0')
			return true;
		line += len + 1;
	}
}

static bool
is_extent(const struct msg_filter_extent *e)
{
	return e->at <= INT64_MAX && e->size <= INT64_MAX - e->at;
}

bool
msg_filter_extent_fits(const struct msg_filter_extent *e, uint64_t file_size)
{
	return is_extent(e) && e->at + e->size <= file_size;
}

bool
msg_filter_content_fits(const struct msg_filter_answer *a, uint64_t file_size, uint64_t most)
{
	return msg_filter_extent_fits(&a->changes, file_size) &&
	    msg_filter_extent_fits(&a->header, file_size) && msg_filter_extent_fits(&a->body, file_size) &&
	    a->header.size + a->body.size <= most;
}

uint64_t
msg_filter_content_most(uint64_t max_message_size, uint64_t original)
{
	uint64_t most = original > max_message_size ? original : max_message_size;

	return __builtin_add_overflow(most, MSG_FILTER_GROWTH_MAX, &most) ? UINT64_MAX : most;
}

bool
msg_filter_answer_take(struct msg_filter_answer *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_filter_answer, text);

	if (len < fixed || len >= sizeof(*a))
		return false;
	memset(a, 0, sizeof(*a));
	memcpy(a, data, len);
	return a->text_len == len - fixed && strlen(a->text) == a->text_len && a->verdict < FILTER_VERDICTS &&
	    a->flags <= (FILTER_HOLD | FILTER_CHANGED_CONTENT | FILTER_CHANGED_ENVELOPE | FILTER_TROUBLE) &&
	    is_extent(&a->header) && is_extent(&a->body) && is_extent(&a->changes) &&
	    a->changes.size <= MSG_FILTER_CHANGES_MAX && ctl_text_is_text(a->filter, sizeof(a->filter)) &&
	    (a->verdict == FILTER_REPLY ? msg_filter_reply_is_good(a->text) :
	    ctl_text_is_text(a->text, sizeof(a->text)));
}
