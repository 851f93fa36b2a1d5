/*
 * change_rate - how often a user may ask for changes; pure
 *
 * Runs in:  master
 * Owns:     the times of the users who asked last
 * Promise:  an operator of one virtual server cannot keep the service busy with judging its files
 * Fails by: false; of many users who ask at once the one that waits longest is forgotten
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/control/control_private.h"

#define RATE_USERS 32U
#define RATE_BURST 20U		/* at once; then one each RATE_MS */
#define RATE_MS 1000U

bool
change_rate_take(const char *author, uint64_t now_ms)
{
	/* when all is given back */
	static struct { char author[LOGIN_NAME_AUTHOR_SIZE]; uint64_t free_ms; } users[RATE_USERS];
	size_t at = 0;

	for (size_t i = 0; i < nitems_of(users); i++) {
		if (users[i].free_ms > 0 && strcmp(users[i].author, author) == 0) {
			at = i;
			break;
		}
		if (users[i].free_ms < users[at].free_ms)
			at = i;
	}
	if (strcmp(users[at].author, author) != 0 || users[at].free_ms < now_ms) {
		snprintf(users[at].author, sizeof(users[at].author), "%s", author);
		users[at].free_ms = now_ms;
	}
	if (users[at].free_ms - now_ms > (RATE_BURST - 1) * RATE_MS)
		return false;
	users[at].free_ms += RATE_MS;
	return true;
}
