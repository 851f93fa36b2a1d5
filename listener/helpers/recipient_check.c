/*
 * recipient_check - whether a local recipient is in the directory, asked of the directory helper while its
 * RCPT waits
 *
 * Runs in:  listener
 * Owns:     the channel to the helper, the question of each session
 * Promise:  nobody waits longer than RECIPIENT_CHECK_WAIT_MS; while the directory does not answer, only one
 *           in RECIPIENT_CHECK_REST_MS waits at all, and
 *           everybody is taken to be there: deliver finds out
 * Fails by: RECIPIENT_CHECK_KNOWN
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/directory_client.h"
#include "listener/connection/connection.h"
#include "listener/helpers/helpers.h"

#define RECIPIENT_CHECK_WAIT_MS 3000
#define RECIPIENT_CHECK_REST_MS 5000

struct recipient_check {
	struct boot *boot;
	struct ctl_client *directory_client;
	uint64_t rest_until;
};

struct recipient_check_state {
	struct recipient_check *seek;
	struct inbound *inbound;
	struct ctl_client_question *question;	/* NULL: not asking */
	bool answered;				/* for `address`, not yet fetched */
	enum recipient_check_answer answer;
	char address[ADDRESS_MAX + 1];
};

static void
on_answer(void *arg, unsigned tag, struct msg_directory *a)
{
	struct recipient_check_state *st = arg;

	(void)tag;
	st->question = NULL;
	st->answered = true;
	st->answer = a->result == DIRECTORY_UNKNOWN ? RECIPIENT_CHECK_UNKNOWN : RECIPIENT_CHECK_KNOWN;
	if (a->result == DIRECTORY_TROUBLE)
		st->seek->rest_until = clock_mono_ms() + RECIPIENT_CHECK_REST_MS;
	inbound_sought(st->inbound);
}

enum recipient_check_answer
recipient_check_find(struct recipient_check *k, struct recipient_check_state **state, struct inbound *c,
    const char *address)
{
	struct recipient_check_state *st = *state;

	if (st != NULL && strcmp(st->address, address) == 0 && (st->question != NULL || st->answered)) {
		if (st->question != NULL)
			return RECIPIENT_CHECK_WAIT;
		st->answered = false;
		return st->answer;
	}
	if (clock_mono_ms() < k->rest_until)
		return RECIPIENT_CHECK_KNOWN;
	if (st == NULL) {
		st = *state = mem_new(struct recipient_check_state);
		st->seek = k;
		st->inbound = c;
	}
	ctl_client_forget(st->question);
	st->answered = false;
	memcpy(st->address, address, strlen(address) + 1);
	st->question = directory_client_ask(k->directory_client, address, false, on_answer, st, 0);
	return RECIPIENT_CHECK_WAIT;
}

void
recipient_check_forget(struct recipient_check_state *st)
{
	if (st == NULL)
		return;
	ctl_client_forget(st->question);
	free(st);
}

void
recipient_check_channel(struct recipient_check *k, int fd)
{
	ctl_client_channel(k->directory_client, fd);
}

static void
need(void *arg)
{
	boot_need(((struct recipient_check *)arg)->boot, CTL_HELPER_DIRECTORY);
}

struct recipient_check *
recipient_check_new(struct boot *b)
{
	struct recipient_check *k;

	if (!b->server->ldap.enable)
		return NULL;
	k = mem_new(struct recipient_check);
	k->boot = b;
	k->directory_client = directory_client_new(b->loop, RECIPIENT_CHECK_WAIT_MS, need, k);
	return k;
}

void
recipient_check_free(struct recipient_check *k)
{
	if (k == NULL)
		return;
	ctl_client_free(k->directory_client);
	free(k);
}
