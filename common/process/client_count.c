/*
 * client_count - connections per client address over all processes of one virtual server, without a lock
 *
 * Runs in:  master (makes it, clears after a death), listener (takes, gives)
 * Owns:     nothing: the memory is shared; a cell is changed only by the process whose slot it names
 * Promise:  never more than the limit; when two take the last place at once, both may be refused. A process
 *           that dies at any instruction leaves nothing counted, and no process waits for another
 * Fails by: one more client is let in uncounted, when all CLIENT_COUNT_REACH cells of its address are taken
 *           (some 60,000 clients)
 */
#include "common/process/client_count.h"

#include <bsd/stdlib.h>
#include <string.h>

#define COUNT_BITS 20
#define SLOT_BITS 8	/* COUNTERS_SLOTS */
#define COUNT_OF(cell) ((cell) & CLIENT_COUNT_MAX)
#define OWNER_OF(cell) ((cell) >> COUNT_BITS)		/* mark and slot */
#define MARK_OF(cell) ((cell) >> (COUNT_BITS + SLOT_BITS))

struct place {
	uint32_t home;		/* the first cell to search */
	uint64_t mark;		/* 36 bits, never 0 */
	uint64_t owner;		/* mark and slot, as in a cell */
};

static uint64_t
mix_bits(uint64_t h, uint64_t word)
{
	h ^= word;
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 32;
}

/* Seeded, so that the place of an address cannot be known from outside. */
static struct place
place_of(const struct client_count *c, unsigned slot, const uint8_t key[16])
{
	uint64_t seed[2], word[2], h;
	struct place p;

	memcpy(seed, c->seed, sizeof(seed));
	memcpy(word, key, sizeof(word));
	h = mix_bits(mix_bits(mix_bits(seed[0], word[0]), word[1]), seed[1]);
	p = (struct place){ .home = (uint32_t)(h % CLIENT_COUNT_CELLS),
	    .mark = mix_bits(h, seed[0]) >> (COUNT_BITS + SLOT_BITS) };
	if (p.mark == 0)
		p.mark = 1;
	p.owner = p.mark << SLOT_BITS | (slot & ((1U << SLOT_BITS) - 1));
	return p;
}

static _Atomic uint64_t *
cell_at(struct client_count *c, const struct place *p, uint32_t i)
{
	return &c->cell[(p->home + i) % CLIENT_COUNT_CELLS];
}

/* The cell of this process for the address, or NULL. */
static _Atomic uint64_t *
find_cell(struct client_count *c, const struct place *p)
{
	for (uint32_t i = 0; i < CLIENT_COUNT_REACH; i++) {
		_Atomic uint64_t *cell = cell_at(c, p, i);

		if (OWNER_OF(atomic_load(cell)) == p->owner)
			return cell;
	}
	return NULL;
}

static _Atomic uint64_t *
claim_cell(struct client_count *c, const struct place *p)
{
	for (uint32_t i = 0; i < CLIENT_COUNT_REACH; i++) {
		_Atomic uint64_t *cell = cell_at(c, p, i);
		uint64_t nobody = 0;

		if (atomic_load(cell) == 0 &&
		    atomic_compare_exchange_strong(cell, &nobody, p->owner << COUNT_BITS | 1))
			return cell;
	}
	return NULL;
}

static uint64_t
sum_of_cells(struct client_count *c, const struct place *p)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < CLIENT_COUNT_REACH; i++) {
		uint64_t cell = atomic_load(cell_at(c, p, i));

		if (MARK_OF(cell) == p->mark)
			all += COUNT_OF(cell);
	}
	return all;
}

static void
lower_cell(_Atomic uint64_t *cell)
{
	uint64_t now = atomic_load(cell);

	atomic_store(cell, COUNT_OF(now) <= 1 ? 0 : now - 1);
}

void
client_count_init(struct client_count *c)
{
	arc4random_buf(c->seed, sizeof(c->seed));
}

/* Counts before it decides: of two that come at once, each sees the other. */
bool
client_count_take(struct client_count *c, unsigned slot, const uint8_t key[16], uint64_t most)
{
	struct place p = place_of(c, slot, key);
	_Atomic uint64_t *cell;

	if (!atomic_load(&c->used))
		atomic_store(&c->used, true);
	cell = find_cell(c, &p);
	if (cell == NULL)
		cell = claim_cell(c, &p);
	else if (COUNT_OF(atomic_load(cell)) == CLIENT_COUNT_MAX)
		return false;
	else
		atomic_fetch_add(cell, 1);
	if (cell == NULL || sum_of_cells(c, &p) <= most)
		return true;
	lower_cell(cell);
	return false;
}

void
client_count_give(struct client_count *c, unsigned slot, const uint8_t key[16])
{
	struct place p = place_of(c, slot, key);
	_Atomic uint64_t *cell = find_cell(c, &p);

	if (cell != NULL)
		lower_cell(cell);
}

uint64_t
client_count_of(struct client_count *c, const uint8_t key[16])
{
	struct place p = place_of(c, 0, key);

	return sum_of_cells(c, &p);
}

void
client_count_clear(struct client_count *c, unsigned slot)
{
	if (!atomic_load(&c->used))
		return;
	for (uint32_t i = 0; i < CLIENT_COUNT_CELLS; i++) {
		uint64_t now = atomic_load(&c->cell[i]);

		if (now != 0 && (OWNER_OF(now) & ((1U << SLOT_BITS) - 1)) == slot)
			atomic_store(&c->cell[i], 0);
	}
}
