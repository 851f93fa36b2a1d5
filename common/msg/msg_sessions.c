/*
 * msg_sessions - questions about sessions and their answers, checked; pure
 *
 * Runs in:  master, listener
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings, counts within bounds, and text that does
 *           no harm to a terminal
 * Fails by: false
 */
#include "common/msg/msg_sessions.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_sessions_page) <= CTL_PAYLOAD_MAX, "a page fits one message");

bool
msg_sessions_ask_take(struct msg_sessions_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->count <= MSG_SESSIONS_SERIALS_MAX && memchr(a->name, '\0', sizeof(a->name)) != NULL &&
	    ctl_text_is_text(a->author, sizeof(a->author));
}

bool
msg_sessions_page_take(struct msg_sessions_page *p, const void *data, size_t len, size_t *text_len)
{
	const size_t fixed = offsetof(struct msg_sessions_page, text);
	uint32_t rows = 0, tabs = 0;

	if (len < fixed || len > sizeof(*p))
		return false;
	memcpy(p, data, len);
	*text_len = len - fixed;
	for (size_t i = 0; i < *text_len; i++) {
		char c = p->text[i];

		if (c == '\n') {
			if (tabs != MSG_SESSIONS_COLUMNS - 1)
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
