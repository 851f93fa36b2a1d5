/*
 * memo - what was found in a directory, and what was not, for a while
 *
 * Runs in:  directory, any thread
 * Owns:     one use of each entry it holds
 * Promise:  never more than its bytes; the oldest goes first
 * Fails by: not remembering
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

enum { BUCKETS = 4096 };

struct item {
	LIST_ENTRY(item) bucket;
	TAILQ_ENTRY(item) age;
	struct entry *entry;		/* NULL: there is none */
	uint64_t until;
	size_t bytes;
	char key[];
};

struct memo {
	pthread_mutex_t lock;
	LIST_HEAD(, item) table[BUCKETS];
	TAILQ_HEAD(, item) items;	/* the oldest first */
	size_t bytes, most;
};

struct memo *
memo_new(size_t bytes_max)
{
	struct memo *m = mem_new(struct memo);

	m->most = bytes_max;
	TAILQ_INIT(&m->items);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void
forget(struct memo *m, struct item *i)
{
	LIST_REMOVE(i, bucket);
	TAILQ_REMOVE(&m->items, i, age);
	m->bytes -= i->bytes;
	entry_release(i->entry);
	free(i);
}

void
memo_free(struct memo *m)
{
	if (m == NULL)
		return;
	while (!TAILQ_EMPTY(&m->items))
		forget(m, TAILQ_FIRST(&m->items));
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* FNV-1a, begun with the place of the table: which keys collide cannot be told from outside. */
static size_t
bucket_of(const struct memo *m, const char *key)
{
	uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)m >> 4);

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return (h ^ h >> 16) % BUCKETS;
}

static struct item *
find(struct memo *m, const char *key)
{
	struct item *i;

	LIST_FOREACH(i, &m->table[bucket_of(m, key)], bucket)
		if (strcmp(i->key, key) == 0)
			return i;
	return NULL;
}

enum memo_state
memo_get(struct memo *m, const char *key, uint64_t now_ms, struct entry **e)
{
	enum memo_state state = MEMO_NEW;
	struct item *i;

	pthread_mutex_lock(&m->lock);
	i = find(m, key);
	if (i != NULL && i->until <= now_ms) {
		forget(m, i);
	} else if (i != NULL) {
		state = i->entry != NULL ? MEMO_ENTRY : MEMO_NONE;
		*e = i->entry != NULL ? entry_use(i->entry) : NULL;
	}
	pthread_mutex_unlock(&m->lock);
	return state;
}

void
memo_put(struct memo *m, const char *key, struct entry *e, uint64_t until_ms)
{
	size_t len = strlen(key);
	struct item *i, *old;

	if (len >= MEMO_KEY_SIZE)
		return;
	i = mem_zalloc(sizeof(*i) + len + 1);
	memcpy(i->key, key, len + 1);
	i->until = until_ms;
	i->bytes = sizeof(*i) + len + 1 + (e != NULL ? e->bytes : 0);
	i->entry = e != NULL ? entry_use(e) : NULL;
	pthread_mutex_lock(&m->lock);
	old = find(m, key);
	if (old != NULL)
		forget(m, old);
	LIST_INSERT_HEAD(&m->table[bucket_of(m, key)], i, bucket);
	TAILQ_INSERT_TAIL(&m->items, i, age);
	m->bytes += i->bytes;
	while (m->bytes > m->most)
		forget(m, TAILQ_FIRST(&m->items));
	pthread_mutex_unlock(&m->lock);
}
