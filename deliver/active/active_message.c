/*
 * active_message - a loaded message: the phases of its round, and why a recipient has not got it
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; the reasons belong to their message
 * Promise:  a phase follows only where the table says so; a reason stays where it is until the message is
 *           freed
 * Fails by: nothing; a phase that the table lacks ends the test build
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/active/active.h"

/* Which phase may follow: a row for the present one, a column for the next. */
static const bool follows[][ACTIVE_PHASES] = {
	/*		     LOADING SENDING RESULT MOVING BADMAIL SETTLED */
	[ACTIVE_LOADING] = { false,  true,   true,  true,  true,   true  },
	[ACTIVE_SENDING] = { false,  false,  true,  false, false,  true  },	/* an offer, gone */
	[ACTIVE_RESULT]	 = { false,  false,  false, false, false,  true  },
	[ACTIVE_MOVING]	 = { false,  false,  false, false, false,  true  },
	[ACTIVE_BADMAIL] = { false,  false,  false, false, false,  true  },
	[ACTIVE_SETTLED] = { false },
};
static_assert(nitems_of(follows) == ACTIVE_PHASES, "a row for each phase");

void
active_message_enter(struct active_message *m, enum active_phase phase)
{
#ifdef POSTERN_TEST
	/* Only what was offered has no result to write: it is gone */
	bool has_no_result = m->phase == ACTIVE_SENDING && phase == ACTIVE_SETTLED;

	if (!follows[m->phase][phase] || (has_no_result && !m->gone))
		bug("phase %d of %s after %d", (int)phase, m->id, (int)m->phase);
#endif
	m->phase = phase;
}

void
active_message_keep(struct active_message *m, size_t *kept, size_t most)
{
	m->kept = *kept < most ? kept : NULL;
	*kept += m->kept != NULL;
}

void
active_message_unkeep(struct active_message *m)
{
	if (m->kept != NULL)
		--*m->kept;
	m->kept = NULL;
	buf_done(&m->whole);
}

struct active_reason *
active_message_reason(struct active_message *m, int code, const char *status, const char *host,
    const char *text)
{
	struct active_reason *r = m->reasons;
	size_t text_size = strlen(text) + 1, host_size = strlen(host) + 1;

	if (r != NULL && r->code == code && strcmp(r->status, status) == 0 && strcmp(r->host, host) == 0 &&
	    strcmp(r->text, text) == 0)
		return r;
	r = mem_zalloc(sizeof(*r) + text_size + host_size);
	r->code = code;
	memcpy(r->status, status, strnlen(status, sizeof(r->status) - 1));
	memcpy(r->text, text, text_size);
	memcpy(r->text + text_size, host, host_size);
	r->host = r->text + text_size;
	r->next = m->reasons;
	m->reasons = r;
	return r;
}

void
active_message_free_reasons(struct active_message *m)
{
	while (m->reasons != NULL) {
		struct active_reason *next = m->reasons->next;

		free(m->reasons);
		m->reasons = next;
	}
}

uint64_t
active_message_trouble(struct active_message *m)
{
	static const unsigned waits[] = { 1000, 2000, 4000, 8000, 60000 };
	unsigned turn = m->trouble < nitems_of(waits) - 1 ? m->trouble : nitems_of(waits) - 1;

	m->troubled = true;
	m->trouble = turn + 1;
	return waits[turn];
}
