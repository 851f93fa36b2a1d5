/*
 * pool - threads for what blocks. Jobs gather in a lane while an earlier batch of that lane is at work, so
 * under load one sync serves many. Threads start with the first job.
 */
#ifndef COMMON_PROCESS_POOL_H
#define COMMON_PROCESS_POOL_H

#include <pthread.h>
#include <pthread.h>
#include <stddef.h>

#include "common/process/loop.h"

struct pool;
struct pool_lane;

struct pool *pool_new(struct loop *l, unsigned threads);
/* Waits for all work, then ends the threads. Callbacks of finished jobs are not called any more. */
void pool_free(struct pool *p);

/*
 * `run` is called on a pool thread with 1..batch_max jobs in order of submission, at most `parallel` batches
 * of the lane at a time; then `done` on the loop for each job, in that order. Lanes live as long as the pool.
 */
struct pool_lane *pool_lane_new(struct pool *p, unsigned parallel, size_t batch_max,
    void (*run)(void *arg, void **jobs, size_t n), void (*done)(void *arg, void *job), void *arg);
/* From the loop's thread only. */
void pool_submit(struct pool_lane *lane, void *job);
/* The same for a job that can wait some milliseconds for others: no thread is woken for it alone. */
void pool_submit_soon(struct pool_lane *lane, void *job);

/*
 * A thread of its own, for what fits no lane, with signals and stack like those of a pool; to be joined. 0 or
 * errno.
 */
int pool_thread(pthread_t *thread, void *(*run)(void *arg), void *arg) __attribute__((warn_unused_result));

#endif
