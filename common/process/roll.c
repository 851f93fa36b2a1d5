/*
 * roll - questions about sessions and their answers, checked when they arrive
 *
 * Runs in:  master, listener (pure)
 * Owns:     nothing
 * Promise:  what take() accepted has ended strings, counts within bounds, and text that does no harm to a terminal
 * Fails by: false
 */
#include "common/process/roll.h"

#include <assert.h>
#include <string.h>

#include "common/process/ctl.h"

static_assert(sizeof(struct roll_page) <= CTL_PAYLOAD_MAX, "a page fits one message");

bool
roll_ask_take(struct roll_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->count <= ROLL_SERIALS_MAX && memchr(a->name, '\0', sizeof(a->name)) != NULL;
}

bool
roll_page_take(struct roll_page *p, const void *data, size_t len, size_t *text_len)
{
	const size_t fixed = offsetof(struct roll_page, text);
	uint32_t rows = 0, tabs = 0;

	if (len < fixed || len > sizeof(*p))
		return false;
	memcpy(p, data, len);
	*text_len = len - fixed;
	for (size_t i = 0; i < *text_len; i++) {
		char c = p->text[i];
		if (c == '\n') {
			if (tabs != ROLL_COLUMNS - 1)
				return false;
			tabs = 0;
			rows++;
		} else if (c == '\t') {
			tabs++;
		} else if (c < ' ' || c > '~') {
			return false;
		}
	}
	return rows == p->rows && (*text_len == 0 || p->text[*text_len - 1] == '\n');
}
