/*
 * crash_record - whether the processes of a virtual server, or the helpers, keep dying
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  some crashes within minutes are told although each one was followed by a start that went well;
 *           it is over when the first of them is long ago
 * Fails by: not at all
 */
#include <stdio.h>
#include <string.h>

#include "master/processes/processes.h"

void
crash_record_add(struct crash_record *r, enum role role, const char *words, uint64_t now_ms)
{
	memmove(r->at + 1, r->at, sizeof(r->at) - sizeof(r->at[0]));
	r->at[0] = now_ms;
	r->role = role;
	snprintf(r->words, sizeof(r->words), "%s", words);
}

bool
crash_record_is_often(const struct crash_record *r, uint64_t now_ms)
{
	uint64_t first = r->at[CRASH_RECORD_OFTEN - 1];

	return first != 0 && now_ms - first < CRASH_RECORD_MS;
}
