/*
 * tls_reports - the TLS sessions of a virtual server, over days and restarts, and when their reports are sent
 *
 * Runs in:  deliver, on the loop; the file is written on a pool thread
 * Owns:     the counts of today and of the days whose reports are not sent yet
 * Promise:  a day is one of UTC. Its reports are spread over four hours after its end (RFC 8460 4.1),
 *           SENDS_MAX at a time, the longest due first, and tried again for a day. The time when one is due
 *           names its message: it is in the file before the message is made. A crash loses the counts of
 *           SAVE_MS at the most. A clock that was set back renames no day: those ahead wait for their end
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
#define STALE_S 3600		/* due for longer: nothing was sent, as nothing ran */
#define DAYS_MAX 7		/* older ones are thrown away */
#define DAYS_AHEAD_MAX 3660	/* days further ahead were counted by a clock that was wrong */
#define CLOCK_UNSET_DAY 20000	/* October 2024: a clock that says less was not set yet, and judges no day */

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

/* Never later than a save that is to come already. While a file is written the timer waits for its end. */
static void
save_within(struct tls_reports *r, uint64_t ms)
{
	uint64_t at = clock_mono_ms() + ms;

	r->dirty = true;
	if (r->save_at != 0 && r->save_at <= at)
		return;
	r->save_at = at;
	if (!r->writing)
		loop_timer_set(r->save, ms);
}

static void look(struct tls_reports *r);

/* Also when that has failed: a disk that is full does not hold the reports back. */
static void
end_write(struct tls_reports *r, const char *what, int error)
{
	buf_done(&r->text);
	tell_trouble(r, what, error);
	if (r->dues == TLS_DUES_WRITING)
		r->dues = TLS_DUES_SAVED;
	look(r);
}

static void
after_write(void *arg, __attribute__((unused)) void *job)
{
	struct tls_reports *r = arg;
	uint64_t now = clock_mono_ms();

	r->writing = false;
	if (r->save_at != 0)
		loop_timer_set(r->save, r->save_at > now ? r->save_at - now : 0);
	if (r->error != 0)
		save_within(r, SAVE_MS);
	end_write(r, "what was counted is not kept over a restart", r->error);
}

/* False: there is more than the file may have. The one that is there is better than the beginning of this. */
static bool
format_days(struct tls_reports *r)
{
	buf_init(&r->text, TLS_TALLY_FILE_MAX);
	tls_tally_file_format(&r->text, &r->days);
	return buf_ok(&r->text);
}

static void
on_save(void *arg)
{
	struct tls_reports *r = arg;

	if (r->writing)
		return;
	r->save_at = 0;
	if (!r->owned || !r->dirty)
		return;
	r->dirty = false;
	if (r->dues == TLS_DUES_CHANGED)
		r->dues = TLS_DUES_WRITING;
	if (r->unkept) {
		end_write(r, "", 0);
	} else if (!format_days(r)) {
		end_write(r, "what was counted has more than 128 MiB, and is not kept over a restart", EFBIG);
	} else {
		r->writing = true;
		pool_submit(r->lane, r);
	}
}

/* A file that is not taken is not overwritten either. */
static void
put_aside(struct tls_reports *r, const char *fault)
{
	char text[200];

	r->unkept = spool_tally_put_aside(r->spool) == -1;
	snprintf(text, sizeof(text), "the file of what was counted %s%s", fault, r->unkept ?
	    ", and cannot be put aside: nothing is kept over a restart" : ", and was put aside");
	log_event(LOG_WARN, NULL, "trouble", "what=tls-reports reason=%s error=%s", log_safe(text),
	    log_safe(r->unkept ? strerror(errno) : "-"));
}

static void
read_file(struct tls_reports *r)
{
	size_t len = 0;
	char *text = spool_tally_read(r->spool, TLS_TALLY_FILE_MAX, &len), fault[120];

	if (text == NULL && errno != ENOENT) {
		snprintf(fault, sizeof(fault), "cannot be read (%.90s)", strerror(errno));
		put_aside(r, fault);
	} else if (text != NULL && !tls_tally_file_parse(&r->days, text, len)) {
		put_aside(r, "is damaged");
	}
	free(text);
}

/* --- days --- */

static void
put_last(struct tls_reports *r, const struct tls_domain *d, enum tls_report_outcome outcome, const char *text)
{
	struct tls_reports_result *l = &r->last[r->next++ % TLS_REPORTS_LAST];
	struct tls_sums sums = tls_tally_sums(d);

	free(l->domain);
	*l = (struct tls_reports_result){ .domain = mem_strdup(d->name), .day = d->tally->day,
	    .at = wall_now(), .outcome = outcome, .good = sums.good, .failed = sums.failed };
	snprintf(l->text, sizeof(l->text), "%s", text);
}

/*
 * The queue takes the age of a message from its name, and so from this time: one that has passed long ago, as
 * nothing ran, would make a message that is too old at its first try. One that is further ahead than any that
 * is given was given by a clock that was wrong.
 */
static void
set_due(struct tls_domain *d, int64_t now)
{
	int64_t end = (d->tally->day + 1) * TLS_DAY;

	if (d->begun > now)
		d->begun = now;
	if (d->send != NULL || (d->due >= now - STALE_S && d->due <= now + SPREAD_S + RETRY_MOST_S))
		return;
	d->due = end + 1 + chance_below(SPREAD_S);
	if (d->due < now || d->due > now + SPREAD_S + 1)
		d->due = now + 1 + chance_below(LATE_SPREAD_S);
}

static bool
is_being_sent(const struct tls_tally *t)
{
	const struct tls_domain *d;

	TAILQ_FOREACH(d, &t->domains, link)
		if (d->send != NULL)
			return true;
	return false;
}

/* Of a time when no reports were made: nobody waits for them. Or of one that is not to come. */
static void
drop_far(struct tls_reports *r, int64_t day)
{
	struct tls_tally *t, *next;

	for (t = TAILQ_FIRST(&r->days); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if ((t->day >= day - DAYS_MAX && (t->day <= day + DAYS_AHEAD_MAX || day < CLOCK_UNSET_DAY)) ||
		    is_being_sent(t))
			continue;
		TAILQ_REMOVE(&r->days, t, link);
		tls_tally_free(t);
	}
}

static struct tls_tally *
find_day(struct tls_reports *r, int64_t day)
{
	struct tls_tally *t, *made;

	TAILQ_FOREACH(t, &r->days, link)
		if (t->day >= day)
			break;
	if (t != NULL && t->day == day)
		return t;
	made = tls_tally_new(day);
	if (t != NULL)
		TAILQ_INSERT_BEFORE(t, made, link);
	else
		TAILQ_INSERT_TAIL(&r->days, made, link);
	return made;
}

/* The days before this one are over. */
static void
turn_day(struct tls_reports *r)
{
	int64_t now = wall_now(), day = now / TLS_DAY;
	struct tls_tally *t;
	struct tls_domain *d;

	if (r->today != NULL && r->today->day == day)
		return;
	drop_far(r, day);
	TAILQ_FOREACH(t, &r->days, link)
		if (t->day < day)
			TAILQ_FOREACH(d, &t->domains, link)
				set_due(d, now);
	r->today = find_day(r, day);
	r->told_full = false;
	r->dues = TLS_DUES_CHANGED;
	save_within(r, SAVE_SOON_MS);
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

/* --- sending --- */

static void
tell_failed(struct tls_reports *r, const struct tls_domain *d, const char *text)
{
	struct tls_sums sums = tls_tally_sums(d);

	counters_add(r->means.boot->counters, COUNTER_TLS_REPORTS_FAILED, 1);
	log_event(LOG_WARN, NULL, "tls-report", "domain=%s result=failed sessions=%llu failed=%llu reason=%s",
	    d->name, (unsigned long long)(sums.good + sums.failed),
	    (unsigned long long)sums.failed, log_safe(text));
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

/* The one that is due for longest: many that fail again and again do not keep the others from their turn. */
static struct tls_domain *
next_due(const struct tls_reports *r, int64_t now)
{
	struct tls_domain *d, *first = NULL;
	struct tls_tally *t;

	TAILQ_FOREACH(t, &r->days, link)
		if (t->day < r->today->day)
			TAILQ_FOREACH(d, &t->domains, link)
				if (d->send == NULL && d->due <= now &&
				    (first == NULL || d->due < first->due))
					first = d;
	return first;
}

static void
look(struct tls_reports *r)
{
	int64_t now = wall_now();
	struct tls_domain *d;

	while (r->owned && !r->ending && r->dues == TLS_DUES_SAVED && r->sending < SENDS_MAX &&
	    (d = next_due(r, now)) != NULL) {
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
	r->dues = TLS_DUES_CHANGED;
	save_within(r, 0);
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
	r->owned = true;
	r->today = NULL;	/* days have come */
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
	if (r->owned && !r->unkept && (r->dirty || r->writing)) {
		buf_done(&r->text);
		if (format_days(r))
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
