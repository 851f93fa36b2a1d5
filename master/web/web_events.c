/*
 * web_events - the stream of events of a page: state when it changes, counters every second
 *
 * Runs in:  web
 * Owns:     the streams; for each session that has some, what was said last
 * Promise:  a session's streams show what its user may see, asked as that user, and do not keep the session
 *           from ending. A reader that falls behind loses its stream, and nobody waits for it
 * Fails by: "gone" when the service does not answer; the end of the stream when the session is over
 */
#include <bsd/sys/queue.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/web/web.h"

#define TICK_MS 1000U
#define SILENT_MS 5000U		/* a question that is open so long is not answered any more */
#define BEHIND_MAX (256U << 10)	/* bytes that a reader has not taken: its stream ends */
#define KERNEL_MAX (64 << 10)	/* and what the kernel keeps beside them */
#define LINES_MAX (64U << 10)	/* the same: it loses lines of the log */

enum kind { STATUS, COUNTERS, KINDS };

static const struct { const char *name, *word[3]; size_t words; } kinds[KINDS] = {
	[STATUS] = { "status", { "status" }, 1 },
	[COUNTERS] = { "counters", { "counters", "-", "each" }, 3 },
};

struct stream {
	TAILQ_ENTRY(stream) link;
	struct feed *feed;
	struct evhttp_request *q;
	struct web_tail *tail;		/* NULL: it shows no events of the log */
};

/* The streams of one session. */
struct feed {
	TAILQ_ENTRY(feed) link;
	struct web_events *events;
	unsigned char handle[WEB_SECRET_SIZE];
	uint64_t person;
	TAILQ_HEAD(, stream) streams;
	unsigned count;
	bool over;			/* no stream any more: freed when nothing is asked */
	bool gone;			/* ... was said */
	unsigned asked;			/* open questions */
	struct question {
		struct feed *feed;
		enum kind kind;
		bool open;
		uint64_t since;
		char *said;		/* STATUS: the text, to see whether it changes; or NULL */
		char *event;		/* STATUS: as it was sent; or NULL */
	} question[KINDS];
};

struct web_events {
	struct web *web;
	struct loop_timer *timer;
	TAILQ_HEAD(, feed) feeds;
	unsigned count;
};

/* --- feeds and streams --- */

static void
free_feed(struct feed *f)
{
	TAILQ_REMOVE(&f->events->feeds, f, link);
	for (size_t i = 0; i < KINDS; i++) {
		free(f->question[i].said);
		free(f->question[i].event);
	}
	explicit_bzero(f->handle, sizeof(f->handle));
	free(f);
}

static void
forget_stream(struct stream *s)
{
	struct feed *f = s->feed;

	TAILQ_REMOVE(&f->streams, s, link);
	web_tail_end(s->tail);
	f->events->count--;
	f->over = --f->count == 0;
	free(s);
}

/* libevent frees the connection; the request is ours when it was taken off it. */
static void
on_close(struct evhttp_connection *connection, void *arg)
{
	struct stream *s = arg;

	if (evhttp_request_get_connection(s->q) == NULL)
		evhttp_send_reply_end(s->q);
	forget_stream(s);
}

static void
end_stream(struct stream *s)
{
	struct evhttp_request *q = s->q;
	struct evhttp_connection *connection = evhttp_request_get_connection(q);

	if (connection != NULL)
		evhttp_connection_set_closecb(connection, NULL, NULL);
	forget_stream(s);
	evhttp_send_reply_end(q);
}

/* That the reader has not taken. */
static size_t
waiting_bytes(const struct stream *s)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(s->q);

	return connection == NULL ? SIZE_MAX :
	    evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(connection)));
}

static void
send_event(struct stream *s, const char *event)
{
	struct evbuffer *out;

	if (waiting_bytes(s) > BEHIND_MAX) {
		end_stream(s);
		return;
	}
	out = evbuffer_new();
	if (out != NULL && evbuffer_add(out, event, strlen(event)) == 0)
		evhttp_send_reply_chunk(s->q, out);
	if (out != NULL)
		evbuffer_free(out);
}

/* A line of the log: a slow reader has room for what is asked each second before it. */
static bool
send_line(void *arg, const char *event)
{
	struct stream *s = arg;
	struct evbuffer *out;

	if (waiting_bytes(s) > LINES_MAX)
		return false;
	out = evbuffer_new();
	if (out != NULL && evbuffer_add(out, event, strlen(event)) == 0)
		evhttp_send_reply_chunk(s->q, out);
	if (out != NULL)
		evbuffer_free(out);
	return true;
}

static void
send_to_all(struct feed *f, const char *event)
{
	struct stream *s, *next;

	TAILQ_FOREACH_SAFE(s, &f->streams, link, next)
		send_event(s, event);
}

/* --- questions --- */

/* "event: status\ndata: {...}\n\n"; owned by the caller. */
static char *
make_event(enum kind kind, const char *text)
{
	json_t *data = answers_json(kinds[kind].word, kinds[kind].words, text);
	char *json = data != NULL ? json_dumps(data, JSON_COMPACT) : NULL,
	    *event = mem_printf("event: %s\ndata: %s\n\n", kinds[kind].name, json != NULL ? json : "null");

	free(json);
	json_decref(data);
	return event;
}

static void
say(struct question *q, const char *text)
{
	char *event;

	if (q->kind == STATUS && q->said != NULL && strcmp(q->said, text) == 0 && !q->feed->gone)
		return;
	event = make_event(q->kind, text);
	send_to_all(q->feed, event);
	if (q->kind != STATUS) {
		free(event);
		return;
	}
	free(q->said);
	free(q->event);
	q->said = mem_strdup(text);
	q->event = event;
}

static void
say_gone(struct feed *f)
{
	if (!f->gone)
		send_to_all(f, "event: gone\ndata: {}\n\n");
	f->gone = true;
}

static void
on_said(void *arg, const struct msg_web_session *s, int status, struct buf *text)
{
	struct question *q = arg;
	struct feed *f = q->feed;
	struct stream *stream, *next;

	q->open = false;
	f->asked--;
	if (!f->over && !buf_ok(text)) {
		say_gone(f);
	} else if (!f->over && s == NULL && status == 0) {
		web_ask_trust(f->events->web, f->handle, true);
		say(q, buf_text(text));
		f->gone = false;
	} else if (!f->over && s != NULL && s->result != WEB_BUSY) {
		TAILQ_FOREACH_SAFE(stream, &f->streams, link, next)
			end_stream(stream);
	}
	if (f->over && f->asked == 0)
		free_feed(f);
}

static void
ask(struct question *q)
{
	struct feed *f = q->feed;
	struct msg_web_command command = { .watching = 1 };
	size_t len = 0;

	if (q->open) {
		if (clock_mono_ms() - q->since > SILENT_MS)
			say_gone(f);
		return;
	}
	memcpy(command.handle, f->handle, sizeof(command.handle));
	for (size_t i = 0; i < kinds[q->kind].words; i++) {
		strcpy(command.words + len, kinds[q->kind].word[i]);
		len += strlen(kinds[q->kind].word[i]) + 1;
	}
	q->open = web_ask_send(f->events->web, CTL_WEB_COMMAND, &command,
	    offsetof(struct msg_web_command, words) + len, f->handle, "-", on_said, q);
	f->asked += q->open;
	q->since = q->open ? clock_mono_ms() : q->since;
	explicit_bzero(command.handle, sizeof(command.handle));
}

static void
on_tick(void *arg)
{
	struct web_events *e = arg;
	struct feed *f, *next;

	TAILQ_FOREACH_SAFE(f, &e->feeds, link, next) {
		if (f->over && f->asked == 0) {
			free_feed(f);
			continue;
		}
		for (size_t i = 0; i < KINDS && !f->over; i++)
			ask(&f->question[i]);
	}
	if (!TAILQ_EMPTY(&e->feeds))
		loop_timer_set(e->timer, TICK_MS);
}

/* --- a new stream --- */

static struct feed *
find_feed(struct web_events *e, const unsigned char handle[WEB_SECRET_SIZE])
{
	struct feed *f;

	TAILQ_FOREACH(f, &e->feeds, link)
		if (memcmp(f->handle, handle, sizeof(f->handle)) == 0)
			return f;
	f = mem_new(struct feed);
	f->events = e;
	memcpy(f->handle, handle, sizeof(f->handle));
	TAILQ_INIT(&f->streams);
	for (size_t i = 0; i < KINDS; i++)
		f->question[i] = (struct question){ .feed = f, .kind = (enum kind)i };
	TAILQ_INSERT_TAIL(&e->feeds, f, link);
	return f;
}

/* Else it would keep megabytes for a reader that does not read, and what it gets would be old. */
static void
bound_kernel(struct evhttp_request *q)
{
	const int bytes = KERNEL_MAX;
	struct bufferevent *b = evhttp_connection_get_bufferevent(evhttp_request_get_connection(q));

	(void)setsockopt(bufferevent_getfd(b), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void
add_stream(struct feed *f, struct evhttp_request *q, const char *watch)
{
	struct stream *s = mem_new(struct stream);

	*s = (struct stream){ .feed = f, .q = q };
	TAILQ_INSERT_TAIL(&f->streams, s, link);
	f->count++;
	f->over = false;
	f->events->count++;
	evhttp_connection_set_closecb(evhttp_request_get_connection(q), on_close, s);
	bound_kernel(q);
	web_reply_headers(q, true);
	(void)evhttp_add_header(evhttp_request_get_output_headers(q), "Content-Type", "text/event-stream");
	(void)evhttp_add_header(evhttp_request_get_output_headers(q), "X-Accel-Buffering", "no");
	evhttp_send_reply_start(q, HTTP_OK, NULL);
	send_event(s, f->question[STATUS].event != NULL ? f->question[STATUS].event : ": hello\n\n");
	if (watch[0] != '\0')
		s->tail = web_tail_begin(f->events->web, f->handle, watch, send_line, s);
}

/* The session, the person or all have as many as they may. */
static bool
is_full(const struct web_events *e, const struct feed *f, bool serves)
{
	unsigned most = serves ? WEB_STREAMS_MAX : WEB_STREAMS_MAX - WEB_STREAMS_KEPT,
	    most_own = serves ? 2 * WEB_STREAMS_PER_PERSON : WEB_STREAMS_PER_PERSON, own = 0;
	const struct feed *other;

	TAILQ_FOREACH(other, &e->feeds, link)
		own += other->person == f->person ? other->count : 0;
	return f->count >= WEB_STREAMS_PER_SESSION || own >= most_own || e->count >= most;
}

void
web_events_begin(struct web_events *e, struct evhttp_request *q, const unsigned char handle[WEB_SECRET_SIZE],
    const struct msg_web_session *s, const char *watch)
{
	struct feed *f = find_feed(e, handle);

	f->over = f->count == 0;
	f->person = s->person;
	if (evhttp_request_get_connection(q) == NULL || is_full(e, f, s->serves != 0))
		web_reply_error(q, 429, "too many pages are open");
	else
		add_stream(f, q, watch);
	loop_timer_set(e->timer, 0);
}

struct web_events *
web_events_new(struct web *w)
{
	struct web_events *e = mem_new(struct web_events);

	e->web = w;
	TAILQ_INIT(&e->feeds);
	e->timer = loop_timer_new(w->boot->loop, on_tick, e);
	return e;
}

void
web_events_free(struct web_events *e)
{
	struct feed *f;

	while ((f = TAILQ_FIRST(&e->feeds)) != NULL)
		free_feed(f);
	loop_timer_free(e->timer);
	free(e);
}
