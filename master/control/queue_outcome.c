/*
 * queue_outcome - what came of a command that changes a queue, put together from its pages; pure
 *
 * Runs in:  master
 * Owns:     nothing; a table is of the commands of the last time
 * Promise:  a command is told of when it is over, with the counts of all its pages; one of several pages also
 *           when its first page is. One that asks again for messages that were at work is the same command,
 *           and is told of again only when it has changed something more
 * Fails by: of many commands at once the one that was asked for longest ago is forgotten: the rest of it is
 *           told of as one more
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control_private.h"

/* Without a time no two commands are known to be the same. */
static bool
is_of(const struct queue_outcome *o, const char *said, const struct msg_queue_ask *ask)
{
	return o->used > 0 && strcmp(o->author, ask->author) == 0 &&
	    strncmp(o->said, said, sizeof(o->said) - 1) == 0 && (ask->newest_us != 0 || ask->at[0] != '\0');
}

static struct queue_outcome *
find(struct queue_outcomes *t, const char *said, const struct msg_queue_ask *ask)
{
	struct queue_outcome *oldest = &t->row[0];

	for (size_t i = 0; i < nitems_of(t->row); i++) {
		if (is_of(&t->row[i], said, ask))
			return &t->row[i];
		if (t->row[i].used < oldest->used)
			oldest = &t->row[i];
	}
	*oldest = (struct queue_outcome){ .used = 0 };
	snprintf(oldest->said, sizeof(oldest->said), "%s", said);
	snprintf(oldest->author, sizeof(oldest->author), "%s", ask->author);
	return oldest;
}

/* The first line of the page that is for people: why something was left. */
static void
take_reason(struct queue_outcome *o, const char *text, size_t len)
{
	for (const char *at = text, *end = text + len, *next; at < end; at = next) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		next = line_end != NULL ? line_end + 1 : end;
		if (*at != '!')
			continue;
		snprintf(o->reason, sizeof(o->reason), "%.*s",
		    (int)((line_end != NULL ? line_end : end) - at - 1), at + 1);
		return;
	}
}

static const char *
result_of(const struct queue_outcome *o, bool more)
{
	if (o->failed > 0)
		return o->done > 0 ? "partly" : more ? "begun" : "failed";
	return more ? "begun" : o->done > 0 ? "ok" : "nothing";
}

bool
queue_outcome_add(struct queue_outcomes *t, const char *said, const struct msg_queue_ask *ask,
    const struct msg_queue_page *p, size_t text_len, struct buf *result)
{
	struct queue_outcome *o = find(t, said, ask);
	bool first = o->used == 0, more = p->next[0] != '\0';

	o->used = ++t->uses;
	if (ask->at[0] == '\0')
		o->matched = o->busy = o->failed = 0;	/* the queue is gone through anew */
	o->matched += p->matched;
	o->busy += p->busy;
	o->failed += p->failed;
	o->done += p->done;
	o->changed = o->changed || p->done > 0 || p->failed > 0;
	if (o->reason[0] == '\0')
		take_reason(o, p->text, text_len);
	if (more ? !first : !first && !o->changed)
		return false;
	buf_printf(result, "result=%s matched=%lu done=%lu busy=%lu failed=%lu%s", result_of(o, more),
	    o->matched, o->done, o->busy, o->failed, more ? " more=yes" : "");
	if (o->reason[0] != '\0' && (o->failed > 0 || o->done == 0))
		buf_printf(result, " reason=%s", log_safe(o->reason));
	o->changed = more;
	o->reason[0] = '\0';
	return true;
}
