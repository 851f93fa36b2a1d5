/*
 * pool - threads for what blocks, in lanes that gather batches
 *
 * Runs in:  listener, auth, deliver, directory, pickup; submit and done on the loop, run on pool threads
 * Owns:     its threads and the lists of waiting and finished jobs
 * Promise:  jobs of a lane run in order of submission; done is called once for each, on the loop. A job that
 *           can wait does so for SOON_MS at most, and wakes nobody
 * Fails by: die() when the first thread cannot be made; afterwards never
 */
#include "common/process/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define THREAD_STACK (512U << 10)
#define SOON_MS 10

struct batch {
	struct batch *next;
	struct pool_lane *lane;
	size_t count;
	void *job[];
};

struct pool_lane {
	struct pool *pool;
	struct pool_lane *next;
	unsigned parallel, running;
	size_t batch_max;
	void (*run)(void *arg, void **jobs, size_t n);
	void (*done)(void *arg, void *job);
	void *arg;
	void **ring;			/* waiting jobs */
	size_t ring_size, head, count;
	bool rests;			/* all that waits can wait longer */
};

struct pool {
	pthread_mutex_t lock;
	/* Wakes one thread. No condition variable: before glibc 2.41 those lose a wake-up (its bug 25847) */
	sem_t work;
	struct loop_waker *waker;
	struct loop_timer *soon;
	struct pool_lane *lanes;
	struct batch *finished, **finished_end;
	pthread_t *thread;
	unsigned want, started, idle;
	bool waking;			/* an idle thread was woken and has not come yet */
	bool ending;
};

/*
 * Batches that finished after the loop ended: `done` is not called, so the jobs stay until the process ends.
 */
static struct batch *unheard;

static struct pool_lane *
ready_lane(struct pool *p)
{
	for (struct pool_lane *lane = p->lanes; lane != NULL; lane = lane->next)
		if (lane->count > 0 && lane->running < lane->parallel && (!lane->rests || p->ending))
			return lane;
	return NULL;
}

/* Takes the next batch off the lane; with the lock. */
static struct batch *
take_batch(struct pool_lane *lane)
{
	size_t n = lane->count < lane->batch_max ? lane->count : lane->batch_max;
	struct batch *b = mem_zalloc(sizeof(*b) + n * sizeof(b->job[0]));

	b->lane = lane;
	b->count = n;
	for (size_t i = 0; i < n; i++)
		b->job[i] = lane->ring[(lane->head + i) % lane->ring_size];
	lane->head = (lane->head + n) % lane->ring_size;
	lane->count -= n;
	lane->running++;
	return b;
}

/* Unlocks, and wakes one thread at a time, which wakes the next when there is more to do. */
static void
unlock_and_call(struct pool *p)
{
	bool call = !p->waking && p->idle > 0 && ready_lane(p) != NULL;

	p->waking |= call;
	pthread_mutex_unlock(&p->lock);
	if (call)
		sem_post(&p->work);	/* not before: the thread would at once wait for the lock */
}

/* Sleeps until woken. With the lock, but not while asleep. */
static void
sleep_until_woken(struct pool *p)
{
	p->idle++;
	pthread_mutex_unlock(&p->lock);
	while (sem_wait(&p->work) == -1 && errno == EINTR)
		;
	pthread_mutex_lock(&p->lock);
	p->idle--;
	p->waking = false;
}

static void *
thread_main(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct pool_lane *lane = ready_lane(p);
		struct batch *b;

		if (lane == NULL && p->ending)
			break;
		if (lane == NULL) {
			sleep_until_woken(p);
			continue;
		}
		b = take_batch(lane);
		unlock_and_call(p);
		lane->run(lane->arg, b->job, b->count);
		pthread_mutex_lock(&p->lock);
		lane->running--;
		*p->finished_end = b;
		p->finished_end = &b->next;
		pthread_mutex_unlock(&p->lock);
		loop_waker_wake(p->waker);	/* the loop takes the lock next */
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* On the loop: calls `done` for all that finished. */
static void
tell_finished(void *arg)
{
	struct pool *p = arg;
	struct batch *b;

	pthread_mutex_lock(&p->lock);
	b = p->finished;
	p->finished = NULL;
	p->finished_end = &p->finished;
	pthread_mutex_unlock(&p->lock);
	while (b != NULL) {
		struct batch *next = b->next;

		for (size_t i = 0; i < b->count; i++)
			b->lane->done(b->lane->arg, b->job[i]);
		free(b);
		b = next;
	}
}

/* All signals are blocked: they belong to the loop. But for SIGSYS, of a call that the sandbox refuses. */
int
pool_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	error = pthread_create(thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* One more, with the lock. */
static void
start_pool_thread(struct pool *p)
{
	int error = pool_thread(&p->thread[p->started], thread_main, p);

	if (error == 0)
		p->started++;
	else if (p->started == 0)
		die(EX_OSERR, "cannot start a thread: %s", strerror(error));
	else
		p->want = p->started; /* continue with those that run */
}

/* With the lock, when a job waits. */
static void
have_thread(struct pool *p, const struct pool_lane *lane)
{
	if (lane->running < lane->parallel && p->idle == 0 && p->started < p->want)
		start_pool_thread(p);
}

/* On the loop: what could wait has waited. */
static void
end_rest(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (struct pool_lane *lane = p->lanes; lane != NULL; lane = lane->next) {
		lane->rests = false;
		if (lane->count > 0)
			have_thread(p, lane);
	}
	unlock_and_call(p);
}

struct pool *
pool_new(struct loop *l, unsigned threads)
{
	struct pool *p = mem_new(struct pool);

	pthread_mutex_init(&p->lock, NULL);
	sem_init(&p->work, 0, 0);
	p->finished_end = &p->finished;
	p->want = threads;
	p->thread = mem_array(NULL, threads, sizeof(*p->thread));
	p->waker = loop_waker_new(l, tell_finished, p);
	p->soon = loop_timer_new(l, end_rest, p);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	for (unsigned i = 0; i < p->started; i++)
		sem_post(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->thread[i], NULL);
	loop_waker_free(p->waker);
	loop_timer_free(p->soon);
	*p->finished_end = unheard;
	unheard = p->finished;
	for (struct pool_lane *lane = p->lanes, *next; lane != NULL; lane = next) {
		next = lane->next;
		free(lane->ring);
		free(lane);
	}
	sem_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->thread);
	free(p);
}

struct pool_lane *
pool_lane_new(struct pool *p, unsigned parallel, size_t batch_max,
    void (*run)(void *arg, void **jobs, size_t n), void (*done)(void *arg, void *job), void *arg)
{
	struct pool_lane *lane = mem_new(struct pool_lane);
	struct pool_lane **end;

	lane->pool = p;
	lane->parallel = parallel;
	lane->batch_max = batch_max;
	lane->run = run;
	lane->done = done;
	lane->arg = arg;
	pthread_mutex_lock(&p->lock);
	end = &p->lanes;
	while (*end != NULL)
		end = &(*end)->next;
	*end = lane;
	pthread_mutex_unlock(&p->lock);
	return lane;
}

static void
ring_add(struct pool_lane *lane, void *job)
{
	if (lane->count == lane->ring_size) {
		size_t size = lane->ring_size == 0 ? 64 : lane->ring_size * 2;
		void **ring = mem_array(NULL, size, sizeof(*ring));

		for (size_t i = 0; i < lane->count; i++)
			ring[i] = lane->ring[(lane->head + i) % lane->ring_size];
		free(lane->ring);
		lane->ring = ring;
		lane->ring_size = size;
		lane->head = 0;
	}
	lane->ring[(lane->head + lane->count++) % lane->ring_size] = job;
}

void
pool_submit(struct pool_lane *lane, void *job)
{
	struct pool *p = lane->pool;

	pthread_mutex_lock(&p->lock);
	ring_add(lane, job);
	lane->rests = false;
	have_thread(p, lane);
	unlock_and_call(p);
}

void
pool_submit_soon(struct pool_lane *lane, void *job)
{
	struct pool *p = lane->pool;

	pthread_mutex_lock(&p->lock);
	lane->rests = (lane->rests || lane->count == 0) && lane->count + 1 < lane->batch_max;
	ring_add(lane, job);
	if (!lane->rests || p->started == 0)
		have_thread(p, lane);
	if (lane->rests && !loop_timer_is_set(p->soon))
		loop_timer_set(p->soon, SOON_MS);
	unlock_and_call(p);
}
