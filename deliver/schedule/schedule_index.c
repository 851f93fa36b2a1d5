/*
 * schedule_index - one small record for each queued message: found by id, ordered by due time; pure
 *
 * Runs in:  deliver, on the loop
 * Owns:     records in slabs, a hash of chains, a binary heap of record numbers
 * Promise:  a million messages take some 50 bytes each; add, find and move cost O(log n) at most; records
 *           never move in memory; of those due in the same second the oldest comes first
 * Fails by: nothing; a wrong order of calls is a bug()
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/schedule/schedule.h"

#define SLAB_BITS 12			/* 4,096 records a slab */
#define SLAB_SIZE (1U << SLAB_BITS)
#define BUCKETS_MIN 1024
#define CHANCE_MASK 0x1ffffffU		/* five digits of five bits */
#define DUE_LOOK 65536			/* at most so many records are looked at in one go */
#define DUE_MOST 2048			/* at most so many records are made due in one go */

struct schedule_index {
	struct schedule_record **slab;
	size_t slabs;
	uint32_t made;			/* the highest number in use so far */
	uint32_t unused;		/* the first free record; the others by .next */
	size_t count;
	uint32_t *bucket;
	size_t buckets;			/* a power of two */
	uint32_t *heap;			/* from 1 */
	size_t waiting, heap_size;
	size_t backlog, held;		/* records with that flag */
};

struct schedule_index *
schedule_index_new(void)
{
	struct schedule_index *x = mem_new(struct schedule_index);

	x->buckets = BUCKETS_MIN;
	x->bucket = mem_zalloc(x->buckets * sizeof(*x->bucket));
	return x;
}

void
schedule_index_free(struct schedule_index *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->slabs; i++)
		free(x->slab[i]);
	free(x->slab);
	free(x->bucket);
	free(x->heap);
	free(x);
}

size_t
schedule_index_count(const struct schedule_index *x)
{
	return x->count;
}

uint32_t
schedule_index_last(const struct schedule_index *x)
{
	return x->made;
}

size_t
schedule_index_bytes(const struct schedule_index *x)
{
	return sizeof(*x) + x->slabs * (sizeof(*x->slab) + SLAB_SIZE * sizeof(struct schedule_record)) +
	    x->buckets * sizeof(*x->bucket) + x->heap_size * sizeof(*x->heap);
}

struct schedule_record *
schedule_index_at(const struct schedule_index *x, uint32_t n)
{
	if (n == 0 || n > x->made)
		bug("record %u of %u", n, x->made);
	n--;
	return &x->slab[n >> SLAB_BITS][n & (SLAB_SIZE - 1)];
}

/* The value of the last five digits of an id (see message.h). */
static uint32_t
chance_of(const char *id)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint32_t value = 0;

	for (size_t i = MESSAGE_ID_LEN - 5; i < MESSAGE_ID_LEN; i++) {
		const char *at = strchr(digits, id[i]);

		value = value << 5 | (uint32_t)(at == NULL || id[i] == '\0' ? 0 : at - digits);
	}
	return value;
}

static size_t
bucket_of(const struct schedule_index *x, uint64_t time, uint32_t chance)
{
	uint64_t h = (time ^ (uint64_t)chance << 32) * 0x9e3779b97f4a7c15U;

	return (size_t)(h >> 32) & (x->buckets - 1);
}

static uint32_t
find_packed(const struct schedule_index *x, uint64_t time, uint32_t chance)
{
	uint32_t n = x->bucket[bucket_of(x, time, chance)];

	while (n != 0) {
		const struct schedule_record *r = schedule_index_at(x, n);

		if (r->time == time && r->chance == chance)
			break;
		n = r->chain;
	}
	return n;
}

uint32_t
schedule_index_find(const struct schedule_index *x, const char *id)
{
	return find_packed(x, (uint64_t)message_id_time_us(id), chance_of(id));
}

void
schedule_index_id(const struct schedule_index *x, uint32_t n, char id[MESSAGE_ID_SIZE])
{
	const struct schedule_record *r = schedule_index_at(x, n);

	message_id_make(id, (int64_t)r->time, r->chance);
}

static void
grow_buckets(struct schedule_index *x)
{
	uint32_t *old = x->bucket;
	size_t n = x->buckets;

	x->buckets = n * 2;
	x->bucket = mem_zalloc(x->buckets * sizeof(*x->bucket));
	for (size_t i = 0; i < n; i++)
		for (uint32_t at = old[i], next; at != 0; at = next) {
			struct schedule_record *r = schedule_index_at(x, at);
			uint32_t *head = &x->bucket[bucket_of(x, r->time, r->chance)];

			next = r->chain;
			r->chain = *head;
			*head = at;
		}
	free(old);
}

static uint32_t
new_number(struct schedule_index *x)
{
	uint32_t n = x->unused;

	if (n != 0) {
		x->unused = schedule_index_at(x, n)->next;
		return n;
	}
	if (x->made == UINT32_MAX)
		bug("no record number left");
	if (x->made == x->slabs * SLAB_SIZE) {
		x->slab = mem_grow(x->slab, x->slabs, sizeof(*x->slab));
		x->slab[x->slabs++] = mem_zalloc(SLAB_SIZE * sizeof(struct schedule_record));
	}
	return ++x->made;
}

uint32_t
schedule_index_add(struct schedule_index *x, const char *id)
{
	uint64_t time = (uint64_t)message_id_time_us(id);
	uint32_t chance = chance_of(id), *head, n;
	struct schedule_record *r;

	if (find_packed(x, time, chance) != 0)
		bug("record %s is there", id);
	if (x->count >= x->buckets)
		grow_buckets(x);
	n = new_number(x);
	r = schedule_index_at(x, n);
	head = &x->bucket[bucket_of(x, time, chance)];
	*r = (struct schedule_record){ .time = time, .chance = chance & CHANCE_MASK, .chain = *head };
	schedule_record_event(r, EVENT_ADD);
	*head = n;
	x->count++;
	return n;
}

void
schedule_index_remove(struct schedule_index *x, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(x, n);
	uint32_t *link = &x->bucket[bucket_of(x, r->time, r->chance)];

	if (r->state == RECORD_FREE)
		bug("record %u is free", n);
	schedule_record_event(r, EVENT_REMOVE);
	schedule_index_set_backlog(x, n, false);
	schedule_index_set_held(x, n, false);
	schedule_index_take(x, n);
	while (*link != n)
		link = &schedule_index_at(x, *link)->chain;
	*link = r->chain;
	*r = (struct schedule_record){ .next = x->unused };
	x->unused = n;
	x->count--;
}

/* --- the heap --- */

static bool
is_before(const struct schedule_index *x, uint32_t a, uint32_t b)
{
	const struct schedule_record *ra = schedule_index_at(x, a), *rb = schedule_index_at(x, b);

	return ra->due != rb->due ? ra->due < rb->due : ra->time < rb->time;
}

static void
place_in_heap(struct schedule_index *x, size_t at, uint32_t n)
{
	x->heap[at] = n;
	schedule_index_at(x, n)->heap = (uint32_t)at;
}

static void
sift_up(struct schedule_index *x, size_t at)
{
	uint32_t n = x->heap[at];

	for (; at > 1 && is_before(x, n, x->heap[at / 2]); at /= 2)
		place_in_heap(x, at, x->heap[at / 2]);
	place_in_heap(x, at, n);
}

static void
sift_down(struct schedule_index *x, size_t at)
{
	uint32_t n = x->heap[at];

	for (size_t child; (child = at * 2) <= x->waiting; at = child) {
		if (child < x->waiting && is_before(x, x->heap[child + 1], x->heap[child]))
			child++;
		if (!is_before(x, x->heap[child], n))
			break;
		place_in_heap(x, at, x->heap[child]);
	}
	place_in_heap(x, at, n);
}

void
schedule_index_wait(struct schedule_index *x, uint32_t n, uint32_t due)
{
	struct schedule_record *r = schedule_index_at(x, n);

	schedule_record_event(r, EVENT_WAIT);
	r->due = due;
	if (r->heap == 0) {
		if (x->waiting + 2 > x->heap_size) {
			x->heap_size = x->heap_size == 0 ? 1024 : x->heap_size * 2;
			x->heap = mem_array(x->heap, x->heap_size, sizeof(*x->heap));
		}
		place_in_heap(x, ++x->waiting, n);
	}
	sift_up(x, r->heap);
	sift_down(x, r->heap);
}

void
schedule_index_take(struct schedule_index *x, uint32_t n)
{
	struct schedule_record *r = schedule_index_at(x, n);
	size_t at = r->heap;
	uint32_t last;

	if (at == 0)
		return;
	r->heap = 0;
	last = x->heap[x->waiting--];
	if (last == n)
		return;
	place_in_heap(x, at, last);
	sift_up(x, at);
	sift_down(x, schedule_index_at(x, last)->heap);
}

uint32_t
schedule_index_first(const struct schedule_index *x)
{
	return x->waiting == 0 ? 0 : x->heap[1];
}

uint32_t
schedule_index_make_due(struct schedule_index *x, uint32_t from, const bool tags[SCHEDULE_TAGS], uint32_t due)
{
	unsigned made = 0;

	for (uint32_t n = from, end = from + DUE_LOOK; n <= x->made; n++) {
		struct schedule_record *r = schedule_index_at(x, n);

		if (n == end || made == DUE_MOST)
			return n;
		if (r->heap == 0 || r->tag == 0 || !tags[r->tag])
			continue;
		r->tag = 0;
		if (r->due > due)
			r->due = due;
		sift_up(x, r->heap);
		made++;
	}
	return 0;
}

static void
lower_due(struct schedule_index *x, uint32_t due, bool all)
{
	for (size_t i = 1; i <= x->waiting; i++) {
		struct schedule_record *r = schedule_index_at(x, x->heap[i]);

		if (r->due > due && (all || (r->flags & (RECORD_BACKLOG | RECORD_RETRY)) != RECORD_BACKLOG))
			r->due = due;
	}
	for (size_t i = x->waiting / 2; i >= 1; i--)
		sift_down(x, i);
}

static void
set_flag(struct schedule_record *r, enum schedule_flag flag, bool on, size_t *count)
{
	if (((r->flags & flag) != 0) == on)
		return;
	schedule_record_set(r, flag, on);
	if (on)
		++*count;
	else
		--*count;
}

void
schedule_index_all_due(struct schedule_index *x, uint32_t due)
{
	lower_due(x, due, false);
}

void
schedule_index_limit_due(struct schedule_index *x, uint32_t due)
{
	lower_due(x, due, true);
}

void
schedule_index_set_backlog(struct schedule_index *x, uint32_t n, bool on)
{
	set_flag(schedule_index_at(x, n), RECORD_BACKLOG, on, &x->backlog);
}

size_t
schedule_index_backlog(const struct schedule_index *x)
{
	return x->backlog;
}

void
schedule_index_set_held(struct schedule_index *x, uint32_t n, bool on)
{
	set_flag(schedule_index_at(x, n), RECORD_HELD, on, &x->held);
}

size_t
schedule_index_held(const struct schedule_index *x)
{
	return x->held;
}
