/*
 * seek - whether a local recipient is in the directory, asked of the directory helper while its RCPT waits
 *
 * Runs in:  listener
 * Owns:     the channel to the helper, the question of each session
 * Promise:  nobody waits longer than SEEK_WAIT_MS; while the directory does not answer, only one in SEEK_REST_MS waits at all, and
 *           everybody is taken to be there: deliver finds out
 * Fails by: SEEK_KNOWN
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/process/inquiry.h"
#include "listener/listener.h"

#define SEEK_WAIT_MS 3000
#define SEEK_REST_MS 5000

struct seek {
	struct boot *boot;
	struct consult *inquiry;
	uint64_t rest_until;
};

struct seek_state {
	struct seek *seek;
	struct inbound *inbound;
	struct consult_question *question;	/* NULL: not asking */
	bool answered;				/* for `address`, not yet fetched */
	enum seek_answer answer;
	char address[ADDRESS_MAX + 1];
};

static void
on_answer(void *arg, unsigned tag, struct addressee *a)
{
	struct seek_state *st = arg;

	(void)tag;
	st->question = NULL;
	st->answered = true;
	st->answer = a->result == ADDRESSEE_UNKNOWN ? SEEK_UNKNOWN : SEEK_KNOWN;
	if (a->result == ADDRESSEE_TROUBLE)
		st->seek->rest_until = clock_mono_ms() + SEEK_REST_MS;
	inbound_sought(st->inbound);
}

enum seek_answer
seek_find(struct seek *k, struct seek_state **state, struct inbound *c, const char *address)
{
	struct seek_state *st = *state;

	if (st != NULL && strcmp(st->address, address) == 0 && (st->question != NULL || st->answered)) {
		if (st->question != NULL)
			return SEEK_WAIT;
		st->answered = false;
		return st->answer;
	}
	if (clock_mono_ms() < k->rest_until)
		return SEEK_KNOWN;
	if (st == NULL) {
		st = *state = mem_new(struct seek_state);
		st->seek = k;
		st->inbound = c;
	}
	consult_forget(st->question);
	st->answered = false;
	memcpy(st->address, address, strlen(address) + 1);
	st->question = inquiry_ask(k->inquiry, address, false, on_answer, st, 0);
	return SEEK_WAIT;
}

void
seek_forget(struct seek_state *st)
{
	if (st == NULL)
		return;
	consult_forget(st->question);
	free(st);
}

void
seek_channel(struct seek *k, int fd)
{
	consult_channel(k->inquiry, fd);
}

static void
need(void *arg)
{
	boot_need(((struct seek *)arg)->boot, CTL_HELPER_DIRECTORY);
}

struct seek *
seek_new(struct boot *b)
{
	struct seek *k;

	if (!b->server->ldap.enable)
		return NULL;
	k = mem_new(struct seek);
	k->boot = b;
	k->inquiry = inquiry_new(b->loop, SEEK_WAIT_MS, need, k);
	return k;
}

void
seek_free(struct seek *k)
{
	if (k == NULL)
		return;
	consult_free(k->inquiry);
	free(k);
}
