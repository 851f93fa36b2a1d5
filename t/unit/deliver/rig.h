/* rig - a schedule in a scratch home, with all that it stands on */
#ifndef RIG_H
#define RIG_H

#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/scratch.h"

#define RIG_LOOK_MS 5
#define RIG_LOOKS 5000

static struct loop *loop;
static struct pool *pool;
static struct enqueue *enqueue;
static struct badmail *badmail;
static struct schedule *schedule;
static struct {
	struct loop_timer *timer;
	bool (*wanted)(void);
	unsigned looks;
} rig;

static inline void
rig_look(void *arg)
{
	(void)arg;
	if (rig.wanted() || ++rig.looks > RIG_LOOKS)
		loop_stop(loop);
	else
		loop_timer_set(rig.timer, RIG_LOOK_MS);
}

static inline void
run_until(bool (*wanted)(void))
{
	rig.wanted = wanted;
	rig.looks = 0;
	loop_timer_set(rig.timer, 0);
	loop_run(loop);
	ck_assert(wanted());
}

static inline void
rig_begin(const struct config_server *server)
{
	struct schedule_setup setup = { .server = server, .window = 100 };
	const char *why = "";

	scratch_begin();
	setup.spool = spool;
	setup.loop = loop = loop_new();
	setup.pool = pool = pool_new(loop, 4);
	setup.enqueue = enqueue = enqueue_new(loop, pool, spool, -1);
	setup.badmail = badmail = badmail_new(loop, pool, spool, server, NULL);
	schedule = schedule_new(&setup, &why);
	ck_assert_ptr_nonnull(schedule);
	rig.timer = loop_timer_new(loop, rig_look, NULL);
}

static inline void
rig_end(void)
{
	loop_timer_free(rig.timer);
	pool_free(pool);
	schedule_free(schedule);
	badmail_free(badmail);
	enqueue_free(enqueue);
	loop_free(loop);
	scratch_end();
}

/* A message in the queue, unknown to the schedule; `id` is out. Recipients end with NULL. */
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
