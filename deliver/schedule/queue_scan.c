/*
 * queue_scan - reads the queue folder in a pool thread and hands what it finds to the loop in thousands
 *
 * Runs in:  deliver: reads on a pool thread, calls `found` and `end` on the loop
 * Owns:     the chunks on their way
 * Promise:  at most CHUNKS_MAX chunks exist, however many messages there are: the reader waits for the loop
 * Fails by: `end` with a total of -errno
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
	void (*end)(void *arg, ssize_t total, uint64_t ms);
	void *arg;
	bool running, all;
	ssize_t total;
	uint64_t ms;
	struct chunk *filling;		/* touched by the reader alone */
	pthread_mutex_t lock;		/* protects the members below */
	pthread_cond_t taken;
	struct chunk *ready, **ready_end;
	unsigned waiting;
	bool stopping;
};

/* On the loop: hands over the chunks that are ready. */
static void
take_chunks(void *arg)
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

/* On the thread: hands the chunk to the loop; waits while that has too many. */
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
add_entry(void *arg, const struct spool_entry *entry)
{
	struct queue_scan *s = arg;

	if (s->filling == NULL)
		s->filling = mem_new(struct chunk);
	s->filling->entry[s->filling->count++] = *entry;
	if (s->filling->count == CHUNK)
		hand_over(s);
}

/* While the process stops, the reading goes on to its end, but nothing is handed over. */
static void
add_unless_stopping(void *arg, const struct spool_entry *entry)
{
	struct queue_scan *s = arg;
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	if (!stopping)
		add_entry(arg, entry);
}

static void
run_scan(void *arg, void **jobs, size_t n)
{
	struct queue_scan *s = arg;
	uint64_t start = clock_mono_ms();

	s->total = spool_scan(s->spool, s->all, add_unless_stopping, s);
	if (s->total == -1)
		s->total = -errno;
	if (s->filling != NULL)
		hand_over(s);
	s->ms = clock_mono_ms() - start;
}

static void
on_read(void *arg, void *job)
{
	struct queue_scan *s = arg;

	take_chunks(s);
	s->running = false;
	s->end(s->arg, s->total, s->ms);
}

struct queue_scan *
queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n),
    void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg)
{
	struct queue_scan *s = mem_new(struct queue_scan);

	s->lane = pool_lane_new(pool, 1, 1, run_scan, on_read, s);
	s->waker = loop_waker_new(l, take_chunks, s);
	s->spool = spool;
	s->found = found;
	s->end = end;
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
