/*
 * directory_cache - what was found in a directory, and what was not, for a while
 *
 * Runs in:  directory, any thread
 * Owns:     one use of each entry in it
 * Promise:  never more bytes than given; the oldest entry is dropped first
 * Fails by: dropping
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

enum { BUCKETS = 4096 };

struct item {
	LIST_ENTRY(item) bucket;
	TAILQ_ENTRY(item) age;
	struct ldap_entry *entry;		/* NULL: there is none */
	uint64_t until;
	size_t bytes;
	char key[];
};

struct directory_cache {
	pthread_mutex_t lock;
	LIST_HEAD(, item) table[BUCKETS];
	TAILQ_HEAD(, item) items;	/* the oldest first */
	size_t bytes, most;
};

struct directory_cache *
directory_cache_new(size_t bytes_max)
{
	struct directory_cache *m = mem_new(struct directory_cache);

	m->most = bytes_max;
	TAILQ_INIT(&m->items);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void
drop_item(struct directory_cache *m, struct item *i)
{
	LIST_REMOVE(i, bucket);
	TAILQ_REMOVE(&m->items, i, age);
	m->bytes -= i->bytes;
	ldap_entry_release(i->entry);
	free(i);
}

void
directory_cache_free(struct directory_cache *m)
{
	if (m == NULL)
		return;
	while (!TAILQ_EMPTY(&m->items))
		drop_item(m, TAILQ_FIRST(&m->items));
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* FNV-1a, begun with the table's address: a stranger cannot know which keys collide. */
static size_t
bucket_of_key(const struct directory_cache *m, const char *key)
{
	uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)m >> 4);

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 16777619U;
	return (h ^ h >> 16) % BUCKETS;
}

static struct item *
find_item(struct directory_cache *m, const char *key)
{
	struct item *i;

	LIST_FOREACH(i, &m->table[bucket_of_key(m, key)], bucket)
		if (strcmp(i->key, key) == 0)
			return i;
	return NULL;
}

enum directory_cache_state
directory_cache_get(struct directory_cache *m, const char *key, uint64_t now_ms, struct ldap_entry **e)
{
	enum directory_cache_state state = DIRECTORY_CACHE_NEW;
	struct item *i;

	pthread_mutex_lock(&m->lock);
	i = find_item(m, key);
	if (i != NULL && i->until <= now_ms) {
		drop_item(m, i);
	} else if (i != NULL) {
		state = i->entry != NULL ? DIRECTORY_CACHE_ENTRY : DIRECTORY_CACHE_NONE;
		*e = i->entry != NULL ? ldap_entry_use(i->entry) : NULL;
	}
	pthread_mutex_unlock(&m->lock);
	return state;
}

void
directory_cache_put(struct directory_cache *m, const char *key, struct ldap_entry *e, uint64_t until_ms)
{
	size_t len = strlen(key);
	struct item *i, *old;

	if (len >= DIRECTORY_CACHE_KEY_SIZE)
		return;
	i = mem_zalloc(sizeof(*i) + len + 1);
	memcpy(i->key, key, len + 1);
	i->until = until_ms;
	i->bytes = sizeof(*i) + len + 1 + (e != NULL ? e->bytes : 0);
	i->entry = e != NULL ? ldap_entry_use(e) : NULL;
	pthread_mutex_lock(&m->lock);
	old = find_item(m, key);
	if (old != NULL)
		drop_item(m, old);
	LIST_INSERT_HEAD(&m->table[bucket_of_key(m, key)], i, bucket);
	TAILQ_INSERT_TAIL(&m->items, i, age);
	m->bytes += i->bytes;
	while (m->bytes > m->most)
		drop_item(m, TAILQ_FIRST(&m->items));
	pthread_mutex_unlock(&m->lock);
}
