/*
 * recipient_check - whether a local recipient is in the directory, asked of the directory helper while its
 * RCPT waits
 *
 * Runs in:  listener
 * Owns:     the question of each session; the channel is the listener's
 * Promise:  a RCPT waits RECIPIENT_CHECK_WAIT_MS at most. After an answer that did not come, nothing is asked
 *           for PAUSE_MS and every recipient counts as known: the deliver worker finds out
 * Fails by: SESSION_RECIPIENT_OK
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/helpers/directory_client.h"
#include "listener/helpers/helpers.h"

#define PAUSE_MS 5000	/* after a question that the directory did not answer */

struct recipient_check {
	struct ctl_client *directory;
	uint64_t paused_until;			/* monotonic ms */
};

struct recipient_check_state {
	struct recipient_check *recipient_check;
	void (*done)(void *arg);
	void *arg;
	struct ctl_client_question *question;	/* NULL: none is open */
	bool answered;				/* for `address`, not yet fetched */
	enum session_recipient answer;
	char address[ADDRESS_MAX + 1];
};

static void
on_answer(void *arg, unsigned tag, struct msg_directory *a)
{
	struct recipient_check_state *st = arg;

	st->question = NULL;
	st->answered = true;
	st->answer = a->result == DIRECTORY_UNKNOWN ? SESSION_RECIPIENT_UNKNOWN : SESSION_RECIPIENT_OK;
	if (a->result == DIRECTORY_TROUBLE)
		st->recipient_check->paused_until = clock_mono_ms() + PAUSE_MS;
	st->done(st->arg);
}

enum session_recipient
recipient_check_find(struct recipient_check *k, struct recipient_check_state **state, const char *address,
    void (*done)(void *arg), void *arg)
{
	struct recipient_check_state *st = *state;

	if (st != NULL && strcmp(st->address, address) == 0 && (st->question != NULL || st->answered)) {
		if (st->question != NULL)
			return SESSION_RECIPIENT_WAIT;
		st->answered = false;
		return st->answer;
	}
	if (clock_mono_ms() < k->paused_until)
		return SESSION_RECIPIENT_OK;
	if (st == NULL) {
		st = *state = mem_new(struct recipient_check_state);
		st->recipient_check = k;
		st->done = done;
		st->arg = arg;
	}
	ctl_client_forget(st->question);
	st->answered = false;
	memcpy(st->address, address, strlen(address) + 1);
	st->question = directory_client_ask(k->directory, address, NULL, DIRECTORY_WANT_LOOK,
	    on_answer, st, 0);
	return SESSION_RECIPIENT_WAIT;
}

void
recipient_check_forget(struct recipient_check_state *st)
{
	if (st == NULL)
		return;
	ctl_client_forget(st->question);
	free(st);
}

struct recipient_check *
recipient_check_new(struct ctl_client *directory)
{
	struct recipient_check *k = mem_new(struct recipient_check);

	k->directory = directory;
	return k;
}

void
recipient_check_free(struct recipient_check *k)
{
	free(k);
}
