/*
 * crowd - connections per client address, counted over all listener processes of one virtual server in shared memory.
 * Lives behind the counters (counters_crowd); the master makes it and clears what a dead process held.
 */
#ifndef COMMON_PROCESS_CROWD_H
#define COMMON_PROCESS_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CROWD_CELLS 65536U	/* one for each address and process that is connected now */
#define CROWD_REACH 256U	/* cells looked at for one address */
#define CROWD_COUNT_MAX ((1U << 20) - 1)

struct crowd {
	uint8_t seed[16];
	atomic_bool used;			/* else nothing has to be cleared */
	_Atomic uint64_t cell[CROWD_CELLS];	/* mark of the address, slot of the process, count; 0: free */
};

void crowd_init(struct crowd *c);
/* One more connection of `key` in process `slot`; false, and nothing counted, when that were more than `most` in all processes. */
bool crowd_take(struct crowd *c, unsigned slot, const uint8_t key[16], uint64_t most);
void crowd_give(struct crowd *c, unsigned slot, const uint8_t key[16]);
void crowd_clear(struct crowd *c, unsigned slot);	/* that process is dead */

#endif
