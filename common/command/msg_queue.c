/*
 * msg_queue - operators' commands about queue and badmail: the verbs, and checks of the messages; pure
 *
 * Runs in:  master, posternctl, deliver
 * Owns:     the table of verbs
 * Promise:  what a _take function accepted has terminated strings, and text that does no harm to a terminal
 * Fails by: false
 */
#include "common/command/msg_queue.h"

#include <assert.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_queue_page) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_queue_ask) <= CTL_PAYLOAD_MAX, "each fits one message");

const char *const msg_queue_places[MSG_QUEUE_PLACES] = {
	[MSG_QUEUE_IN_QUEUE] = "queue", [MSG_QUEUE_IN_BADMAIL] = "badmail", [MSG_QUEUE_IN_DROP] = "drop",
};

const struct msg_queue_row msg_queue_rows[MSG_QUEUE_VERBS] = {
	[MSG_QUEUE_LIST] = { "list", "listed", MSG_QUEUE_IN_QUEUE, false, 0 },
	[MSG_QUEUE_SHOW] = { "show", "shown", MSG_QUEUE_IN_QUEUE, false, 0 },
	[MSG_QUEUE_COUNT] = { "count", "counted", MSG_QUEUE_IN_QUEUE, false, 0 },
	[MSG_QUEUE_TALLY] = { "tally", "counted", MSG_QUEUE_IN_QUEUE, false, 0, .tallies = true },
	[MSG_QUEUE_RETRY] = { "retry", "due now", MSG_QUEUE_IN_QUEUE, true,
	    QUEUE_FILTER_ANY & ~(uint32_t)QUEUE_FILTER_HELD & ~(uint32_t)QUEUE_FILTER_BACKLOG },
	[MSG_QUEUE_HOLD] = { "hold", "held", MSG_QUEUE_IN_QUEUE, true,
	    QUEUE_FILTER_ANY & ~(uint32_t)QUEUE_FILTER_HELD },
	[MSG_QUEUE_RELEASE] = { "release", "released", MSG_QUEUE_IN_QUEUE, true, QUEUE_FILTER_HELD },
	[MSG_QUEUE_DELETE] = { "delete", "deleted", MSG_QUEUE_IN_QUEUE, true, 0 },
	[MSG_QUEUE_BOUNCE] = { "bounce", "bounced", MSG_QUEUE_IN_QUEUE, true, 0 },
	[MSG_QUEUE_MOVE] = { "move", "moved", MSG_QUEUE_IN_QUEUE, true, 0, .target = true },
	[MSG_QUEUE_EVACUATE] = { "evacuate", "evacuated", MSG_QUEUE_IN_QUEUE, true, 0, .target = true },
	[MSG_QUEUE_BADMAIL_LIST] = { "list", "listed", MSG_QUEUE_IN_BADMAIL, false, 0 },
	[MSG_QUEUE_BADMAIL_SHOW] = { "show", "shown", MSG_QUEUE_IN_BADMAIL, false, 0 },
	[MSG_QUEUE_BADMAIL_TALLY] = { "tally", "counted", MSG_QUEUE_IN_BADMAIL, false, 0, .tallies = true },
	[MSG_QUEUE_BADMAIL_RETRY] = { "retry", "put back into the queue", MSG_QUEUE_IN_BADMAIL, true, 0 },
	[MSG_QUEUE_BADMAIL_PURGE] = { "purge", "purged", MSG_QUEUE_IN_BADMAIL, true, 0 },
	[MSG_QUEUE_DROP_LIST] = { "list", "listed", MSG_QUEUE_IN_DROP, false, 0 },
	[MSG_QUEUE_DROP_SHOW] = { "show", "shown", MSG_QUEUE_IN_DROP, false, 0 },
	[MSG_QUEUE_DROP_READ] = { "read", "read", MSG_QUEUE_IN_DROP, false, 0, .pieces = true },
	[MSG_QUEUE_DROP_TALLY] = { "tally", "counted", MSG_QUEUE_IN_DROP, false, 0, .tallies = true },
	[MSG_QUEUE_DROP_DELETE] = { "delete", "deleted", MSG_QUEUE_IN_DROP, true, 0 },
};

enum msg_queue_place
msg_queue_place_find(const char *command)
{
	enum msg_queue_place p = 0;

	while (p < MSG_QUEUE_PLACES && strcmp(msg_queue_places[p], command) != 0)
		p++;
	return p;
}

enum msg_queue_verb
msg_queue_find(const char *name, enum msg_queue_place place)
{
	for (enum msg_queue_verb v = 0; v < MSG_QUEUE_VERBS; v++)
		if (msg_queue_rows[v].place == place && strcmp(msg_queue_rows[v].name, name) == 0)
			return v;
	return MSG_QUEUE_VERBS;
}

/* --- text that is safe for a terminal --- */

void
msg_queue_put(struct buf *out, const char *text, size_t most)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strlen(text);

	while (left > 0 && most > 3) {
		size_t n = *s == '\\' ? 0 : utf8_take_printable(s, left);

		if (n > 0)
			buf_add(out, s, n);
		else
			buf_printf(out, "\\x%02X", *s);
		most -= n > 0 ? (n < most ? n : most) : 4;
		s += n > 0 ? n : 1;
		left -= n > 0 ? n : 1;
	}
	if (left > 0)
		buf_puts(out, "...");
}

/* --- received payloads --- */

bool
msg_queue_ask_take(struct msg_queue_ask *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return a->verb < MSG_QUEUE_VERBS && ctl_text_is_ended(a->at, sizeof(a->at)) &&
	    ctl_text_is_ended(a->to, sizeof(a->to)) && ctl_text_is_ended(a->reason, sizeof(a->reason)) &&
	    ctl_text_is_text(a->author, sizeof(a->author)) && queue_filter_is_sane(&a->pick);
}

bool
msg_queue_page_take(struct msg_queue_page *p, const void *data, size_t len, size_t *text_len)
{
	const size_t fixed = offsetof(struct msg_queue_page, text);
	const unsigned char *s;

	if (len < fixed || len > sizeof(*p))
		return false;
	memcpy(p, data, len);
	*text_len = len - fixed;
	if (p->state >= MSG_QUEUE_STATES || !ctl_text_is_ended(p->next, sizeof(p->next)) ||
	    (*text_len > 0 && p->text[*text_len - 1] != '\n'))
		return false;
	for (s = (const unsigned char *)p->next; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	s = (const unsigned char *)p->text;
	for (size_t i = 0, n; i < *text_len; i += n) {
		n = s[i] == '\t' || s[i] == '\n' ? 1 : utf8_take_printable(s + i, *text_len - i);
		if (n == 0)
			return false;
	}
	return true;
}
