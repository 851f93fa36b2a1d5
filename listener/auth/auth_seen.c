/*
 * auth_seen - when accounts have logged in, for those who look at a list of accounts; pure
 *
 * Runs in:  auth
 * Owns:     a table of one size: with more accounts than it holds, the oldest logins are forgotten
 * Promise:  it keeps hashes of names and times, and nothing else; whoever cannot log in puts nothing into it
 * Fails by: a time that is not known
 */
#include <stdlib.h>
#include <ctype.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { SETS = 4096, WAYS = 4 };

struct auth_seen {
	struct { uint64_t who; int64_t at_s; } entry[SETS][WAYS];
};

struct auth_seen *
auth_seen_new(void)
{
	return mem_new(struct auth_seen);
}

void
auth_seen_free(struct auth_seen *v)
{
	free(v);
}

/* FNV-1a of both, with a byte between them that is in neither. */
static uint64_t
hash_of(const char *server, const char *name)
{
	uint64_t h = 0xcbf29ce484222325U;

	for (; *server != '\0'; server++)
		h = (h ^ (unsigned char)*server) * 0x100000001b3U;
	h = (h ^ '\n') * 0x100000001b3U;
	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)tolower((unsigned char)*name)) * 0x100000001b3U;
	return h;
}

void
auth_seen_note(struct auth_seen *v, const char *server, const char *name, int64_t now_s)
{
	uint64_t who = hash_of(server, name);
	size_t set = (size_t)(who % SETS), oldest = 0;

	for (size_t i = 0; i < WAYS; i++) {
		if (v->entry[set][i].who == who) {
			oldest = i;
			break;
		}
		if (v->entry[set][i].at_s < v->entry[set][oldest].at_s)
			oldest = i;
	}
	v->entry[set][oldest].who = who;
	v->entry[set][oldest].at_s = now_s;
}

int64_t
auth_seen_get(const struct auth_seen *v, const char *server, const char *name)
{
	uint64_t who = hash_of(server, name);

	for (size_t i = 0; i < WAYS; i++)
		if (v->entry[who % SETS][i].who == who)
			return v->entry[who % SETS][i].at_s;
	return 0;
}
