/*
 * probe_send - the test message of posternctl probe --send: puts it into the queue and follows it to its end
 *
 * Runs in:  deliver, on the loop; the queue is written by enqueue
 * Owns:     a test message until it is in the queue; the socket on which its events come until its end
 * Promise:  it is a message like any other: the same queue, route, hosts, retries and reports. Its text is
 *           ours, its sender our postmaster, and it says who asked. No event of it is missed, as it is
 *           followed before it is written. It is given up after FOLLOW_MS, and stays in the queue
 * Fails by: a failed step; EX_TEMPFAIL when the message is still in the queue
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "common/msg/msg_probe.h"
#include "common/spool/enqueue.h"
#include "deliver/deliver.h"
#include "deliver/schedule/schedule.h"

#define FOLLOW_MS 60000U
#define AGAIN_MS 100U		/* between two looks whether the queue has been read */
#define AGAIN_MAX 100U
#define TEXT_MAX 8192

struct probe_send {
	struct queue_owner *queue;
	const struct msg_probe_ask *ask;
	struct probe_send_ops ops;
	char id[MESSAGE_ID_SIZE];
	size_t size;			/* of the message */
	int events;			/* where those of the message come in; -1: it is not followed */
	struct loop_io *io;
	struct loop_timer *timer;	/* until the queue has been read; until the end */
	unsigned again;			/* looks so far */
};

/* --- what is told --- */

static void
end(struct probe_send *s, const char *verdict, int status, const char *words)
{
	s->ops.tell(s->ops.arg, "end", verdict, words, s->id);
	s->ops.done(s->ops.arg, status);	/* frees `s` */
}

/* What an event of the message means. The first one that is an end is the end. */
static const struct outcome {
	const char *event, *verdict;
	bool ends;
	int status;
	const char *words;
} outcomes[] = {
	{ "command", "ok", false, 0, NULL },
	{ "reply", "ok", false, 0, NULL },
	{ "trouble", "failed", false, 0, NULL },
	{ "delivered", "ok", true, EX_OK, "the host has taken it" },
	{ "dropped", "ok", true, EX_OK, "it lies in the drop folder" },
	{ "expanded", "ok", true, EX_OK, "it goes on to the addresses that the recipient stands for; "
	    "posternctl trace shows that message" },
	{ "deferred", "failed", true, EX_TEMPFAIL, "it stays in the queue and is tried again" },
	{ "kept", "failed", true, EX_TEMPFAIL, "it stays in the queue until its host asks for it" },
	{ "moved", "failed", true, EX_TEMPFAIL, "an operator has moved it to another virtual server" },
	{ "evacuated", "failed", true, EX_TEMPFAIL, "an operator has brought it to another node" },
	{ "failed", "failed", true, MSG_PROBE_FAILED, "it is refused, and goes back to postmaster" },
	{ "expired", "failed", true, MSG_PROBE_FAILED, "its time has run out, and it goes back to "
	    "postmaster" },
	{ "bounced", "failed", true, MSG_PROBE_FAILED, "an operator has sent it back" },
	{ "deleted", "failed", true, MSG_PROBE_FAILED, "an operator has deleted it" },
	{ "damaged", "failed", true, MSG_PROBE_FAILED, "its file in the queue is damaged" },
};

/* Cuts off the next word, its blanks in quotes included. */
static char *
cut_word(char **rest)
{
	char *word = *rest, *at = word;

	for (bool quoted = false; *at != '\0' && (quoted || *at != ' '); at++)
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
	*rest = at + (*at != '\0');
	*at = '\0';
	return word;
}

/* What was said is shown without what an event has around it. */
static const char *
words_of(char *rest)
{
	static const char line[] = "line=";
	size_t len;

	if (strncmp(rest, line, strlen(line)) != 0)
		return rest;
	rest += strlen(line);
	len = strlen(rest);
	if (len < 2 || rest[0] != '"' || rest[len - 1] != '"')
		return rest;
	rest[len - 1] = '\0';
	return rest + 1;
}

/* A reply that is not 2yz or 3yz. */
static bool
is_refusal(const struct outcome *o, const char *words)
{
	return strcmp(o->event, "reply") == 0 && (words[0] == '4' || words[0] == '5');
}

/* "LEVEL MICROSECONDS PROGRAM PID ID event=NAME server=NAME key=value ...". True: `s` is gone. */
static bool
take_event(struct probe_send *s, char *line)
{
	static const char event[] = "event=", server[] = "server=";
	const char *words;
	char *name;

	for (size_t i = 0; i < 5; i++)
		(void)cut_word(&line);
	name = cut_word(&line);
	if (strncmp(name, event, strlen(event)) != 0)
		return false;
	name += strlen(event);
	if (strncmp(line, server, strlen(server)) == 0)
		(void)cut_word(&line);
	words = words_of(line);
	for (const struct outcome *o = outcomes; o < outcomes + nitems_of(outcomes); o++) {
		if (strcmp(o->event, name) != 0)
			continue;
		s->ops.tell(s->ops.arg, name, is_refusal(o, words) ? "failed" : o->verdict, words, s->id);
		if (o->ends)
			end(s, o->verdict, o->status, o->words);
		return o->ends;
	}
	return false;
}

static void
on_events(void *arg, unsigned what)
{
	struct probe_send *s = arg;
	char line[LOG_WATCH_LINE_MAX + 1];
	pid_t sender;
	ssize_t n;

	while ((n = log_watch_take(s->events, line, &sender)) > 0)
		if (take_event(s, line))
			return;
	if (n == 0)
		end(s, "failed", EX_TEMPFAIL, "its events end: posternctl trace may show what became of it");
}

static void
on_time(void *arg)
{
	struct probe_send *s = arg;

	if (s->io == NULL)
		probe_send_begin(s);
	else
		end(s, "failed", EX_TEMPFAIL, "still in the queue after 60 seconds, without a result: a host "
		    "is slow, or it waits for its turn; posternctl queue show and trace tell more");
}

/* --- the message --- */

/* The bytes of `text` that may stand anywhere in a message. */
static void
put_ascii(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_printf(out, "%c", *text >= ' ' && *text <= '~' ? *text : '?');
}

static void
compose(const struct probe_send *s, struct buf *out)
{
	const struct config_server *c = s->queue->boot->server;
	char date[CLOCK_DATE_SIZE];

	clock_format_mail(date, clock_wall_us());
	buf_printf(out, "From: postmaster@%s\r\nTo: <%s>\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n",
	    c->masquerade != NULL ? c->masquerade : c->default_domain->name, s->ask->rcpt, date, s->id,
	    c->fqdn);
	buf_puts(out, "Subject: Test message of Postern\r\nAuto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is a test message. It needs no answer and may be deleted.\r\n\r\nSent by:     postern on ");
	put_ascii(out, c->fqdn);
	buf_puts(out, ", virtual server ");
	put_ascii(out, c->name);
	buf_puts(out, "\r\nAsked for by: ");
	put_ascii(out, s->ask->author);
	buf_printf(out, " (posternctl probe --send)\r\nId:          %s\r\n", s->id);
}

static bool
is_utf8(const char *text)
{
	while (*text != '\0' && (*text & 0x80) == 0)
		text++;
	return *text != '\0';
}

static void
on_queued(void *arg, int error, const char *id)
{
	struct probe_send *s = arg;
	const struct config_server *c = s->queue->boot->server;

	if (error != 0) {
		s->ops.tell(s->ops.arg, "message", "failed", disk_reason(c->queue, error), "-");
		s->ops.done(s->ops.arg, MSG_PROBE_FAILED);
		return;
	}
	log_event(LOG_FACT, id, "accepted",
	    "client=probe %s sender=%s recipients=1 size=%zu message-id=%s@%s", s->ask->author,
	    log_safe(s->ask->sender), s->size, id, c->fqdn);
	s->ops.tell(s->ops.arg, "message", "ok", "a test message is in the queue", id);
	loop_timer_set(s->timer, FOLLOW_MS);
	s->io = loop_io_new(s->queue->boot->loop, s->events, LOOP_READ, on_events, s);
	schedule_hint(s->queue->schedule, id);
	if (!s->queue->ending)
		schedule_go(s->queue->schedule);
}

/* NULL: an address has control bytes. */
static struct enqueue_message *
begin_message(const struct probe_send *s)
{
	struct message_envelope e = {
		.sender = mem_strdup(s->ask->sender),
		.client = mem_strdup("probe"),
		.flags = is_utf8(s->ask->rcpt) ? MESSAGE_UTF8 | MESSAGE_8BIT : 0,
	};
	struct enqueue_message *m;

	(void)message_envelope_add(&e, s->ask->rcpt);
	m = enqueue_begin(s->queue->enqueue, &e);
	message_envelope_done(&e);
	return m;
}

/* --- beginning and end --- */

/* -1 and errno. */
static int
follow(struct probe_send *s)
{
	const int yes = 1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
		return -1;
	s->events = pair[1];
	(void)setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
	return log_watch_follow(pair[0], s->id);
}

static void
refuse(struct probe_send *s, const char *words)
{
	s->ops.tell(s->ops.arg, "message", "failed", words, "-");
	s->ops.done(s->ops.arg, MSG_PROBE_FAILED);
}

void
probe_send_begin(struct probe_send *s)
{
	struct enqueue_message *m;
	struct buf text;

	if (!s->queue->scanned && !s->queue->ending && s->again++ < AGAIN_MAX) {
		loop_timer_set(s->timer, AGAIN_MS);	/* the process has just begun */
		return;
	}
	if (s->queue->ending || !s->queue->scanned) {
		refuse(s, s->queue->ending ? "the process that delivers is about to end" :
		    "the queue is still being read: try again in a moment");
		return;
	}
	if (follow(s) == -1) {
		refuse(s, errno == EBUSY ? "too many test messages are followed at this time" :
		    strerror(errno));
		return;
	}
	m = begin_message(s);
	if (m == NULL) {
		refuse(s, "the address has control characters");
		return;
	}
	enqueue_name(m, s->id);
	buf_init(&text, TEXT_MAX);
	compose(s, &text);
	s->size = text.len;
	enqueue_add(m, buf_text(&text), text.len);
	buf_done(&text);
	enqueue_finish(m, on_queued, s);
}

struct probe_send *
probe_send_new(struct queue_owner *queue, const struct msg_probe_ask *ask, const struct probe_send_ops *ops)
{
	struct probe_send *s = mem_new(struct probe_send);

	s->queue = queue;
	s->ask = ask;
	s->ops = *ops;
	s->events = -1;
	s->timer = loop_timer_new(queue->boot->loop, on_time, s);
	message_id_make(s->id, clock_wall_us(), chance_u32());
	return s;
}

void
probe_send_free(struct probe_send *s)
{
	if (s == NULL)
		return;
	loop_io_free(s->io);
	loop_timer_free(s->timer);
	if (s->events != -1) {
		close(s->events);
		log_watch_sweep();
	}
	free(s);
}
