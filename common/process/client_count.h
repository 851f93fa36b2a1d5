/*
 * client_count - connections per client address, counted over all listener processes of one virtual server in
 * shared memory. Lives behind the counters (counters_crowd); the master makes it and clears what a dead
 * process held.
 */
#ifndef COMMON_PROCESS_CLIENT_COUNT_H
#define COMMON_PROCESS_CLIENT_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CLIENT_COUNT_CELLS 65536U	/* one for each address and process that is connected now */
#define CLIENT_COUNT_REACH 256U	/* cells looked at for one address */
#define CLIENT_COUNT_COUNT_MAX ((1U << 20) - 1)

struct client_count {
	uint8_t seed[16];
	atomic_bool used;			/* else nothing has to be cleared */
	/* Mark of the address, slot of the process, count; 0: free */
	_Atomic uint64_t cell[CLIENT_COUNT_CELLS];
};

void client_count_init(struct client_count *c);
/*
 * One more connection of `key` in process `slot`; false, and nothing counted, when that were more than `most`
 * in all processes.
 */
bool client_count_take(struct client_count *c, unsigned slot, const uint8_t key[16], uint64_t most);
void client_count_give(struct client_count *c, unsigned slot, const uint8_t key[16]);
void client_count_clear(struct client_count *c, unsigned slot);	/* that process is dead */

#endif
