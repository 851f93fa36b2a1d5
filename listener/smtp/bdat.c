/*
 * bdat - the BDAT command and its chunks (RFC 3030): content that is counted, not searched for its end; pure
 *
 * Runs in:  listener
 * Owns:     struct bdat: the chunk that is coming
 * Promise:  exactly the announced octets are content, never commands, also when the chunk is refused; the
 *           reply to a chunk follows its last octet; without BODY=BINARYMIME the rules of DATA apply
 * Fails by: replies; a chunk that is refused ends its message
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "listener/smtp/smtp_private.h"

/* The chunk that is coming. */
struct bdat {
	uint64_t size, left;
	bool last;
	enum reply refuse;		/* said when its octets are thrown away; REPLY_NONE: it is good */
	bool misplaced;			/* refused, as there is no message that it belongs to */
	enum session_phase back;	/* the phase after a misplaced one */
};

/* "1000", "1000 LAST"; at most 20 digits (RFC 3030 2). What does not fit 64 bits is larger than any limit. */
static bool
parse_size(struct bdat *b, const char *arg, size_t len)
{
	size_t digits = 0;

	for (; digits < len && arg[digits] >= '0' && arg[digits] <= '9'; digits++)
		if (__builtin_mul_overflow(b->size, 10U, &b->size) ||
		    __builtin_add_overflow(b->size, (unsigned)(arg[digits] - '0'), &b->size))
			b->size = UINT64_MAX;
	if (digits == 0 || digits > 20)
		return false;
	b->left = b->size;
	arg += digits;
	len -= digits;
	if (len == 0)
		return true;
	while (len > 0 && *arg == ' ')
		arg++, len--;
	b->last = len == 4 && strncasecmp(arg, "LAST", 4) == 0;
	return b->last && arg[-1] == ' ';
}

/* Why there is no message that this chunk belongs to; REPLY_NONE: there is one. */
static enum reply
judge_place(const struct session *s)
{
	if (session_phase_needs_tls(s))
		return REPLY_NEED_TLS;
	switch (s->phase) {
	case PHASE_START:
		return s->server->helo_required ? REPLY_NEED_HELLO : REPLY_NEED_MAIL;
	case PHASE_READY:
		return REPLY_NEED_MAIL;
	case PHASE_MAIL:
		return s->rcpt_refused ? REPLY_NO_VALID_RCPT : REPLY_NEED_RCPT;
	default:
		return REPLY_NONE;
	}
}

void
bdat_say_refusal(struct session *s, enum reply why)
{
	if (why == REPLY_FILTER_WORDS)
		filter_stage_say(s, NULL);
	else
		session_reply(s, why, NULL);
}

/* The last octet of the chunk is here. */
static void
finish_chunk(struct session *s)
{
	struct bdat *b = s->bdat;
	char octets[32];
	bool full;

	if (b->last && b->refuse == REPLY_NONE) {
		data_end_raw(&s->data, transaction_sink, s);
		b->refuse = transaction_fault(s);
	}
	if (b->refuse != REPLY_NONE) {
		enum reply why = b->refuse;

		session_phase_enter(s, b->back);
		if (!b->misplaced)
			session_phase_reset(s);	/* `b` was freed */
		bdat_say_refusal(s, why);
	} else if (b->last) {
		transaction_finish(s);
	} else {
		full = s->wait == WAIT_ROOM;
		s->idle += b->size == 0;
		snprintf(octets, sizeof(octets), "%" PRIu64, b->size);
		session_phase_enter(s, PHASE_CHUNKS);
		if (full)
			session_phase_wait(s, WAIT_ROOM);	/* before the next command */
		session_reply(s, REPLY_CHUNK, octets);
	}
}

void
bdat_command(struct session *s, const char *arg, size_t len)
{
	struct bdat b = { .back = s->phase };

	if (!parse_size(&b, arg, len)) {
		/* Without a size, chunk and next command cannot be told apart. */
		session_reply(s, REPLY_BAD_PARAMETER, NULL);
		session_reply(s, REPLY_CHUNK_LOST, s->server->fqdn);
		return;
	}
	if (s->phase == PHASE_RCPT && transaction_waits(s))
		return;
	b.refuse = judge_place(s);
	b.misplaced = b.refuse != REPLY_NONE;
	if (s->phase == PHASE_RCPT)
		switch (filter_stage_ask(s, FILTER_DATA, "", "")) {
		case STAGE_WAITS:
			return;
		case STAGE_REFUSED:
			b.refuse = REPLY_FILTER_WORDS;	/* the session keeps its answer */
			break;
		case STAGE_PASSED:
			b.refuse = transaction_begin(s);
		}
	if (s->bdat == NULL)
		s->bdat = mem_new(struct bdat);
	*s->bdat = b;
	session_phase_enter(s, PHASE_CHUNK);
	if (b.refuse != REPLY_NONE)
		data_begin(&s->data, 0, false);
	if (b.left == 0)
		finish_chunk(s);
}

/* A refused chunk is read to its end, where the reply belongs, but not beyond the waste limit. */
static void
waste_chunk(struct session *s, size_t used)
{
	struct bdat *b = s->bdat;

	s->data.wasted += used;
	if (b->left == 0) {
		finish_chunk(s);
	} else if (s->data.wasted > transaction_waste_limit(s)) {
		bdat_say_refusal(s, b->refuse);
		session_phase_end(s, true);
	}
}

size_t
bdat_content(struct session *s, const char *data, size_t len)
{
	struct bdat *b = s->bdat;
	size_t used = b->left < len ? (size_t)b->left : len;

	b->left -= used;
	if (b->refuse != REPLY_NONE) {
		waste_chunk(s, used);
		return used;
	}
	data_take_raw(&s->data, data, used, s->envelope->m.flags & MESSAGE_BINARY, transaction_sink, s);
	b->refuse = transaction_fault(s);
	if (b->refuse != REPLY_NONE) {
		session_phase_discard(s);
		waste_chunk(s, 0);
	} else if (b->left == 0) {
		finish_chunk(s);
	}
	return used;
}

enum reply
bdat_refusal(const struct session *s)
{
	return s->bdat->refuse;
}
