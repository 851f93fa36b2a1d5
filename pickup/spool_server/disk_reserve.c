/*
 * disk_reserve - whether the file system of the queue is at its reserve: then no new mail is taken
 *
 * Runs in:  pickup: the look on a pool thread, the rest on the loop
 * Owns:     what was found last
 * Promise:  one event and a reason for operators when it begins, one event when it is over, without any mail
 *           that asks; what is under way may use the reserve
 * Fails by: what was found before stays; a write that finds no room is refused then
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/spool_server/spool_server.h"

#define FRESH_MS 2000
#define REASON_MAX 1024

struct disk_reserve {
	struct boot *boot;
	struct spool *spool;
	void (*changed)(void *arg);	/* NULL during disk_reserve_new */
	void *arg;
	struct pool_lane *lane;
	struct loop_timer *again;	/* runs while it is short */
	struct spool_room found;	/* by the thread, while `looking` */
	bool failed;			/* alike */
	bool looking, is_short;
	uint64_t looked_at;		/* monotonic ms */
};

/* How much is left changes while it lasts. */
static void
tell_short(struct disk_reserve *r, const struct spool_room *found, bool begins)
{
	const struct config_server *server = r->boot->server;
	uint64_t reserve = spool_room_reserve(found, (unsigned)server->disk_reserve,
	    server->max_message_size);
	struct buf text = BUF_INIT(REASON_MAX);

	buf_printf(&text, "no new mail is taken: the file system of %.300s is at its reserve, with %llu KB",
	    server->queue, (unsigned long long)(found->bytes_free >> 10));
	if (found->files > 0)
		buf_printf(&text, " and room for %llu files", (unsigned long long)found->files_free);
	buf_printf(&text, " left (disk-reserve: %llu KB)", (unsigned long long)(reserve >> 10));
	if (begins)
		log_event(LOG_WARN, NULL, "trouble", "doing=reserve folder=%s reason=%s",
		    log_safe(server->queue), log_safe(buf_text(&text)));
	boot_trouble(r->boot, "reserve", buf_text(&text));
	buf_done(&text);
}

void
disk_reserve_found(struct disk_reserve *r, const struct spool_room *found)
{
	const struct config_server *server = r->boot->server;
	bool was_short = r->is_short, is_short = spool_room_is_short(found, (unsigned)server->disk_reserve,
	    server->max_message_size, was_short);

	r->looked_at = clock_mono_ms();
	if (is_short) {
		loop_timer_set(r->again, FRESH_MS);
		tell_short(r, found, !was_short);
	}
	if (is_short == was_short)
		return;
	r->is_short = is_short;
	if (!is_short) {
		log_event(LOG_FACT, NULL, "service", "doing=reserve folder=%s state=over",
		    log_safe(server->queue));
		boot_trouble(r->boot, "reserve", "");
	}
	if (r->changed != NULL)
		r->changed(r->arg);
}

static void
run_look(void *arg, void **jobs, size_t n)
{
	struct disk_reserve *r = arg;

	r->failed = spool_room(r->spool, &r->found) == -1;
}

static void
look_done(void *arg, void *job)
{
	struct disk_reserve *r = arg;

	r->looking = false;
	r->looked_at = clock_mono_ms();
	if (!r->failed)
		disk_reserve_found(r, &r->found);
	else if (r->is_short)
		loop_timer_set(r->again, FRESH_MS);
}

static void
look_again(void *arg)
{
	struct disk_reserve *r = arg;

	if (r->looking)
		return;
	r->looking = true;
	pool_submit(r->lane, r);
}

bool
disk_reserve_is_short(struct disk_reserve *r)
{
	if (r->boot->server->disk_reserve > 0 && clock_mono_ms() - r->looked_at >= FRESH_MS)
		look_again(r);
	return r->is_short;
}

struct disk_reserve *
disk_reserve_new(struct boot *b, struct pool *pool, struct spool *spool, void (*changed)(void *arg),
    void *arg)
{
	struct disk_reserve *r = mem_new(struct disk_reserve);

	r->boot = b;
	r->spool = spool;
	r->lane = pool_lane_new(pool, 1, 1, run_look, look_done, r);
	r->again = loop_timer_new(b->loop, look_again, r);
	/* At once: the first file and the first listener shall hear what is true. */
	if (b->server->disk_reserve > 0 && spool_room(spool, &r->found) == 0)
		disk_reserve_found(r, &r->found);
	r->changed = changed;
	r->arg = arg;
	return r;
}

void
disk_reserve_free(struct disk_reserve *r)
{
	loop_timer_free(r->again);
	free(r);
}
