/*
 * queue_scan - reads the queue folder in pool threads and hands what they find to the loop in thousands
 *
 * Runs in:  deliver: reads on pool threads, calls `found` and `end` on the loop
 * Owns:     the chunks on their way
 * Promise:  at most CHUNKS_MAX chunks wait, however many messages there are: the readers wait for the loop
 * Fails by: `end` with a total of -errno
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"
#include "deliver/schedule/schedule.h"

#define CHUNK 4096
#define CHUNKS_MAX 8
/* With a cold cache the kernel works some 7 us for the inode of each message: on several processors. */
enum { PARTS_MIN = 2, PARTS_MAX = 4 };

struct chunk {
	struct chunk *next;
	size_t count;
	struct spool_entry entry[CHUNK];
};

struct part {
	struct queue_scan *scan;
	unsigned number;
	struct chunk *filling;		/* touched by its reader alone */
	ssize_t total;
};

struct queue_scan {
	struct pool_lane *lane;
	struct loop_waker *waker;
	struct spool *spool;
	void (*found)(void *arg, const struct spool_entry *entry, size_t n);
	void (*end)(void *arg, ssize_t total, uint64_t ms);
	void *arg;
	bool all;
	unsigned parts, running;	/* of them; 0: no scan */
	struct part part[PARTS_MAX];
	ssize_t total;			/* of those that have ended; negative: -errno of one */
	uint64_t began_ms;
	_Atomic bool stopping;
	pthread_mutex_t lock;		/* protects the members below */
	pthread_cond_t taken;
	struct chunk *ready, **ready_end;
	unsigned waiting;
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
	pthread_cond_broadcast(&s->taken);
	pthread_mutex_unlock(&s->lock);
	while (c != NULL) {
		struct chunk *next = c->next;

		s->found(s->arg, c->entry, c->count);
		free(c);
		c = next;
	}
}

/* On its thread: hands the chunk to the loop; waits while that has too many. */
static void
hand_over(struct part *p)
{
	struct queue_scan *s = p->scan;
	struct chunk *c = p->filling;

	p->filling = NULL;
	pthread_mutex_lock(&s->lock);
	while (s->waiting >= CHUNKS_MAX && !s->stopping)
		pthread_cond_wait(&s->taken, &s->lock);
	*s->ready_end = c;
	s->ready_end = &c->next;
	s->waiting++;
	pthread_mutex_unlock(&s->lock);
	loop_waker_wake(s->waker);
}

/* While the process stops, the reading goes on to its end, but nothing is handed over. */
static void
add_unless_stopping(void *arg, const struct spool_entry *entry)
{
	struct part *p = arg;

	if (p->scan->stopping)
		return;
	if (p->filling == NULL)
		p->filling = mem_new(struct chunk);
	p->filling->entry[p->filling->count++] = *entry;
	if (p->filling->count == CHUNK)
		hand_over(p);
}

static void
run_part(void *arg, void **jobs, size_t n)
{
	struct part *p = jobs[0];
	struct queue_scan *s = p->scan;

	p->total = spool_scan_part(s->spool, s->all, p->number, s->parts, add_unless_stopping, p);
	if (p->total == -1)
		p->total = -errno;
	if (p->filling != NULL)
		hand_over(p);
}

static void
on_part(void *arg, void *job)
{
	struct queue_scan *s = arg;
	const struct part *p = job;

	take_chunks(s);
	if (s->total >= 0)
		s->total = p->total < 0 ? p->total : s->total + p->total;
	if (--s->running == 0)
		s->end(s->arg, s->total, clock_mono_ms() - s->began_ms);
}

static unsigned
count_parts(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < PARTS_MIN ? PARTS_MIN : n > PARTS_MAX ? PARTS_MAX : (unsigned)n;
}

struct queue_scan *
queue_scan_new(struct loop *l, struct pool *pool, struct spool *spool,
    void (*found)(void *arg, const struct spool_entry *entry, size_t n),
    void (*end)(void *arg, ssize_t total, uint64_t ms), void *arg)
{
	struct queue_scan *s = mem_new(struct queue_scan);

	s->parts = count_parts();
	s->lane = pool_lane_new(pool, s->parts, 1, run_part, on_part, s);
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
	if (s->running > 0)
		return false;
	s->running = s->parts;
	s->all = all;
	s->total = 0;
	s->began_ms = clock_mono_ms();
	for (unsigned i = 0; i < s->parts; i++) {
		s->part[i].scan = s;
		s->part[i].number = i;
		pool_submit(s->lane, &s->part[i]);
	}
	return true;
}

void
queue_scan_stop(struct queue_scan *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->taken);
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
	for (unsigned i = 0; i < s->parts; i++)
		free(s->part[i].filling);
	loop_waker_free(s->waker);
	pthread_cond_destroy(&s->taken);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
