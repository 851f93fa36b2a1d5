/*
 * report - makes and queues the reports about one message
 *
 * Runs in:  deliver, on the loop; the queue is written by enqueue
 * Owns:     a report while it is composed
 * Promise:  the id follows from the message, the time and the first recipient, so that a repeat after a
 *           crash finds the first report in the queue and is taken as done; memory is one piece and a short
 *           original
 * Fails by: the job's error: nothing is queued, or the report without its copy
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/mail/header.h"
#include "common/process/counters.h"
#include "common/spool/enqueue.h"
#include "deliver/result/result.h"

#define ORIGINAL_MAX (64U << 10)	/* bytes; of a larger original only the header, up to here */
#define OUT_MAX (1U << 20)

struct report {
	struct enqueue *enqueue;
	const struct config_server *server;
	struct counters *counters;
	void (*queued)(void *arg, const char *id);
	void *arg;
	LIST_HEAD(, delivery) deliveries;
};

struct delivery {
	LIST_ENTRY(delivery) link;
	struct report *report;
	struct report_job *job;
	struct dsn dsn;
	char id[MESSAGE_ID_SIZE];	/* of the report; stands in its copy too */
	char date[CLOCK_DATE_SIZE], arrival[CLOCK_DATE_SIZE], attempt[CLOCK_DATE_SIZE],
	    until[CLOCK_DATE_SIZE];
	struct buf original, out;
	const char *to;			/* recipient of the report or of its copy */
	struct enqueue_message *message;
	bool copy;			/* the report is queued: now its copy */
};

static void begin_report(struct delivery *x);

struct report *
report_new(struct enqueue *enqueue, const struct config_server *server, struct counters *counters,
    void (*queued)(void *arg, const char *id), void *arg)
{
	struct report *r = mem_new(struct report);

	*r = (struct report){ .enqueue = enqueue, .server = server, .counters = counters, .queued = queued,
	    .arg = arg };
	return r;
}

static void
delivery_free(struct delivery *x)
{
	LIST_REMOVE(x, link);
	buf_done(&x->original);
	buf_done(&x->out);
	free(x);
}

void
report_free(struct report *r)
{
	if (r == NULL)
		return;
	while (!LIST_EMPTY(&r->deliveries))
		delivery_free(LIST_FIRST(&r->deliveries));
	free(r);
}

/*
 * FNV-1a over the message's id, so that reports about messages of the same microsecond have other ids;
 * recipient, kind and copy are added.
 */
void
report_make_id(char *id, const char *message, int64_t time_us, size_t first, enum dsn_kind kind, bool copy)
{
	uint32_t chance = 2166136261U;

	for (; *message != '\0'; message++)
		chance = (chance ^ (unsigned char)*message) * 16777619U;
	chance += (uint32_t)first * 16 + (uint32_t)kind * 2 + (copy ? 1 : 0);
	message_id_make(id, time_us, chance);
}

/*
 * Bytes before the first one that cannot stand in text: the header of binary content should be text, but may
 * not.
 */
static size_t
text_size(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\0' || data[i] == '\n' ||
		    (data[i] == '\r' && (i + 1 == len || data[i + 1] != '\n')))
			return i;
		i += data[i] == '\r';
	}
	return len;
}

/*
 * The whole original, only for a failure (RFC 3461 4.3) and only when it is small, no binary, and did not
 * need TLS on its way (RFC 8689 5); else its header up to the last line that fits.
 */
static int
read_original(struct delivery *x)
{
	const struct message_envelope *e = x->job->e;
	size_t want = e->content_size < (off_t)ORIGINAL_MAX ? (size_t)e->content_size : ORIGINAL_MAX;
	char *to = buf_room(&x->original, want);
	ssize_t n = to == NULL ? 0 : disk_pread(x->job->fd, to, want, e->content_at);

	if (n < 0)
		return -1;
	x->original.len = (size_t)n;
	x->dsn.whole = e->content_size <= (off_t)ORIGINAL_MAX && e->ret != RET_HDRS &&
	    x->job->kind == DSN_FAILURE && (e->flags & (MESSAGE_REQUIRETLS | MESSAGE_BINARY)) == 0;
	if (!x->dsn.whole) {
		size_t end = header_size(x->original.data, text_size(x->original.data, x->original.len));

		while (end > 0 && x->original.data[end - 1] != '\n')
			end--;
		x->original.len = end;
	}
	for (size_t i = 0; i < x->original.len && !x->dsn.eight_bit; i++)
		x->dsn.eight_bit = (unsigned char)x->original.data[i] >= 0x80;
	x->dsn.original = buf_text(&x->original);
	x->dsn.original_size = x->original.len;
	return 0;
}

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] & 0x80) != 0)
			return false;
	return true;
}

/* Many clients declare SMTPUTF8 for all mail: the types of RFC 6533 are used only when there is UTF-8. */
static bool
needs_utf8(const struct delivery *x)
{
	const struct report_job *job = x->job;
	size_t head = header_size(x->original.data, text_size(x->original.data, x->original.len));
	bool needs = !is_ascii(job->e->sender, strlen(job->e->sender)) || !is_ascii(x->original.data, head);

	for (size_t i = 0; i < job->count && !needs; i++) {
		const struct dsn_recipient *r = &job->recipient[i];

		needs = !is_ascii(r->address, strlen(r->address)) ||
		    (r->orcpt != NULL && !is_ascii(r->orcpt, strlen(r->orcpt)));
	}
	return needs;
}

static void
finish_report(struct delivery *x, int error)
{
	struct report_job *job = x->job;

	delivery_free(x);
	job->error = error;
	job->done(job->arg, job);
}

static void
count_report(struct delivery *x, const char *id)
{
	static const struct { enum counter counter; const char *name; } kinds[] = {
		[DSN_FAILURE] = { COUNTER_NDRS, "failure" }, [DSN_DELAY] = { COUNTER_DELAY_REPORTS, "delay" },
		[DSN_DELIVERED] = { COUNTER_SUCCESS_REPORTS, "success" },
		[DSN_RELAYED] = { COUNTER_SUCCESS_REPORTS, "relayed" },
		[DSN_EXPANDED] = { COUNTER_SUCCESS_REPORTS, "expanded" },
	};
	struct report *r = x->report;

	counters_add(r->counters, kinds[x->job->kind].counter, 1);
	log_event(LOG_FACT, id, "report", "kind=%s for=%s to=%s%s", kinds[x->job->kind].name, x->job->e->id,
	    log_safe(x->to), x->copy ? " copy=yes" : "");
	r->queued(r->arg, id);
}

static void
on_report_queued(void *arg, int error, const char *id)
{
	struct delivery *x = arg;

	x->message = NULL;
	if (error == 0)
		count_report(x, id);
	else if (error != EEXIST) {
		log_event(LOG_FAULT, x->job->e->id, "trouble", "what=report error=%s",
		    log_safe(strerror(error)));
		finish_report(x, error);
		return;
	}
	if (!x->copy && x->job->kind == DSN_FAILURE && x->report->server->ndr_copy_to != NULL) {
		x->copy = true;
		x->to = x->report->server->ndr_copy_to;
		begin_report(x);
		return;
	}
	finish_report(x, 0);
}

/* Composes pieces as fast as enqueue takes them. */
static void
go_on(void *arg)
{
	struct delivery *x = arg;

	while (!enqueue_is_full(x->message)) {
		buf_clear(&x->out);
		if (!dsn_next(&x->dsn, &x->out)) {
			enqueue_finish(x->message, on_report_queued, x);
			return;
		}
		enqueue_add(x->message, buf_text(&x->out), x->out.len);
	}
	enqueue_on_room(x->message, go_on, x);
}

static void
begin_report(struct delivery *x)
{
	struct report_job *job = x->job;
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e = { .sender = mem_strdup(""), .client = mem_strdup("report"),
	    .flags = MESSAGE_REPORT };

	if (x->report->server->dkim_key.count > 0)
		e.flags |= MESSAGE_SIGN;
	if (x->dsn.eight_bit || x->dsn.utf8)
		e.flags |= MESSAGE_8BIT;
	if (x->dsn.utf8)
		e.flags |= MESSAGE_UTF8;
	/* what is told of it is as much its sender's secret (RFC 8689 5) */
	e.flags |= job->e->flags & MESSAGE_REQUIRETLS;
	message_envelope_add(&e, x->to);
	x->dsn.phase = 0;
	x->dsn.at = 0;
	x->message = enqueue_begin(x->report->enqueue, &e);
	message_envelope_done(&e);
	if (x->message == NULL) {
		finish_report(x, EINVAL);
		return;
	}
	report_make_id(id, job->e->id, job->id_us, job->first, job->kind, x->copy);
	enqueue_name(x->message, id);
	go_on(x);
}

void
report_submit(struct report *r, struct report_job *job)
{
	const struct config_server *s = r->server;
	struct delivery *x = mem_new(struct delivery);

	LIST_INSERT_HEAD(&r->deliveries, x, link);
	x->report = r;
	x->job = job;
	x->to = job->e->sender;
	buf_init(&x->original, ORIGINAL_MAX);
	buf_init(&x->out, OUT_MAX);
	report_make_id(x->id, job->e->id, job->id_us, job->first, job->kind, false);
	clock_format_mail(x->date, clock_wall_us());
	clock_format_mail(x->arrival, job->arrived_us);
	clock_format_mail(x->attempt, job->time_us);
	clock_format_mail(x->until, job->until_us);
	x->dsn = (struct dsn){
		.kind = job->kind, .id = x->id, .fqdn = s->fqdn, .to = job->e->sender, .envid = job->e->envid,
		.domain = s->masquerade != NULL ? s->masquerade : s->default_domain->name,
		.date = x->date, .arrival = x->arrival, .last_attempt = x->attempt,
		.retry_until = job->expire == CONFIG_UNLIMITED ? NULL : x->until,
		.expire = job->expire, .utf8 = (job->e->flags & MESSAGE_UTF8) != 0,
		.recipient = job->recipient, .count = job->count,
	};
	if (read_original(x) == -1) {
		finish_report(x, errno);
		return;
	}
	x->dsn.utf8 = x->dsn.utf8 && needs_utf8(x);
	begin_report(x);
}
