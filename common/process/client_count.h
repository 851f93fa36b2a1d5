/*
 * client_count - connections per client address, counted over all listener processes of one virtual server in
 * shared memory. It lies behind the counters (counters_client_count). The master makes it, and clears the
 * slot of a process that died.
 */
#ifndef COMMON_PROCESS_CLIENT_COUNT_H
#define COMMON_PROCESS_CLIENT_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CLIENT_COUNT_CELLS 65536U	/* one cell for each address and process that is connected now */
#define CLIENT_COUNT_REACH 256U	/* cells that are searched for one address */
#define CLIENT_COUNT_MAX ((1U << 20) - 1)

struct client_count {
	uint8_t seed[16];
	atomic_bool used;			/* false: there is nothing to clear */
	/* Mark of the address, slot of the process, count; 0: free */
	_Atomic uint64_t cell[CLIENT_COUNT_CELLS];
};

void client_count_init(struct client_count *c);
/*
 * Counts one more connection of `key` in process `slot`. False, and nothing is counted, when there would be
 * more than `most` in all processes.
 */
bool client_count_take(struct client_count *c, unsigned slot, const uint8_t key[16], uint64_t most);
void client_count_give(struct client_count *c, unsigned slot, const uint8_t key[16]);
/* Connections of `key` in all processes. */
uint64_t client_count_of(struct client_count *c, const uint8_t key[16]);
void client_count_clear(struct client_count *c, unsigned slot);	/* that process is dead */

#endif
