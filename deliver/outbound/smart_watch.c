/*
 * smart_watch - which hosts that the configuration names have taken nothing for long, while mail waits
 *
 * Runs in:  deliver
 * Owns:     a row for each destination that has a job, or whose last jobs brought no message on its way
 * Promise:  after smart-host-alarm without a message taken such a destination is one event, and a reason that
 *           operators see until it takes one, no mail waits any more, or no more is tried for it. Mail
 *           waits as well while its first attempt hangs
 * Fails by: telling nothing
 */
#include <bsd/sys/queue.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "deliver/outbound/outbound.h"

#define LOOK_MS 10000U
#define MINUTE_MS 60000U
#define NAMES_MAX 300

struct smart_row {
	TAILQ_ENTRY(smart_row) link;
	char *key, *name;
	size_t active;			/* jobs that are not done */
	/* Monotonic ms: since when mail waits and nothing was taken; the last failure, 0: none since then */
	uint64_t since, last;
	struct measures_row *measured;	/* NULL: not told there */
	bool told;
	struct verdict why;		/* of the last failure */
};

struct smart_watch {
	struct boot *boot;
	struct loop_timer *look;
	TAILQ_HEAD(, smart_row) rows;
};

static struct smart_row *
find_row(const struct smart_watch *w, const char *key)
{
	struct smart_row *r;

	TAILQ_FOREACH(r, &w->rows, link)
		if (strcmp(r->key, key) == 0)
			break;
	return r;
}

static void
measure_failing(const struct smart_watch *w, struct smart_row *r)
{
	uint64_t seconds = (clock_mono_ms() - r->since) / 1000;

	if (r->measured != NULL)
		return;
	r->measured = measures_row(counters_measures(w->boot->counters), MEASURES_NEXT_HOPS, r->name);
	if (r->measured != NULL)	/* there are counters, and room */
		r->measured->value[MEASURES_SINCE] = clock_wall_us() / 1000000 - (int64_t)seconds;
}

static void
measure_good(struct smart_row *r)
{
	if (r->measured != NULL)
		r->measured->value[MEASURES_SINCE] = 0;
	r->measured = NULL;
}

static void
forget_row(struct smart_watch *w, struct smart_row *r)
{
	TAILQ_REMOVE(&w->rows, r, link);
	measure_good(r);
	free(r->key);
	free(r->name);
	free(r);
}

/* "[192.0.2.1]:25, relay.example:587"; owned by the caller. */
static char *
name_hosts(const struct destination *d)
{
	struct buf names = BUF_INIT(NAMES_MAX);
	char *text;

	for (size_t i = 0; i < d->nhost; i++)
		buf_printf(&names, d->host[i].literal ? "%s[%s]:%u" : "%s%s:%u", i > 0 ? ", " : "",
		    d->host[i].name, (unsigned)d->host[i].port);
	text = mem_strdup(names.len > 0 ? buf_text(&names) : d->domain);
	buf_done(&names);
	return text;
}

static const char *
reason_of(const struct smart_row *r)
{
	return r->last != 0 ? r->why.text : "the attempt that goes on has no answer yet";
}

static void
put_row(struct buf *text, const struct smart_row *r, uint64_t seconds)
{
	bool long_ago = seconds >= 120;

	buf_printf(text, "%ssmart host %s has taken nothing for %llu %s while mail waits: %s",
	    text->len > 0 ? "; " : "", r->name, (unsigned long long)(long_ago ? seconds / 60 : seconds),
	    long_ago ? "minutes" : "seconds", reason_of(r));
}

static void
tell_operators(const struct smart_watch *w, uint64_t now)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	const struct smart_row *r;

	TAILQ_FOREACH(r, &w->rows, link)
		if (r->told)
			put_row(&text, r, (now - r->since) / 1000);
	boot_trouble(w->boot, "smart-host", buf_text(&text));
	buf_done(&text);
}

/* Longer than any wait between attempts: nothing of it can wait any more. */
static bool
is_given_up(const struct smart_watch *w, const struct smart_row *r, uint64_t now)
{
	const struct config_times *t = &w->boot->server->retry;
	uint64_t longest = 0, alarm = w->boot->server->smart_host_alarm;

	for (size_t i = 0; i < t->count; i++)
		longest = t->ms[i] > longest ? t->ms[i] : longest;
	return now - r->last > 2 * longest + (alarm == CONFIG_UNLIMITED ? 0 : alarm) + MINUTE_MS;
}

static void
look_at(struct smart_watch *w, struct smart_row *r, uint64_t now)
{
	if (r->active == 0 && (r->last == 0 || is_given_up(w, r, now) ||
	    counters_get(w->boot->counters, COUNTER_QUEUE_LENGTH) <= 0)) {
		forget_row(w, r);
	} else if (!r->told && now - r->since >= w->boot->server->smart_host_alarm) {
		r->told = true;
		measure_failing(w, r);
		log_event(LOG_WARN, NULL, "trouble", "what=smart-host host=%s takes=nothing reason=%s",
		    log_safe(r->name), log_safe(reason_of(r)));
	}
}

static void
set_timer(struct smart_watch *w)
{
	uint64_t alarm = w->boot->server->smart_host_alarm;

	if (TAILQ_EMPTY(&w->rows))
		loop_timer_stop(w->look);
	else if (!loop_timer_is_set(w->look))
		loop_timer_set(w->look, alarm < LOOK_MS ? alarm : LOOK_MS);
}

static void
on_look_time(void *arg)
{
	struct smart_watch *w = arg;
	struct smart_row *r, *next;
	uint64_t now = clock_mono_ms();

	TAILQ_FOREACH_SAFE(r, &w->rows, link, next)
		look_at(w, r, now);
	tell_operators(w, now);
	set_timer(w);
}

static void
note_success(struct smart_watch *w, struct smart_row *r)
{
	bool told = r->told;

	r->told = false;
	r->since = clock_mono_ms();
	r->last = 0;
	measure_good(r);
	if (!told)
		return;
	log_event(LOG_FACT, NULL, "service", "what=smart-host host=%s state=takes-mail", log_safe(r->name));
	tell_operators(w, r->since);
}

static void
note_failure(struct smart_watch *w, struct smart_row *r, const struct verdict *why)
{
	r->last = clock_mono_ms();
	r->why = *why;
	measure_failing(w, r);
}

/* All that the configuration does not name are one row: their number has no bound. */
static void
measure_success(const struct smart_watch *w, const struct destination *d)
{
	char *name = d->named ? name_hosts(d) : mem_strdup("mx");
	struct measures_row *row = measures_row(counters_measures(w->boot->counters), MEASURES_NEXT_HOPS,
	    name);

	if (row != NULL)
		row->value[MEASURES_TIME] = clock_wall_us() / 1000000;
	free(name);
}

void
smart_watch_begin(struct smart_watch *w, const struct destination *d)
{
	struct smart_row *r = d->named ? find_row(w, d->key) : NULL;

	if (!d->named)
		return;
	if (r == NULL) {
		r = mem_new(struct smart_row);
		r->key = mem_strdup(d->key);
		r->name = name_hosts(d);
		TAILQ_INSERT_TAIL(&w->rows, r, link);
	}
	if (r->active++ == 0 && r->last == 0)	/* nothing waited until now */
		r->since = clock_mono_ms();
	set_timer(w);
}

static void
note_verdicts(struct smart_watch *w, struct smart_row *r, const struct destination *d,
    const struct outbound_job *job)
{
	const struct verdict *later = NULL;

	for (size_t i = 0; i < job->count; i++) {
		if (job->verdict[i].what == VERDICT_DELIVERED) {
			measure_success(w, d);
			if (r != NULL)
				note_success(w, r);
			return;
		}
		if (job->verdict[i].what == VERDICT_LATER)
			later = &job->verdict[i];
	}
	if (later != NULL && r != NULL)
		note_failure(w, r, later);
	else if (r != NULL && r->last == 0)
		r->since = clock_mono_ms();	/* refused: that is an answer */
}

void
smart_watch_end(struct smart_watch *w, const struct destination *d, const struct outbound_job *job,
    bool counts)
{
	struct smart_row *r = d->named ? find_row(w, d->key) : NULL;

	if (r != NULL)
		r->active--;
	if (counts)
		note_verdicts(w, r, d, job);
}

/* Of the process before: perhaps the configuration has other hosts now. */
static void
forget_failures(const struct smart_watch *w)
{
	struct measures *m = counters_measures(w->boot->counters);

	for (size_t i = 0; m != NULL && i < MEASURES_ROWS; i++)
		m->row[MEASURES_NEXT_HOPS][i].value[MEASURES_SINCE] = 0;
}

struct smart_watch *
smart_watch_new(struct boot *b)
{
	struct smart_watch *w = mem_new(struct smart_watch);

	w->boot = b;
	TAILQ_INIT(&w->rows);
	forget_failures(w);
	w->look = loop_timer_new(b->loop, on_look_time, w);
	return w;
}

void
smart_watch_free(struct smart_watch *w)
{
	while (!TAILQ_EMPTY(&w->rows))
		forget_row(w, TAILQ_FIRST(&w->rows));
	loop_timer_free(w->look);
	free(w);
}
