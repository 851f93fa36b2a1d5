/*
 * config_nets - lists of addresses, networks and domain names: whether a client is in one, quickly
 *
 * Runs in:  every process
 * Owns:     entries and index of a list (config_nets_done)
 * Promise:  an address is found by bisection over ranges that do not overlap, a name by bisection for it and
 *           each name above it; the entries stay in their order for whoever prints them
 * Fails by: not at all
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

#define LINEAR_MAX 16	/* a list of so few entries is searched as it is */

/* Addresses from low to high, IPv4 in the first four bytes. */
struct config_range { uint8_t low[16], high[16]; };

enum { FOUR, SIX, FAMILIES };

struct config_nets_index {
	struct config_range *range[FAMILIES];
	size_t ranges[FAMILIES];
	const char **name;		/* those of the entries, sorted */
	size_t names;
};

void
config_nets_add(struct config_nets *n, struct net_entry e)
{
	if (n->count == n->room) {
		n->room = n->room == 0 ? 8 : 2 * n->room;
		n->entry = mem_array(n->entry, n->room, sizeof(*n->entry));
	}
	n->entry[n->count++] = e;
	n->names += e.family == AF_UNSPEC;
}

static void
free_index(struct config_nets *n)
{
	if (n->index == NULL)
		return;
	free(n->index->range[FOUR]);
	free(n->index->range[SIX]);
	free(n->index->name);
	free(n->index);
	n->index = NULL;
}

void
config_nets_done(struct config_nets *n)
{
	free_index(n);
	for (size_t i = 0; i < n->count; i++)
		net_entry_done(&n->entry[i]);
	free(n->entry);
	*n = (struct config_nets){ 0 };
}

/* --- the index --- */

static int
range_compare(const void *a, const void *b)
{
	const struct config_range *x = a, *y = b;

	return memcmp(x->low, y->low, sizeof(x->low));
}

static int
name_compare(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static struct config_range
range_of(const struct net_entry *e)
{
	struct config_range r = { 0 };
	size_t len = e->family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < len; i++) {
		r.low[i] = e->bytes[i];
		r.high[i] = (uint8_t)(e->bytes[i] | (uint8_t)~e->mask[i]);
	}
	return r;
}

/* Sorted, and those that overlap made one; the new count. */
static size_t
merge_ranges(struct config_range *r, size_t count)
{
	size_t kept = 0;

	qsort(r, count, sizeof(*r), range_compare);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || memcmp(r[i].low, r[kept - 1].high, sizeof(r[i].low)) > 0)
			r[kept++] = r[i];
		else if (memcmp(r[i].high, r[kept - 1].high, sizeof(r[i].high)) > 0)
			memcpy(r[kept - 1].high, r[i].high, sizeof(r[i].high));
	return kept;
}

void
config_nets_seal(struct config_nets *n)
{
	struct config_nets_index *x;

	free_index(n);
	if (n->count <= LINEAR_MAX)
		return;
	x = n->index = mem_new(struct config_nets_index);
	*x = (struct config_nets_index){ 0 };
	for (int f = FOUR; f < FAMILIES; f++)
		x->range[f] = mem_array(NULL, n->count, sizeof(*x->range[f]));
	x->name = mem_array(NULL, n->count, sizeof(*x->name));
	for (size_t i = 0; i < n->count; i++) {
		const struct net_entry *e = &n->entry[i];
		int f = e->family == AF_INET ? FOUR : SIX;

		if (e->family == AF_UNSPEC)
			x->name[x->names++] = e->domain;
		else
			x->range[f][x->ranges[f]++] = range_of(e);
	}
	for (int f = FOUR; f < FAMILIES; f++)
		x->ranges[f] = merge_ranges(x->range[f], x->ranges[f]);
	qsort(x->name, x->names, sizeof(*x->name), name_compare);
}

/* --- look-ups --- */

static int
address_compare(const void *key, const void *element)
{
	const struct config_range *r = element;

	return memcmp(key, r->low, 16) < 0 ? -1 : memcmp(key, r->high, 16) > 0;
}

bool
config_nets_has(const struct config_nets *n, const struct sockaddr *sa)
{
	uint8_t bytes[16] = { 0 };
	int family, f;

	for (size_t i = 0; n->index == NULL && i < n->count; i++)
		if (net_entry_has(&n->entry[i], sa))
			return true;
	if (n->index == NULL || net_bytes(sa, &family, bytes) == 0)
		return false;
	f = family == AF_INET ? FOUR : SIX;
	return bsearch(bytes, n->index->range[f], n->index->ranges[f], sizeof(struct config_range),
	    address_compare) != NULL;
}

bool
config_nets_has_name(const struct config_nets *n, const char *name)
{
	for (size_t i = 0; n->index == NULL && i < n->count; i++)
		if (net_entry_has_name(&n->entry[i], name))
			return true;
	for (const char *at = name; n->index != NULL; at = strchr(at, '.') + 1) {
		if (bsearch(&at, n->index->name, n->index->names, sizeof(at), name_compare) != NULL)
			return true;
		if (strchr(at, '.') == NULL)
			break;
	}
	return false;
}
