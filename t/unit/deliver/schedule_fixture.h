/*
 * schedule_fixture - a schedule on a temporary spool, with loop, pool, enqueue and badmail
 * fixture_begin() makes all of them, fixture_end() frees them. run_until() runs the loop until a condition is
 * true.
 */
#ifndef SCHEDULE_FIXTURE_H
#define SCHEDULE_FIXTURE_H

#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/temp_spool.h"

#define POLL_MS 5
#define POLLS_MAX 5000		/* then the test fails */

static struct loop *loop;
static struct pool *pool;
static struct enqueue *enqueue;
static struct badmail *badmail;
static struct schedule *schedule;
static struct {
	struct loop_timer *timer;
	bool (*wanted)(void);
	unsigned polls;
} poll_state;

static inline void
fixture_poll(void *arg)
{
	(void)arg;
	if (poll_state.wanted() || ++poll_state.polls > POLLS_MAX)
		loop_stop(loop);
	else
		loop_timer_set(poll_state.timer, POLL_MS);
}

/* Runs the loop until `wanted` is true; fails after POLLS_MAX polls. */
static inline void
run_until(bool (*wanted)(void))
{
	poll_state.wanted = wanted;
	poll_state.polls = 0;
	loop_timer_set(poll_state.timer, 0);
	loop_run(loop);
	ck_assert(wanted());
}

static inline void
fixture_begin(const struct config_server *server)
{
	struct schedule_setup setup = { .server = server, .window = 100 };
	const char *why = "";

	temp_spool_begin();
	setup.spool = spool;
	setup.loop = loop = loop_new();
	setup.pool = pool = pool_new(loop, 4);
	setup.enqueue = enqueue = enqueue_new(pool, spool, -1, NULL);
	setup.badmail = badmail = badmail_new(loop, pool, spool, server, NULL);
	schedule = schedule_new(&setup, &why);
	ck_assert_ptr_nonnull(schedule);
	poll_state.timer = loop_timer_new(loop, fixture_poll, NULL);
}

static inline void
fixture_end(void)
{
	loop_timer_free(poll_state.timer);
	pool_free(pool);
	schedule_free(schedule);
	badmail_free(badmail);
	enqueue_free(enqueue);
	loop_free(loop);
	temp_spool_end();
}

/*
 * Puts a message into the queue without a hint to the schedule; `id` receives its id. `recipients` ends with
 * NULL.
 */
static inline void
queue(char id[MESSAGE_ID_SIZE], const char *sender, const char *const *recipients, const char *content)
{
	struct message_envelope e = { .sender = mem_strdup(sender) };
	struct spool_draft *d;

	for (; *recipients != NULL; recipients++)
		message_envelope_add(&e, *recipients);
	d = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(spool_draft_write(d, content, strlen(content)), 0);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	memcpy(id, spool_draft_id(d), MESSAGE_ID_SIZE);
	spool_draft_free(d);
	message_envelope_done(&e);
}

#endif
