/*
 * sessions_gather - one question about sessions to many listeners, their pages put together
 *
 * Runs in:  master
 * Owns:     the text that comes together
 * Promise:  ends at the latest SESSIONS_GATHER_WAIT_MS after the last page, also when a listener is silent,
 *           and SESSIONS_GATHER_ALL_MS after its beginning. Memory is bounded. The text of a listener is
 *           checked before it goes to a terminal
 * Fails by: a note in the answer that says what is missing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

#define SESSIONS_GATHER_WAIT_MS 5000
#define SESSIONS_GATHER_ALL_MS 30000	/* for the whole question, however many pages come */
#define SESSIONS_GATHER_TEXT_MAX (3U << 20)	/* some 30,000 sessions; less than a channel may queue */

struct sessions_gather *
sessions_gather_new(struct control_question *q, const struct msg_sessions_ask *like)
{
	struct sessions_gather *g = mem_new(struct sessions_gather);

	g->q = q;
	g->ask = *like;
	buf_init(&g->rows, SESSIONS_GATHER_TEXT_MAX);
	buf_init(&g->notes, MASTER_TEXT_MAX);
	return g;
}

void
sessions_gather_free(struct sessions_gather *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->parts; i++)
		free(g->part[i].serial);
	free(g->part);
	buf_done(&g->rows);
	buf_done(&g->notes);
	free(g);
}

void
sessions_gather_add(struct sessions_gather *g, struct child *c, const uint32_t *serial, size_t n)
{
	struct sessions_gather_part *p;

	g->part = mem_grow(g->part, g->parts, sizeof(*g->part));
	p = &g->part[g->parts++];
	*p = (struct sessions_gather_part){ .pid = c->pid, .serials = n };
	snprintf(p->server, sizeof(p->server), "%s", c->server->name);
	if (n > 0) {
		p->serial = mem_array(NULL, n, sizeof(*serial));
		memcpy(p->serial, serial, n * sizeof(*serial));
	}
	(void)control_question_add(g->q, c);
}

static void
ask_part(struct sessions_gather *g, size_t part, uint32_t after)
{
	struct sessions_gather_part *p = &g->part[part];

	g->ask.after = after;
	g->ask.count = p->serials - p->at < MSG_SESSIONS_SERIALS_MAX ? (uint32_t)(p->serials - p->at) :
	    MSG_SESSIONS_SERIALS_MAX;
	if (g->ask.count > 0)
		memcpy(g->ask.serial, p->serial + p->at, g->ask.count * sizeof(*p->serial));
	p->batch = g->ask.count;
	control_question_ask(g->q, part, &g->ask, sizeof(g->ask));
}

static void
end_when_answered(struct sessions_gather *g)
{
	if (control_question_is_answered(g->q))
		control_question_end(g->q);
}

void
sessions_gather_late(struct sessions_gather *g)
{
	for (size_t i = 0; i < g->parts; i++)
		if (g->q->part[i].child != NULL)
			buf_printf(&g->notes,
			    "!the listener %d of %s did not answer in time; its sessions are missing\n",
			    (int)g->part[i].pid, g->part[i].server);
	g->late = true;
}

void
sessions_gather_start(struct sessions_gather *g)
{
	control_question_limit(g->q, SESSIONS_GATHER_ALL_MS);
	control_question_wait(g->q, SESSIONS_GATHER_WAIT_MS);
	for (size_t i = 0; i < g->parts; i++)
		ask_part(g, i, 0);
	end_when_answered(g);
}

/* Adds the rows of a page. False: there is no room for all. */
static bool
take_rows(struct sessions_gather *g, const struct sessions_gather_part *p, const char *text, size_t len)
{
	for (const char *at = text, *end = text + len, *lf; at < end; at = lf + 1) {
		size_t tab, before;

		lf = memchr(at, '\n', (size_t)(end - at));
		tab = strcspn(at, "\t");
		before = g->rows.len;
		buf_printf(&g->rows, "%d-%.*s\t%s%.*s\n", (int)p->pid, (int)tab, at, p->server,
		    (int)(lf - at - (long)tab), at + tab);
		if (!buf_ok(&g->rows)) {
			g->rows.len = before;
			buf_puts(&g->notes, "!there are more sessions than can be shown at once\n");
			return false;
		}
		g->count++;
	}
	return true;
}

/* Asks for the page after serial `next`, or (0) for the next batch of serials. False: that was all. */
static bool
ask_on(struct sessions_gather *g, size_t part, uint32_t next)
{
	struct sessions_gather_part *p = &g->part[part];

	if (next == 0)
		p->at += p->batch;
	if (next == 0 && p->at >= p->serials)
		return false;
	ask_part(g, part, next);
	return true;
}

void
sessions_gather_page(struct sessions_gather *g, size_t part, const struct ctl_message *m)
{
	static struct msg_sessions_page page;
	const struct sessions_gather_part *p = &g->part[part];
	size_t len;
	bool more = false;

	if (!msg_sessions_page_take(&page, m->data, m->len, &len)) {
		buf_printf(&g->notes, "!the listener %d of %s gave no proper answer\n", (int)p->pid,
		    p->server);
	} else {
		control_question_wait(g->q, SESSIONS_GATHER_WAIT_MS);
		more = take_rows(g, p, page.text, len) && ask_on(g, part, page.next);
	}
	if (!more)
		control_question_turn(g->q, part, NULL);
	end_when_answered(g);
}

/* The sessions ended with their process. */
void
sessions_gather_gone(struct sessions_gather *g)
{
	end_when_answered(g);
}
