/*
 * drop - local delivery: groups of drop files written by the pool, within the quota of the default domain
 *
 * Runs in:  deliver: submit and `done` on the loop, the writing on pool threads
 * Owns:     the lane, and the last known size of the folder
 * Promise:  a delivered verdict only after file and name are on disk; over the quota nothing is written
 * Fails by: the job's verdict: 4.2.2 quota, 4.3.1 disk full, 4.3.0 other
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/process/pool.h"
#include "common/spool/spool_private.h"
#include "deliver/local/local.h"

#define BATCH 64
#define LANES 3			/* batches at a time: one writes while others sync */
#define MEASURE_MS 1000		/* between two measurements of the folder, at least */

struct drop {
	struct pool_lane *lane;
	struct spool *spool;
	uint64_t quota;
	pthread_mutex_t lock;	/* protects the members below */
	uint64_t used;
	uint64_t measured;	/* monotonic ms; 0 never */
};

/* Counts `size` bytes when they fit. Files that a reader removed are seen at the next measurement. */
static bool
reserve_room(struct drop *d, uint64_t size)
{
	uint64_t now = clock_mono_ms();
	bool fits;

	if (d->quota == CONFIG_UNLIMITED)
		return true;
	pthread_mutex_lock(&d->lock);
	if (d->measured == 0 || (d->used + size > d->quota && now - d->measured >= MEASURE_MS)) {
		int64_t bytes = spool_drop_size(d->spool);

		d->used = bytes < 0 ? 0 : (uint64_t)bytes;
		d->measured = now;
	}
	fits = size <= d->quota && d->used <= d->quota - size;
	if (fits)
		d->used += size;
	pthread_mutex_unlock(&d->lock);
	return fits;
}

static void
give_room_back(struct drop *d, uint64_t size)
{
	if (d->quota == CONFIG_UNLIMITED)
		return;
	pthread_mutex_lock(&d->lock);
	d->used -= size < d->used ? size : d->used;
	pthread_mutex_unlock(&d->lock);
}

static void
judge_drop(struct drop *d, struct drop_job *job)
{
	if (job->part.error == 0) {
		spool_drop_name(job->file, &job->part);		/* it may have got another one */
		verdict_set(&job->verdict, VERDICT_ACCEPTED, "2.1.5", "dropped");
		verdict_deliver(&job->verdict);
		return;
	}
	give_room_back(d, (uint64_t)job->e->content_size);
	verdict_from_errno(&job->verdict, job->part.error, "cannot write the drop file");
}

static void
write_drops(void *arg, void **jobs, size_t n)
{
	struct drop *d = arg;
	struct spool_drop *parts[BATCH];
	struct drop_job *mine[BATCH];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct drop_job *job = jobs[i];

		if (reserve_room(d, (uint64_t)job->e->content_size)) {
			mine[count] = job;
			parts[count++] = &job->part;
		} else {
			verdict_set(&job->verdict, VERDICT_LATER, "4.2.2",
			    "the drop folder is over its quota of %" PRIu64 " bytes", d->quota);
		}
	}
	if (count > 0) {
		(void)spool_drop_follow(d->spool);
		spool_drop_write(d->spool, parts, count);
	}
	for (size_t i = 0; i < count; i++)
		judge_drop(d, mine[i]);
}

static void
on_written(void *arg, void *job)
{
	struct drop_job *j = job;

	j->done(j->arg, j);
}

struct drop *
drop_new(struct pool *pool, struct spool *spool, const struct config_server *server)
{
	struct drop *d = mem_new(struct drop);

	pthread_mutex_init(&d->lock, NULL);
	d->spool = spool;
	d->quota = server->default_domain->drop_quota;
	d->lane = pool_lane_new(pool, LANES, BATCH, write_drops, on_written, d);
	return d;
}

void
drop_free(struct drop *d)
{
	if (d == NULL)
		return;
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void
drop_submit(struct drop *d, struct drop_job *job)
{
	/*
	 * The number of the first recipient tells the files of one message apart: that of a later round, and
	 * that of a repeat after a crash, which has the name and the bytes of the first one.
	 */
	job->part = (struct spool_drop){
		.id = job->e->id, .part = (unsigned)job->index[0], .source_fd = job->fd, .e = job->e,
		.index = job->index, .count = job->count, .return_path = job->e->sender,
	};
	spool_drop_name(job->file, &job->part);
	pool_submit(d->lane, job);
}
