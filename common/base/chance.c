/*
 * chance - random numbers for ids and waiting times, without a system call each
 *
 * Runs in:  posternctl, listener, deliver, pickup; any thread
 * Owns:     a block of random bytes for each thread
 * Promise:  no number is given out twice, in a child of fork(2) neither
 * Fails by: never, as arc4random(3)
 */
#include "common/base/chance.h"

#include <bsd/stdlib.h>
#include <pthread.h>
#include <stddef.h>

/* libbsd's arc4random asks for the process id each time it is called: so it is called for many at once. */
#define CHANCE_BLOCK 64

static _Thread_local struct {
	uint32_t number[CHANCE_BLOCK];
	size_t left;
} block;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The child has the thread that forked, and no other one. */
static void
forget_block(void)
{
	block.left = 0;
}

static void
watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, forget_block);
}

uint32_t
chance_u32(void)
{
	if (block.left == 0) {
		pthread_once(&once, watch_forks);
		arc4random_buf(block.number, sizeof(block.number));
		block.left = CHANCE_BLOCK;
	}
	return block.number[--block.left];
}

uint32_t
chance_below(uint32_t below)
{
	return (uint32_t)((uint64_t)chance_u32() * below >> 32);
}
