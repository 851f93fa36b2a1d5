/*
 * age_watch - how old the oldest message of the queue is
 *
 * Runs in:  deliver, on the loop
 * Owns:     a timer, how far the walk through the records came
 * Promise:  a message older than queue-age-alarm is one event, and a reason that operators see until it is
 *           gone; a large queue is walked in portions, so that no walk holds the loop up
 * Fails by: being late: a walk through a million messages takes a quarter of a minute
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/look_timer.h"
#include "deliver/deliver.h"
#include "deliver/schedule/schedule.h"

#define LOOK_MS 1000U

struct age_watch {
	struct boot *boot;
	const struct schedule *schedule;
	struct look_timer again;
	struct age_walk walk;
	bool told;
};

static void
put_age(struct buf *text, uint64_t seconds)
{
	static const struct { unsigned seconds; const char *name; } units[] = {
		{ 172800, "days" }, { 7200, "hours" }, { 120, "minutes" }, { 0, "seconds" },
	};
	static const unsigned each[] = { 86400, 3600, 60, 1 };
	size_t i = 0;

	while (seconds < units[i].seconds)
		i++;
	buf_printf(text, "%llu %s", (unsigned long long)(seconds / each[i]), units[i].name);
}

static void
tell(struct age_watch *w, int64_t oldest_us)
{
	uint64_t alarm = w->boot->server->queue_age_alarm, age = 0;
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	int64_t now = clock_wall_us();
	bool late;

	if (oldest_us != 0 && now > oldest_us)
		age = (uint64_t)(now - oldest_us) / 1000000;
	late = alarm != CONFIG_UNLIMITED && oldest_us != 0 && age >= alarm / 1000;
	if (late) {
		buf_puts(&text, "the oldest message in the queue is there for ");
		put_age(&text, age);
	}
	if (late && !w->told)
		log_event(LOG_WARN, NULL, "trouble", "what=queue-age seconds=%llu reason=%s",
		    (unsigned long long)age, log_safe(buf_text(&text)));
	else if (!late && w->told)
		log_event(LOG_FACT, NULL, "service", "what=queue-age state=over");
	measures_set(counters_measures(w->boot->counters), MEASURE_OLDEST, oldest_us / 1000000);
	w->told = late;
	boot_trouble(w->boot, "age", buf_text(&text));
	buf_done(&text);
}

static void
on_look_time(void *arg)
{
	struct age_watch *w = arg;

	if (age_walk_step(w->schedule->index, &w->walk))
		tell(w, w->walk.oldest_us);
	look_timer_again(&w->again, schedule_index_count(w->schedule->index) > 0);
}

struct age_watch *
age_watch_new(struct boot *b, const struct schedule *schedule)
{
	struct age_watch *w = mem_new(struct age_watch);

	w->boot = b;
	w->schedule = schedule;
	look_timer_init(&w->again, b->loop, LOOK_MS, on_look_time, w);
	look_timer_again(&w->again, true);
	return w;
}

void
age_watch_stir(struct age_watch *w)
{
	look_timer_stir(&w->again);
}

void
age_watch_free(struct age_watch *w)
{
	look_timer_done(&w->again);
	free(w);
}
