/*
 * sessions_gather - one question about sessions to many listeners, and their pages
 *
 * Runs in:  master
 * Owns:     the text that comes together; no listener
 * Promise:  over at the latest SESSIONS_GATHER_WAIT_MS after the last page, whoever does not answer; bounded
 *           in memory; a listener's text is checked before it goes to a terminal
 * Fails by: a note that says what is missing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/processes/processes.h"

#define SESSIONS_GATHER_WAIT_MS 5000
#define SESSIONS_GATHER_TEXT_MAX (3U << 20)	/* some 30,000 sessions; below what a channel queues */

struct sessions_gather *
sessions_gather_new(struct master *m, const struct msg_sessions_ask *like)
{
	struct sessions_gather *g = mem_new(struct sessions_gather);

	g->m = m;
	g->ask = *like;
	buf_init(&g->rows, SESSIONS_GATHER_TEXT_MAX);
	buf_init(&g->notes, MASTER_TEXT_MAX);
	TAILQ_INSERT_TAIL(&m->sessions_gathers, g, link);
	return g;
}

void
sessions_gather_free(struct sessions_gather *g)
{
	if (g == NULL)
		return;
	TAILQ_REMOVE(&g->m->sessions_gathers, g, link);
	for (size_t i = 0; i < g->parts; i++)
		free(g->part[i].serial);
	free(g->part);
	loop_timer_free(g->timer);
	buf_done(&g->rows);
	buf_done(&g->notes);
	free(g);
}

/* `n` 0: all its sessions. Serials are rising. */
void
sessions_gather_add(struct sessions_gather *g, struct child *c, const uint32_t *serial, size_t n)
{
	struct sessions_gather_part *p;

	g->part = mem_array(g->part, g->parts + 1, sizeof(*g->part));
	p = &g->part[g->parts++];
	*p = (struct sessions_gather_part){ .child = c, .pid = c->pid, .serials = n };
	snprintf(p->server, sizeof(p->server), "%s", c->server->name);
	if (n > 0) {
		p->serial = mem_array(NULL, n, sizeof(*serial));
		memcpy(p->serial, serial, n * sizeof(*serial));
	}
}

static void
ask_part(struct sessions_gather *g, struct sessions_gather_part *p, uint32_t after)
{
	g->ask.after = after;
	g->ask.count = p->serials - p->at < MSG_SESSIONS_SERIALS_MAX ? (uint32_t)(p->serials - p->at) :
	    MSG_SESSIONS_SERIALS_MAX;
	if (g->ask.count > 0)
		memcpy(g->ask.serial, p->serial + p->at, g->ask.count * sizeof(*p->serial));
	p->batch = g->ask.count;
	p->request = ++g->m->requests;
	child_send(p->child, CTL_SESSIONS, p->request, &g->ask, sizeof(g->ask), -1);
}

static void
check_parts(struct sessions_gather *g)
{
	bool over = true;

	for (size_t i = 0; i < g->parts; i++)
		over = over && g->part[i].done;
	if (!over)
		return;
	g->over = true;
	loop_timer_stop(g->timer);
}

static void
on_gather_late(void *arg)
{
	struct sessions_gather *g = arg;
	struct master *m = g->m;

	for (size_t i = 0; i < g->parts; i++) {
		if (!g->part[i].done)
			buf_printf(&g->notes,
			    "!the listener %d of %s did not answer in time; its sessions are missing\n",
			    (int)g->part[i].pid, g->part[i].server);
		g->part[i].done = true;
	}
	g->late = true;
	check_parts(g);
	service_look(m); /* may free g */
}

void
sessions_gather_start(struct sessions_gather *g)
{
	g->timer = loop_timer_new(g->m->loop, on_gather_late, g);
	loop_timer_set(g->timer, SESSIONS_GATHER_WAIT_MS);
	for (size_t i = 0; i < g->parts; i++)
		ask_part(g, &g->part[i], 0);
	check_parts(g);
}

static void
take_page(struct sessions_gather *g, struct sessions_gather_part *p, const struct msg_sessions_page *page,
    size_t len)
{
	for (const char *at = page->text, *end = page->text + len, *lf; at < end; at = lf + 1) {
		size_t tab, before;

		lf = memchr(at, '\n', (size_t)(end - at));
		tab = strcspn(at, "\t");
		before = g->rows.len;
		buf_printf(&g->rows, "%d-%.*s\t%s%.*s\n", (int)p->pid, (int)tab, at, p->server,
		    (int)(lf - at - (long)tab), at + tab);
		if (!buf_ok(&g->rows)) {
			g->rows.len = before;
			buf_puts(&g->notes, "!there are more sessions than can be shown at once\n");
			p->done = true;
			return;
		}
		g->count++;
	}
	if (page->next != 0) {
		ask_part(g, p, page->next);
		return;
	}
	p->at += p->batch;
	if (p->at < p->serials)
		ask_part(g, p, 0);
	else
		p->done = true;
}

static struct sessions_gather_part *
find_part(struct master *m, const struct child *c, uint32_t request, struct sessions_gather **of)
{
	struct sessions_gather *g;

	TAILQ_FOREACH(g, &m->sessions_gathers, link)
		for (size_t i = 0; i < g->parts; i++)
			if (g->part[i].child == c && g->part[i].request == request && !g->part[i].done) {
				*of = g;
				return &g->part[i];
			}
	return NULL;
}

void
sessions_gather_page(struct child *c, const struct ctl_message *m)
{
	static struct msg_sessions_page page;
	struct sessions_gather *g;
	size_t len;
	struct sessions_gather_part *p = find_part(c->m, c, m->request, &g);

	if (p == NULL)
		return; /* too late: nobody waits for it */
	if (!msg_sessions_page_take(&page, m->data, m->len, &len)) {
		buf_printf(&g->notes, "!the listener %d of %s gave no proper answer\n", (int)p->pid,
		    p->server);
		p->done = true;
	} else {
		loop_timer_set(g->timer, SESSIONS_GATHER_WAIT_MS);
		take_page(g, p, &page, len);
	}
	check_parts(g);
}

/* The process is dead, and its sessions with it. */
void
sessions_gather_gone(struct child *c)
{
	struct sessions_gather *g;

	TAILQ_FOREACH(g, &c->m->sessions_gathers, link) {
		for (size_t i = 0; i < g->parts; i++)
			if (g->part[i].child == c) {
				g->part[i].child = NULL;
				g->part[i].done = true;
			}
		check_parts(g);
	}
}
