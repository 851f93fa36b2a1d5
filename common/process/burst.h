/* burst - whether it pays to look for one more at a descriptor that the loop has just told of */
#ifndef COMMON_PROCESS_BURST_H
#define COMMON_PROCESS_BURST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reading until nothing is there costs one call more than there is to read, which doubles the calls where
 * mostly one message comes at a time. Reading one and waiting anew costs a turn of the loop for each where
 * many come at once. So the last turn that read all says what the next one does; each eighth turn reads all.
 */
struct burst {
	bool many;
	uint8_t turn;
};

#define BURST_LOOK 8

/* A turn begins: true, it reads until nothing is there; false, it reads one. */
static inline bool
burst_begin(struct burst *c)
{
	return c->many || ++c->turn % BURST_LOOK == 0;
}

/* A turn that read all has found so many. */
static inline void
burst_end(struct burst *c, unsigned found)
{
	c->many = found > 1;
}

#endif
