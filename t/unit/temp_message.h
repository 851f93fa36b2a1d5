/*
 * temp_message - messages of the temporary spool: draft() begins one for RCPT and a second recipient, commit() puts
 * one into the queue and says its id; tell() is for spool_scan, counts in `told` and keeps the last id.
 */
#ifndef TEMP_MESSAGE_H
#define TEMP_MESSAGE_H

#include <string.h>

#include "t/unit/temp_spool.h"

static inline struct spool_draft *
draft(const char *rcpt, const char *content)
{
	struct message_envelope e = { .sender = mem_strdup("s@x.example") };
	struct spool_draft *d;

	message_envelope_add(&e, rcpt);
	message_envelope_add(&e, "second@x.example");
	d = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(d);
	message_envelope_done(&e);
	ck_assert_int_eq(spool_draft_write(d, content, strlen(content)), 0);
	return d;
}

static inline void
commit(const char *content, char *id)
{
	struct spool_draft *d = draft("r@x.example", content);

	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	memcpy(id, spool_draft_id(d), MESSAGE_ID_SIZE);
	spool_draft_free(d);
}

static size_t told;
static char last_told[MESSAGE_ID_SIZE];

static inline void
tell(void *arg, const struct spool_entry *entry)
{
	told++;
	memcpy(last_told, entry->id, MESSAGE_ID_SIZE);
}

#endif
