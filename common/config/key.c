/*
 * key - look-ups in the table of configuration keys, and "did you mean"; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  the rows themselves are in key_rows
 * Fails by: NULL or KEY_SECTION_COUNT: not found
 */
#include <ctype.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/key.h"

#define WORD_MAX 40	/* longer words are similar to none */

static const char *const section_names[] = {
	[KEY_SERVICE] = "service",
	[KEY_MANAGER] = "manager",
	[KEY_LIMITS] = "limits",
	[KEY_GENERAL] = "general",
	[KEY_ACCESS] = "access",
	[KEY_MESSAGES] = "messages",
	[KEY_DELIVERY] = "delivery",
	[KEY_LDAP] = "ldap",
	[KEY_SECURITY] = "security",
	[KEY_DOMAIN] = "domain",
	[KEY_REMOTE] = "host",
	[KEY_FILTER] = "filter",
	[KEY_OAUTH] = "oauth",
};
_Static_assert(nitems_of(section_names) == KEY_SECTION_COUNT, "a name for each section");

/* The first row of that section, or of one behind it: rows are in the order of their sections. */
static size_t
first_row(enum key_section section)
{
	size_t low = 0, high = key_rows_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (key_rows[middle].section < section)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct key *
key_find(enum key_section section, const char *name)
{
	for (size_t i = first_row(section); i < key_rows_count && key_rows[i].section == section; i++)
		if (strcmp(key_rows[i].name, name) == 0)
			return &key_rows[i];
	return NULL;
}

enum key_owner
key_owner_of(enum key_section section)
{
	static const enum key_owner owners[KEY_SECTION_COUNT] = {
		[KEY_SERVICE] = KEY_OWNER_SERVICE, [KEY_MANAGER] = KEY_OWNER_SERVICE,
		[KEY_LIMITS] = KEY_OWNER_SERVICE,
		[KEY_GENERAL] = KEY_OWNER_SERVER, [KEY_ACCESS] = KEY_OWNER_SERVER,
		[KEY_MESSAGES] = KEY_OWNER_SERVER, [KEY_DELIVERY] = KEY_OWNER_SERVER,
		[KEY_LDAP] = KEY_OWNER_SERVER, [KEY_SECURITY] = KEY_OWNER_SERVER,
		[KEY_DOMAIN] = KEY_OWNER_DOMAIN, [KEY_REMOTE] = KEY_OWNER_REMOTE,
		[KEY_FILTER] = KEY_OWNER_FILTER, [KEY_OAUTH] = KEY_OWNER_OAUTH,
	};

	return section < KEY_SECTION_COUNT ? owners[section] : KEY_OWNER_SERVER;
}

bool
key_section_is_named(enum key_section section)
{
	return key_owner_of(section) >= KEY_OWNER_DOMAIN;
}

bool
key_section_is_global(enum key_section section)
{
	enum key_owner owner = key_owner_of(section);

	return owner == KEY_OWNER_SERVICE || owner == KEY_OWNER_OAUTH;
}

const struct key *
key_owner_rows(enum key_owner owner, size_t *count)
{
	static const enum key_section first[] = { KEY_SERVICE, KEY_GENERAL, KEY_DOMAIN, KEY_REMOTE,
	    KEY_FILTER, KEY_OAUTH, KEY_SECTION_COUNT };
	size_t begin = first_row(first[owner]);

	*count = first_row(first[owner + 1]) - begin;
	return &key_rows[begin];
}

size_t
key_owner_index(enum key_section section, const char *name)
{
	size_t count;
	const struct key *rows = key_owner_rows(key_owner_of(section), &count);

	return (size_t)(key_find(section, name) - rows);
}

const char *
key_section_name(enum key_section section)
{
	return section < KEY_SECTION_COUNT ? section_names[section] : "?";
}

enum key_section
key_section_find(const char *name)
{
	enum key_section s = KEY_SERVICE;

	while (s < KEY_SECTION_COUNT && strcmp(section_names[s], name) != 0)
		s++;
	return s;
}

static unsigned
least_of(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment, three rows of the matrix at a time. */
unsigned
key_distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	size_t alen = strlen(a), blen = strlen(b);

	if (alen > WORD_MAX || blen > WORD_MAX)
		return 99;
	for (unsigned j = 0; j <= blen; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= alen; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= blen; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);

			now[j] = least_of(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return row[alen % 3][blen];
}

const char *
key_suggest(enum key_section section, const char *name)
{
	const char *best = NULL;
	unsigned best_distance = strlen(name) <= 3 ? 2 : 3;

	for (size_t i = 0; i < key_rows_count; i++) {
		unsigned d;

		if (key_rows[i].section != section)
			continue;
		d = key_distance(name, key_rows[i].name);
		if (d < best_distance) {
			best_distance = d;
			best = key_rows[i].name;
		}
	}
	return best;
}
