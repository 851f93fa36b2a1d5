/*
 * w3clog - the protocol log: lines gather on the loop, a pool thread or another process appends them
 *
 * Runs in:  listener, deliver, pickup; on the loop
 * Owns:     the lines on their way to the file
 * Promise:  no line waits longer than FLUSH_MS before it is sent; at most GATHER_MAX bytes wait
 * Fails by: lost lines: counted, with one event when it begins and one when it is over
 */
#include "common/w3clog/w3clog.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define FLUSH_MS 500
#define BATCH_BYTES (64U << 10)
#define GATHER_MAX (2U << 20)
#define CALM_MS 5000		/* after so long without a loss the trouble is over */
#define HOUR_US INT64_C(3600000000)	/* the shortest life of a name */

struct w3clog {
	struct w3clog_format format;
	const char *folder;
	struct counters *counters;
	void (*send)(void *arg, struct w3clog_batch *b);
	void *send_arg;
	size_t batch_bytes;
	struct w3clog_file *file;	/* NULL: another process has it */
	struct pool_lane *lane;
	struct loop_timer *timer;
	struct w3clog_batch *batch;	/* gathering; NULL none */
	int64_t hour_us;
	size_t waiting;			/* bytes that are on their way */
	uint64_t lost;			/* lines lost since the trouble began */
	uint64_t lost_ms;		/* time of the last one */
	bool troubled;
};

/* --- to the file --- */

static void
run_batches(void *arg, void **jobs, size_t n)
{
	struct w3clog *log = arg;

	for (size_t i = 0; i < n; i++)
		w3clog_file_append(log->file, jobs[i]);
}

static void
send_to_pool(void *arg, struct w3clog_batch *b)
{
	struct w3clog *log = arg;

	pool_submit(log->lane, b);
}

/* --- on the loop --- */

static void
lose_lines(struct w3clog *log, size_t lines, int error)
{
	log->lost += lines;
	log->lost_ms = clock_mono_ms();
	counters_add(log->counters, COUNTER_LOG_LOST, (int64_t)lines);
	if (log->troubled)
		return;
	log->troubled = true;
	log_event(LOG_FAULT, NULL, "trouble", "doing=protocol-log folder=%s reason=%s", log_safe(log->folder),
	    log_safe(error != 0 ? strerror(error) : "the disk does not keep up"));
}

void
w3clog_written(struct w3clog *log, struct w3clog_batch *b)
{
	log->waiting -= b->text.len;
	if (b->error != 0)
		lose_lines(log, b->lost, b->error);
	else if (log->troubled && b->text.len > 0 && clock_mono_ms() - log->lost_ms >= CALM_MS) {
		log_event(LOG_WARN, NULL, "service", "what=protocol-log-again lines-lost=%llu",
		    (unsigned long long)log->lost);
		log->troubled = false;
		log->lost = 0;
	}
	w3clog_batch_free(b);
}

static void
after_batch(void *arg, void *job)
{
	w3clog_written(arg, job);
}

void
w3clog_batch_free(struct w3clog_batch *b)
{
	buf_done(&b->text);
	free(b);
}

static struct w3clog_batch *
batch_of(struct w3clog *log)
{
	struct w3clog_batch *b;

	if (log->batch != NULL)
		return log->batch;
	b = mem_new(struct w3clog_batch);
	b->format = log->format.format;
	b->fields = log->format.fields;
	b->time_us = log->hour_us;
	buf_init(&b->text, log->batch_bytes + W3CLOG_LINE_MAX);
	log->batch = b;
	return b;
}

static void
submit_batch(struct w3clog *log)
{
	struct w3clog_batch *b = log->batch;

	loop_timer_stop(log->timer);
	if (b == NULL)
		return;
	log->batch = NULL;
	log->waiting += b->text.len;
	log->send(log->send_arg, b);
}

static void
on_flush_timer(void *arg)
{
	submit_batch(arg);
}

struct w3clog *
w3clog_new_sending(struct loop *l, const struct config *c, const struct config_server *s,
    struct counters *counters, size_t batch_bytes, void (*send)(void *arg, struct w3clog_batch *b), void *arg)
{
	struct w3clog *log;

	if (!s->log)
		return NULL;
	log = mem_new(struct w3clog);
	w3clog_fields_init(&log->format, c, s);
	log->folder = s->log_directory;
	log->counters = counters;
	log->hour_us = INT64_MIN;
	log->batch_bytes = batch_bytes;
	log->send = send;
	log->send_arg = arg;
	log->timer = loop_timer_new(l, on_flush_timer, log);
	return log;
}

struct w3clog *
w3clog_new(struct loop *l, struct pool *pool, const struct config *c, const struct config_server *s,
    struct counters *counters)
{
	struct w3clog *log = w3clog_new_sending(l, c, s, counters, BATCH_BYTES, send_to_pool, NULL);

	if (log == NULL)
		return NULL;
	log->send_arg = log;
	log->file = w3clog_file_new(c, s);
	log->lane = pool_lane_new(pool, 1, 1, run_batches, after_batch, log);
	return log;
}

/* Lines of another hour may belong to another file. */
static void
change_period(struct w3clog *log, int64_t time_us)
{
	int64_t hour = time_us - time_us % HOUR_US;

	if (hour == log->hour_us)
		return;
	submit_batch(log);
	log->hour_us = hour;
}

void
w3clog_add(struct w3clog *log, const struct w3clog_fact *fact)
{
	struct w3clog_batch *b;

	if (log == NULL)
		return;
	change_period(log, fact->time_us);
	if (log->waiting + (log->batch != NULL ? log->batch->text.len : 0) > GATHER_MAX) {
		lose_lines(log, 1, 0);
		return;
	}
	b = batch_of(log);
	w3clog_fields_line(&b->text, &log->format, fact);
	b->lines++;
	if (b->text.len >= log->batch_bytes)
		submit_batch(log);
	else if (b->lines == 1)
		loop_timer_set(log->timer, FLUSH_MS);
}

void
w3clog_reopen(struct w3clog *log)
{
	if (log == NULL)
		return;
	submit_batch(log);
	batch_of(log)->reopen = true;
	submit_batch(log);
}

void
w3clog_end(struct w3clog *log)
{
	if (log != NULL)
		submit_batch(log);
}

void
w3clog_free(struct w3clog *log)
{
	if (log == NULL)
		return;
	w3clog_file_free(log->file);
	if (log->batch != NULL)
		w3clog_batch_free(log->batch);
	loop_timer_free(log->timer);
	free(log);
}
