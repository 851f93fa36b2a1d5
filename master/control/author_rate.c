/*
 * author_rate - how often somebody may do something: change the configuration, be in the log; pure
 *
 * Runs in:  master
 * Owns:     nothing; a table is of who asks
 * Promise:  so many at once, then one a while, each user for itself
 * Fails by: false; of many users at once the one that has used up least is forgotten
 */
#include <stdio.h>
#include <string.h>

#include "master/control/control_private.h"

bool
author_rate_take(struct author_rate *r, const char *author, uint64_t now_ms)
{
	size_t at = 0;

	for (size_t i = 0; i < AUTHOR_RATE_USERS; i++) {
		if (r->user[i].free_ms > 0 && strcmp(r->user[i].author, author) == 0) {
			at = i;
			break;
		}
		if (r->user[i].free_ms < r->user[at].free_ms)
			at = i;
	}
	if (strcmp(r->user[at].author, author) != 0 || r->user[at].free_ms < now_ms) {
		snprintf(r->user[at].author, sizeof(r->user[at].author), "%s", author);
		r->user[at].free_ms = now_ms;
	}
	if (r->user[at].free_ms - now_ms > (uint64_t)(r->burst - 1) * r->each_ms)
		return false;
	r->user[at].free_ms += r->each_ms;
	return true;
}
