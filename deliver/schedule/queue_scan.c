/*
 * queue_scan - reads the queue folder in a pool thread and hands what it finds to the loop in thousands
 *
 * Runs in:  deliver; the reading on a pool thread, found and done on the loop
 * Owns:     the chunks on their way
 * Promise:  at most CHUNKS_MAX chunks exist, however many messages there are: the reader waits for the loop
 * Fails by: done with total -1
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"
#include "deliver/schedule/schedule.h"

#define CHUNK 4096
#define CHUNKS_MAX 8

struct chunk {
	struct chunk *next;
	size_t count;
	struct spool_entry entry[CHUNK];
};

struct queue_scan {
	struct pool_lane *lane;
	struct loop_waker *waker;
	struct spool *spool;
	void (*found)(void *arg, const struct spool_entry *entry, size_t n);
	void (*done)(void *arg, ssize_t total, uint64_t ms);
	void *arg;
	bool running, all;
	ssize_t total;
	uint64_t ms;
	struct chunk *filling;		/* the reader's own */
	pthread_mutex_t lock;		/* for those below */
	pthread_cond_t taken;
	struct chunk *ready, **ready_end;
	unsigned waiting;
	bool stopping;
};

/* On the loop: takes all chunks there are. */
static void
take(void *arg)
{
	struct queue_scan *s = arg;
	struct chunk *c;

	pthread_mutex_lock(&s->lock);
	c = s->ready;
	s->ready = NULL;
	s->ready_end = &s->ready;
	s->waiting = 0;
	pthread_cond_signal(&s->taken);
	pthread_mutex_unlock(&s->lock);
	while (c != NULL) {
		struct chunk *next = c->next;

		s->found(s->arg, c->entry, c->count);
		free(c);
		c = next;
	}
}

/* On the pool: hands the chunk over; waits while the loop has too many. */
static void
hand_over(struct queue_scan *s)
{
	struct chunk *c = s->filling;

	s->filling = NULL;
	pthread_mutex_lock(&s->lock);
	while (s->waiting >= CHUNKS_MAX && !s->stopping)
		pthread_cond_wait(&s->taken, &s->lock);
	*s->ready_end = c;
	s->ready_end = &c->next;
	s->waiting++;
	pthread_mutex_unlock(&s->lock);
	loop_waker_wake(s->waker);
}

static void
each(void *arg, const struct spool_entry *entry)
{
	struct queue_scan *s = arg;

	if (s->filling == NULL)
		s->filling = mem_new(struct chunk);
	s->filling->entry[s->filling->count++] = *entry;
	if (s->filling->count == CHUNK)
		hand_over(s);
}

/* Once the process stops nobody wants to know: only the reading itself goes on to its end. */
static void
each_unless_stopping(void *arg, const struct spool_entry *entry)
{
	struct queue_scan *s = arg;
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	if (!stopping)
		each(arg, entry);
}

static void
run(void *arg, void **jobs, size_t n)
{
	struct queue_scan *s = arg;
	uint64_t start = clock_mono_ms();

	(void)jobs;
	(void)n;
	s->total = spool_scan(s->spool, s->all, each_unless_stopping, s);
	if (s->total == -1)
		s->total = -errno;
	if (s->filling != NULL)
		hand_over(s);
	s->ms = clock_mono_ms() - start;
}

static void
done(void *arg, void *job)
{
	struct queue_scan *s = arg;

	(void)job;
	take(s);
	s->running = false;
	s->done(s->arg, s->total, s->ms);
}

struct queue_scan *
queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n),
    void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg)
{
	struct queue_scan *s = mem_new(struct queue_scan);

	s->lane = pool_lane_new(pool, 1, 1, run, done, s);
	s->waker = loop_waker_new(l, take, s);
	s->spool = spool;
	s->found = found;
	s->done = end;
	s->arg = arg;
	s->ready_end = &s->ready;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->taken, NULL);
	return s;
}

bool
queue_scan_start(struct queue_scan *s, bool all)
{
	if (s->running)
		return false;
	s->running = true;
	s->all = all;
	pool_submit(s->lane, s);
	return true;
}

void
queue_scan_stop(struct queue_scan *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->taken);
	pthread_mutex_unlock(&s->lock);
}

void
queue_scan_free(struct queue_scan *s)
{
	if (s == NULL)
		return;
	for (struct chunk *c = s->ready, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(s->filling);
	loop_waker_free(s->waker);
	pthread_cond_destroy(&s->taken);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
