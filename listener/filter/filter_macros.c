/*
 * filter_macros - the macros of a session: what filters may know of client, envelope and server; pure
 *
 * Runs in:  filter
 * Owns:     their text, one block a stage
 * Promise:  a filter that has named the macros it wants gets those of them that are known, of whatever stage;
 *           another one those of the stage
 * Fails by: not at all; memory is bounded by the questions of listener and pickup
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

void
filter_macros_take(struct filter_macros *m, const struct msg_filter_ask *ask)
{
	const char *second = msg_filter_ask_next(ask, msg_filter_ask_next(ask, NULL));
	const char *begin = msg_filter_ask_next(ask, second);

	free(m->text[ask->stage]);
	m->text[ask->stage] = NULL;
	m->len[ask->stage] = begin != NULL ? (size_t)(ask->text + ask->len - begin) : 0;
	if (begin != NULL)
		m->text[ask->stage] = memcpy(mem_zalloc(m->len[ask->stage]), begin, m->len[ask->stage]);
}

void
filter_macros_done(struct filter_macros *m)
{
	for (size_t i = 0; i < FILTER_STAGES; i++)
		free(m->text[i]);
	*m = (struct filter_macros){ 0 };
}

/* "i" is also "{i}". */
static bool
is_name(const char *name, const char *wanted, size_t len)
{
	size_t own = strlen(name);

	if (own > 2 && *name == '{') {
		name++;
		own -= 2;
	}
	if (len > 2 && *wanted == '{') {
		wanted++;
		len -= 2;
	}
	return own == len && memcmp(name, wanted, len) == 0;
}

static void
put_one(struct buf *out, const char *name)
{
	const char *value = name + strlen(name) + 1;

	buf_add(out, name, strlen(name) + 1);
	buf_add(out, value, strlen(value) + 1);
}

/* The value of the latest stage that has it. */
static void
put_named(struct buf *out, const struct filter_macros *m, const char *wanted, size_t len)
{
	for (size_t stage = FILTER_STAGES; stage-- > 0;)
		for (const char *p = m->text[stage], *end = p != NULL ? p + m->len[stage] : p; p < end;
		    p += strlen(p) + 1, p += strlen(p) + 1)
			if (is_name(p, wanted, len)) {
				put_one(out, p);
				return;
			}
}

void
filter_macros_put(struct buf *out, const struct filter_macros *m, enum msg_filter_stage stage,
    const char *list, char command)
{
	size_t begin = milter_packet_begin(out, MILTER_MACROS), empty;

	buf_add(out, &command, 1);
	empty = out->len;
	if (list == NULL && m->len[stage] > 0)
		buf_add(out, m->text[stage], m->len[stage]);
	for (size_t len; list != NULL && *(list += strspn(list, " ,\t")) != '\0'; list += len) {
		len = strcspn(list, " ,\t");
		put_named(out, m, list, len);
	}
	if (out->len > empty)
		milter_packet_end(out, begin);
	else if (buf_ok(out))
		out->len = begin;
}
