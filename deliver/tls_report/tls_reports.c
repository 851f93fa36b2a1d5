/*
 * tls_reports - the TLS sessions of a virtual server, over days and restarts, and when their reports are sent
 *
 * Runs in:  deliver, on the loop; the file is written on a pool thread
 * Owns:     the counts of today and of the days whose reports are not sent yet
 * Promise:  a day is one of UTC. Its reports are spread over four hours after its end (RFC 8460 4.1),
 *           SENDS_MAX at a time, and tried again for a day. A crash loses the counts of SAVE_MS at the most
 * Fails by: an event; a report that cannot be sent is thrown away
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/tls_report/tls_report.h"

#define SENDS_MAX 4
#define TICK_MS 30000
#define SAVE_MS 60000
#define SAVE_SOON_MS 1000	/* after a report: it should not come twice */
#define SPREAD_S 14400
#define LATE_SPREAD_S 600	/* when that time is over already */
#define RETRY_S 900		/* then twice as long each time */
#define RETRY_MOST_S 14400
#define GIVE_UP_S 86400
#define DAYS_MAX 7		/* older ones are thrown away */

static int64_t
wall_now(void)
{
	return clock_wall_us() / 1000000;
}

/* --- the file --- */

static void
tell_trouble(struct tls_reports *r, const char *what, int error)
{
	if (error != 0 && !r->troubled)
		log_event(LOG_WARN, NULL, "trouble", "what=tls-reports reason=%s error=%s", log_safe(what),
		    log_safe(strerror(error)));
	r->troubled = error != 0;
}

static void
run_write(void *arg, __attribute__((unused)) void **jobs, __attribute__((unused)) size_t n)
{
	struct tls_reports *r = arg;

	r->error = spool_tally_write(r->spool, buf_text(&r->text), r->text.len) == 0 ? 0 : errno;
}

static void
after_write(void *arg, __attribute__((unused)) void *job)
{
	struct tls_reports *r = arg;

	r->writing = false;
	buf_done(&r->text);
	tell_trouble(r, "what was counted is not kept over a restart", r->error);
	if (r->dirty || r->error != 0) {
		r->dirty = true;
		loop_timer_set(r->save, SAVE_MS);
	}
}

static void
format_days(struct tls_reports *r)
{
	buf_init(&r->text, TLS_TALLY_FILE_MAX);
	tls_tally_file_format(&r->text, &r->days);
}

static void
on_save(void *arg)
{
	struct tls_reports *r = arg;

	if (r->writing || !r->owned || !r->dirty)
		return;
	r->dirty = false;
	r->writing = true;
	format_days(r);
	pool_submit(r->lane, r);
}

static void
save_within(struct tls_reports *r, uint64_t ms)
{
	if (!r->dirty || !loop_timer_is_set(r->save) || ms < SAVE_MS)
		loop_timer_set(r->save, ms);
	r->dirty = true;
}

static void
read_file(struct tls_reports *r)
{
	size_t len = 0;
	char *text = spool_tally_read(r->spool, TLS_TALLY_FILE_MAX, &len);
	bool good = text != NULL && tls_tally_file_parse(&r->days, text, len);

	if (!good && (text != NULL || errno == EFBIG)) {
		int error = spool_tally_put_aside(r->spool) == 0 ? 0 : errno;

		log_event(LOG_WARN, NULL, "trouble", "what=tls-reports reason=%s error=%s",
		    log_safe("the file of what was counted is damaged, and was put aside"),
		    log_safe(error == 0 ? "-" : strerror(error)));
	} else if (!good && errno != ENOENT) {
		tell_trouble(r, "what was counted cannot be read", errno);
	}
	free(text);
}

/* --- days --- */

static void
put_last(struct tls_reports *r, const struct tls_domain *d, enum tls_report_outcome outcome, const char *text)
{
	struct tls_reports_result *l = &r->last[r->next++ % TLS_REPORTS_LAST];

	free(l->domain);
	*l = (struct tls_reports_result){ .domain = mem_strdup(d->name), .day = d->tally->day,
	    .at = wall_now(), .outcome = outcome, .good = tls_tally_good(d), .failed = tls_tally_failed(d) };
	snprintf(l->text, sizeof(l->text), "%s", text);
}

static void
set_due(struct tls_domain *d, int64_t now)
{
	int64_t end = (d->tally->day + 1) * TLS_DAY;

	if (d->due != 0)
		return;
	d->due = end + 1 + chance_below(SPREAD_S);
	if (d->due < now)
		d->due = now + 1 + chance_below(LATE_SPREAD_S);
}

/*
 * The days before this one are over. A clock that was set back gives today another name, and its counts stay:
 * no report speaks of a day to come.
 */
static void
turn_day(struct tls_reports *r)
{
	int64_t now = wall_now(), day = now / TLS_DAY;
	struct tls_tally *t;
	struct tls_domain *d;

	if (r->today != NULL && r->today->day == day)
		return;
	TAILQ_FOREACH(t, &r->days, link) {
		if (t->day > day)
			t->day = day;
		if (t->day < day)
			TAILQ_FOREACH(d, &t->domains, link)
				set_due(d, now);
	}
	t = TAILQ_LAST(&r->days, tls_tally_list);
	if (t == NULL || t->day != day) {
		t = tls_tally_new(day);
		TAILQ_INSERT_TAIL(&r->days, t, link);
	}
	r->today = t;
	r->told_full = false;
	save_within(r, SAVE_MS);
}

/* Days of which nothing is left. */
static void
drop_days(struct tls_reports *r)
{
	struct tls_tally *t, *next;

	for (t = TAILQ_FIRST(&r->days); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t == r->today || t->count > 0)
			continue;
		TAILQ_REMOVE(&r->days, t, link);
		tls_tally_free(t);
	}
}

/* Of a time when no reports were made: nobody waits for them. */
static void
drop_old(struct tls_reports *r)
{
	int64_t day = wall_now() / TLS_DAY;
	struct tls_tally *t, *next;

	for (t = TAILQ_FIRST(&r->days); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->day >= day - DAYS_MAX)
			continue;
		TAILQ_REMOVE(&r->days, t, link);
		tls_tally_free(t);
	}
}

/* --- sending --- */

static void look(struct tls_reports *r);

static void
tell_failed(struct tls_reports *r, const struct tls_domain *d, const char *text)
{
	counters_add(r->means.boot->counters, COUNTER_TLS_REPORTS_FAILED, 1);
	log_event(LOG_WARN, NULL, "tls-report", "domain=%s result=failed sessions=%llu failed=%llu reason=%s",
	    d->name, (unsigned long long)(tls_tally_good(d) + tls_tally_failed(d)),
	    (unsigned long long)tls_tally_failed(d), log_safe(text));
}

static void
put_off(struct tls_domain *d, const char *text, int64_t now)
{
	int64_t wait = RETRY_S << (d->tries < 5 ? d->tries : 5);

	d->tries++;
	d->due = now + (wait < RETRY_MOST_S ? wait : RETRY_MOST_S);
	snprintf(d->why, sizeof(d->why), "%s", text);
}

static void
on_done(void *arg, struct tls_domain *d, enum tls_report_outcome outcome, const char *text)
{
	struct tls_reports *r = arg;
	int64_t now = wall_now();

	r->sending--;
	d->send = NULL;
	save_within(r, SAVE_SOON_MS);
	if (outcome == TLS_REPORT_LATER && now - d->begun < GIVE_UP_S) {
		put_off(d, text, now);
	} else {
		if (outcome == TLS_REPORT_SENT)
			counters_add(r->means.boot->counters, COUNTER_TLS_REPORTS_SENT, 1);
		else if (outcome != TLS_REPORT_UNWANTED)
			tell_failed(r, d, text);
		put_last(r, d, outcome, text);
		tls_tally_remove(d);
	}
	look(r);
}

static struct tls_domain *
next_due(const struct tls_reports *r, int64_t now)
{
	struct tls_tally *t;
	struct tls_domain *d;

	TAILQ_FOREACH(t, &r->days, link)
		if (t->day < r->today->day)
			TAILQ_FOREACH(d, &t->domains, link)
				if (d->send == NULL && d->due <= now)
					return d;
	return NULL;
}

static void
look(struct tls_reports *r)
{
	int64_t now = wall_now();
	struct tls_domain *d;

	while (r->owned && !r->ending && r->sending < SENDS_MAX && (d = next_due(r, now)) != NULL) {
		r->sending++;
		if (d->begun == 0)
			d->begun = now;
		d->send = tls_report_send_begin(&r->means, d, on_done, r);
	}
	drop_days(r);
}

static void
on_tick(void *arg)
{
	struct tls_reports *r = arg;

	loop_timer_set(r->tick, TICK_MS);
	turn_day(r);
	look(r);
}

size_t
tls_reports_hurry(struct tls_reports *r)
{
	int64_t now = wall_now();
	struct tls_tally *t;
	struct tls_domain *d;
	size_t n = 0;

	r->hurry = !r->owned;
	if (!r->owned || r->ending)
		return 0;
	turn_day(r);
	TAILQ_FOREACH(t, &r->days, link)
		if (t->day < r->today->day)
			TAILQ_FOREACH(d, &t->domains, link) {
				n++;
				if (d->send == NULL && d->due > now)
					d->due = now;
			}
	look(r);
	return n;
}

/* --- sessions --- */

void
tls_reports_count(struct tls_reports *r, const struct tls_session *s)
{
	if (r == NULL)
		return;
	turn_day(r);
	if (!tls_tally_add(r->today, s) && !r->told_full) {
		r->told_full = true;
		log_event(LOG_WARN, NULL, "trouble", "what=tls-reports reason=%s domains=%zu",
		    log_safe("there is no room for more today: further sessions are in no report"),
		    r->today->count);
	}
	save_within(r, SAVE_MS);
}

/* --- beginning and end --- */

struct tls_reports *
tls_reports_new(struct pool *pool, struct spool *spool, const struct tls_report_means *means)
{
	struct tls_reports *r;

	if (!means->boot->server->tls_reports)
		return NULL;
	r = mem_new(struct tls_reports);
	r->means = *means;
	r->spool = spool;
	TAILQ_INIT(&r->days);
	r->lane = pool_lane_new(pool, 1, 1, run_write, after_write, r);
	r->save = loop_timer_new(means->boot->loop, on_save, r);
	r->tick = loop_timer_new(means->boot->loop, on_tick, r);
	return r;
}

void
tls_reports_begin(struct tls_reports *r)
{
	if (r == NULL || r->owned)
		return;
	read_file(r);
	drop_old(r);
	r->owned = true;
	turn_day(r);
	loop_timer_set(r->tick, TICK_MS);
	if (r->hurry)
		(void)tls_reports_hurry(r);
	else
		look(r);
}

void
tls_reports_end(struct tls_reports *r)
{
	if (r == NULL)
		return;
	r->ending = true;
	loop_timer_stop(r->tick);
}

static void
end_sends(struct tls_reports *r)
{
	struct tls_tally *t;
	struct tls_domain *d;

	TAILQ_FOREACH(t, &r->days, link)
		TAILQ_FOREACH(d, &t->domains, link) {
			tls_report_send_free(d->send);
			d->send = NULL;
		}
}

/* The loop has ended: this may wait for the disk. */
void
tls_reports_free(struct tls_reports *r)
{
	if (r == NULL)
		return;
	end_sends(r);
	if (r->owned && (r->dirty || r->writing)) {
		buf_done(&r->text);
		format_days(r);
		(void)!spool_tally_write(r->spool, buf_text(&r->text), r->text.len);
	}
	buf_done(&r->text);
	tls_tally_file_done(&r->days);
	loop_timer_free(r->save);
	loop_timer_free(r->tick);
	for (size_t i = 0; i < TLS_REPORTS_LAST; i++)
		free(r->last[i].domain);
	free(r);
}
