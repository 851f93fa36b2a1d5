/*
 * badmail - keeps messages that can be neither delivered nor returned, and keeps their folder within its
 * limits
 *
 * Runs in:  deliver: submit and `done` on the loop, the disk work on pool threads
 * Owns:     the lane, the timer of the trimming
 * Promise:  `done` without an error only after .bad, .bdr and .bdp are on disk; a damaged queue file is
 *           moved as it is
 * Fails by: the job's error
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"
#include "deliver/result/result.h"

#define LANES 2
#define TRIM_MS 600000		/* by age; and what other programs put there */

static const struct {
	const char *name, *words;
	enum counter counter;
} reasons[BADMAIL_REASON_COUNT] = {
	[BADMAIL_DAMAGED] = { "damaged", "the queue file is damaged", COUNTER_BADMAIL_DAMAGED },
	[BADMAIL_HOPS] = { "hops", "hop count exceeded, and there is no sender to tell",
	    COUNTER_BADMAIL_HOPS },
	[BADMAIL_NDR] = { "ndr", "a delivery report that could not be delivered", COUNTER_BADMAIL_NDR },
	[BADMAIL_NULL_SENDER] = { "null-sender", "it could not be delivered, and there is no sender to tell",
	    COUNTER_BADMAIL_NDR },
};

/* What a thread does: a job, or the trimming of the folder. */
struct task {
	LIST_ENTRY(task) link;
	struct badmail_job *job;	/* NULL: trim */
	size_t trimmed;
};

struct badmail {
	struct pool_lane *lane;
	struct loop_timer *timer;
	struct spool *spool;
	const struct config_server *server;
	struct counters *counters;
	bool trimming;
	LIST_HEAD(, task) tasks;
};

static void
run_one(struct badmail *b, struct badmail_job *job)
{
	const struct message_envelope *e = job->e;
	int rc;

	if (job->fd == -1)
		rc = spool_badmail_move(b->spool, job->id, reasons[job->reason].words, job->details);
	else
		rc = spool_badmail_write(b->spool, job->id, e, reasons[job->reason].words, job->details,
		    job->fd, e->content_at, e->content_size);
	job->error = rc == -1 ? errno : 0;
	job->kept = rc == 0;
}

static void
run_tasks(void *arg, void **tasks, size_t n)
{
	struct badmail *b = arg;

	for (size_t i = 0; i < n; i++) {
		struct task *t = tasks[i];

		if (t->job != NULL) {
			run_one(b, t->job);
			t->trimmed = spool_badmail_trim_count(b->spool);
			continue;
		}
		t->trimmed = spool_badmail_trim(b->spool,
		    b->server->badmail_keep == CONFIG_UNLIMITED ? INT64_MAX / 2 :
		    (int64_t)(b->server->badmail_keep / 1000), b->server->badmail_limit);
	}
}

static void
tell_trimmed(struct badmail *b, const struct task *t)
{
	if (t->job == NULL) {
		b->trimming = false;
		loop_timer_set(b->timer, TRIM_MS);
	}
	if (t->trimmed > 0)
		log_event(LOG_FACT, NULL, "service", "what=badmail-trimmed files=%zu", t->trimmed);
}

static void
on_task_done(void *arg, void *task)
{
	struct badmail *b = arg;
	struct task *t = task;
	struct badmail_job *job = t->job;

	tell_trimmed(b, t);
	if (job != NULL) {
		if (job->error == 0) {
			counters_add(b->counters, reasons[job->reason].counter, 1);
			log_event(LOG_WARN, job->id, "badmailed", "reason=%s%s", reasons[job->reason].name,
			    job->kept ? "" : " kept=no why=\"larger than badmail-limit\"");
		} else {
			log_event(LOG_FAULT, job->id, "trouble", "what=badmail reason=%s error=%s",
			    reasons[job->reason].name, log_safe(strerror(job->error)));
		}
		job->done(job->arg, job);
	}
	LIST_REMOVE(t, link);
	free(t);
}

static void
submit_task(struct badmail *b, struct badmail_job *job)
{
	struct task *t = mem_new(struct task);

	t->job = job;
	LIST_INSERT_HEAD(&b->tasks, t, link);
	pool_submit(b->lane, t);
}

static void
submit_trim(void *arg)
{
	struct badmail *b = arg;

	if (b->trimming)
		return;
	b->trimming = true;
	submit_task(b, NULL);
}

struct badmail *
badmail_new(struct loop *l, struct pool *pool, struct spool *spool, const struct config_server *server,
    struct counters *counters)
{
	struct badmail *b = mem_new(struct badmail);

	b->lane = pool_lane_new(pool, LANES, 1, run_tasks, on_task_done, b);
	b->timer = loop_timer_new(l, submit_trim, b);
	b->spool = spool;
	b->server = server;
	b->counters = counters;
	return b;
}

void
badmail_free(struct badmail *b)
{
	struct task *t;

	if (b == NULL)
		return;
	while ((t = LIST_FIRST(&b->tasks)) != NULL) {
		LIST_REMOVE(t, link);
		free(t);
	}
	loop_timer_free(b->timer);
	free(b);
}

void
badmail_submit(struct badmail *b, struct badmail_job *job)
{
	submit_task(b, job);
}

void
badmail_keep_trimmed(struct badmail *b)
{
	submit_trim(b);
}
