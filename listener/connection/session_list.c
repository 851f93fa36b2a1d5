/*
 * session_list - the sessions of this process, and the clients that are not let in yet: shown to operators,
 * and ended for them
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  one page a question, whatever the number of sessions; what clients said of themselves is written
 *           as printable ASCII. A session that is ended hears 421 4.3.2; a message that is being stored is
 *           answered first
 * Fails by: an empty page
 */
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_sessions.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

#define ROW_MAX 3000		/* bytes; what a client said of itself is cut to fit */
#define NAME_SHOWN 255		/* bytes of a name, each up to four in a row: HELO may be as long as a line */
#define SESSIONS_A_PAGE 20000	/* so many are examined for one question: the loop must go on */

static int
order_of(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static bool
is_meant(const struct msg_sessions_ask *q, const struct inbound_view *v)
{
	if (q->count > 0 && bsearch(&v->serial, q->serial, q->count, sizeof(q->serial[0]), order_of) == NULL)
		return false;
	if (q->family != AF_UNSPEC) {
		struct net_entry e = { .family = q->family };

		memcpy(e.bytes, q->bytes, sizeof(e.bytes));
		memcpy(e.mask, q->mask, sizeof(e.mask));
		if (!net_entry_has(&e, v->address))
			return false;
	}
	if (v->idle_ms < q->idle_ms)
		return false;
	return q->name[0] == '\0' ||
	    strcmp(q->name, v->user != NULL ? v->user : v->helo != NULL ? v->helo : "") == 0;
}

/* Printable ASCII; the rest as \xHH. */
static void
put_name(struct buf *b, const char *text)
{
	for (size_t n = 0; *text != '\0' && n < NAME_SHOWN; text++, n++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c <= '~' && c != '\\')
			buf_add(b, text, 1);
		else
			buf_printf(b, "\\x%02x", c);
	}
}

static void
put_row(struct buf *b, const struct inbound_view *v, int64_t now_s)
{
	const char *kind = v->user != NULL ? "user" : v->helo != NULL ? "helo" : "-";

	buf_printf(b, "%u\t%s\t%lld\t%llu\t%s\t%u\t%s\t%s\t%s\t", v->serial, v->ip,
	    (long long)(now_s - (int64_t)(v->age_ms / 1000)),
	    (unsigned long long)v->idle_ms, v->state, v->messages, v->tls,
	    v->certificate[0] != '\0' ? v->certificate : "-", kind);
	put_name(b, v->user != NULL ? v->user : v->helo != NULL ? v->helo : "-");
	buf_puts(b, "\n");
}

static void
say_ended(const struct msg_sessions_ask *q, const struct inbound_view *v)
{
	log_event(LOG_FACT, NULL, "operator", "%s command=terminate client=%s name=%s messages=%u",
	    q->author, v->ip, log_safe(v->user != NULL ? v->user : v->helo), v->messages);
}

/* Sessions and clients that wait to have one, in the order of their serials. */
struct walk {
	struct listener *listener;
	struct inbound *session;	/* the next one; NULL: no more */
	struct pending_client *pending;	/* the next one; NULL: no more */
};

static void
view_pending(const struct pending_client *at, struct inbound_view *v)
{
	struct pending_view seen;

	pending_view(at, &seen);
	*v = (struct inbound_view){
		.serial = seen.serial, .address = seen.address, .ip = seen.ip, .state = seen.state,
		.tls = "-", .age_ms = seen.age_ms, .idle_ms = seen.age_ms,
	};
}

/* The next one: one of `c` and `at`. False at the end. */
static bool
next_connection(struct walk *w, struct inbound_view *v, struct inbound **c, struct pending_client **at)
{
	struct inbound_view other;

	while (w->session != NULL && !inbound_view(w->session, v))
		w->session = inbound_next(w->session);
	*c = w->session;
	*at = w->pending;
	if (*at != NULL)
		view_pending(*at, &other);
	if (*at != NULL && (*c == NULL || other.serial < v->serial)) {
		*v = other;
		*c = NULL;
		w->pending = pending_next(w->listener->pending, *at);
		return true;
	}
	*at = NULL;
	if (*c == NULL)
		return false;
	w->session = inbound_next(*c);
	return true;
}

static void
answer_page(struct listener *l, const struct msg_sessions_ask *q, uint32_t request)
{
	struct msg_sessions_page *page = mem_new(struct msg_sessions_page);
	struct buf text = BUF_INIT(MSG_SESSIONS_TEXT_MAX), row = BUF_INIT(ROW_MAX);
	struct walk w = { .listener = l, .session = TAILQ_FIRST(&l->sessions),
	    .pending = pending_next(l->pending, NULL) };
	int64_t now_s = clock_wall_us() / 1000000;
	struct inbound_view v;
	struct inbound *c;
	struct pending_client *at;
	unsigned seen = 0;

	static_assert(MSG_SESSIONS_TEXT_MAX >= 2 * ROW_MAX, "a page has rows");
	while (page->next == 0 && next_connection(&w, &v, &c, &at)) {
		if (v.serial <= q->after)
			continue;
		if (is_meant(q, &v)) {
			buf_clear(&row);
			put_row(&row, &v, now_s);
			buf_add(&text, buf_text(&row), row.len);
			page->rows++;
			if (q->end) {
				say_ended(q, &v);
				if (c != NULL)
					inbound_terminate(c); /* `c` may be freed */
				else
					pending_terminate(at);
			}
		}
		if ((w.session != NULL || w.pending != NULL) &&
		    (text.len + ROW_MAX > MSG_SESSIONS_TEXT_MAX || ++seen == SESSIONS_A_PAGE))
			page->next = v.serial;
	}
	memcpy(page->text, buf_text(&text), text.len);
	if (ctl_send(l->boot->master, CTL_SESSIONS_PAGE, request, page,
	    offsetof(struct msg_sessions_page, text) + text.len, -1) == -1)
		log_event(LOG_WARN, NULL, "trouble", "doing=sessions reason=%s",
		    log_safe("the master does not read"));
	buf_done(&text);
	buf_done(&row);
	free(page);
}

void
session_list_answer(struct listener *l, const struct ctl_message *m)
{
	struct msg_sessions_ask *q = mem_new(struct msg_sessions_ask);

	if (msg_sessions_ask_take(q, m->data, m->len))
		answer_page(l, q, m->request);
	free(q);
}
