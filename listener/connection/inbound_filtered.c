/*
 * inbound_filtered - a message that mail filters have seen, on its way from its scratch file into the queue:
 * our Received field, then what the filters made of it
 *
 * Runs in:  listener
 * Owns:     the queue_message until it is finished or discarded, the scratch file until it is read
 * Promise:  what the filter helper says of the file is checked: extents lie in it, lines end in CRLF,
 *           addresses are parsed, and it is not much larger than a message may be.
 *           `stored` or `refused` is called once, later
 * Fails by: errno to `stored`: EBADMSG when the helper made something that is no message
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/mail/envelope_change.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

static void read_on(void *arg);

static void
end_judging(struct inbound_content *c)
{
	scratch_free(c->scratch);
	free(c->trace);
	free(c->held);
	buf_done(&c->changes);
	c->scratch = NULL;
	c->trace = NULL;
	c->held = NULL;
	c->storing = false;
}

static void
fail(struct inbound_content *c, int error)
{
	queue_message_discard(c->message);
	buf_done(&c->opening);
	c->message = NULL;
	end_judging(c);
	c->stored(c->arg, error, c->id);
}

/* The envelope is as the filters want it: now it can be written. */
static bool
begin_message(struct inbound_content *c)
{
	static const struct msg_filter_answer nobody_left = { .verdict = FILTER_DISCARD };
	struct message_envelope *e = c->envelope;

	if (envelope_change_apply(e, buf_text(&c->changes), c->changes.len,
	    c->listener->server->default_domain->name, c->held != NULL) == -1) {
		fail(c, EBADMSG);
		return false;
	}
	if (e->nrcpt == 0) {
		end_judging(c);
		c->refused(c->arg, &nobody_left);
		return false;
	}
	c->message = queue_message_begin(c->listener->queue_writer, e);
	if (c->message == NULL) {
		fail(c, errno);
		return false;
	}
	if (c->held != NULL)
		queue_message_hold(c->message);
	queue_message_add(c->message, c->trace, strlen(c->trace));
	return true;
}

static void
end_message(struct inbound_content *c)
{
	data_end_raw(&c->check, inbound_content_sink, c);
	if (c->check.fault != DATA_FINE) {
		fail(c, EBADMSG);
		return;
	}
	scratch_free(c->scratch);
	free(c->trace);
	buf_done(&c->changes);
	c->scratch = NULL;
	c->trace = NULL;
	inbound_content_end(c);
}

static void
begin_part(struct inbound_content *c, enum inbound_part part)
{
	c->part = part;
	c->at = 0;
}

/* What filters have added may be 8-bit though the client declared nothing: the envelope comes first. */
static void
scan_piece(struct inbound_content *c, const char *data, size_t len)
{
	if (!data_has_eightbit(data, len))
		return;
	c->envelope->flags |= MESSAGE_8BIT;
	c->scanning = false;
	begin_part(c, INBOUND_CHANGES);
}

static void
on_piece(void *arg, const char *data, size_t len, int error)
{
	struct inbound_content *c = arg;

	if (error != 0) {
		fail(c, error);
		return;
	}
	c->at += len;
	if (c->scanning)
		scan_piece(c, data, len);
	else if (c->part == INBOUND_CHANGES)
		buf_add(&c->changes, data, len);
	else
		data_take_raw(&c->check, data, len, c->envelope->flags & MESSAGE_BINARY, inbound_content_sink,
		    c);
	if (c->check.fault != DATA_FINE)
		fail(c, EBADMSG);
	else if (c->message != NULL && queue_message_is_full(c->message))
		queue_message_on_room(c->message, read_on, c);
	else
		read_on(c);
}

static void
read_on(void *arg)
{
	struct inbound_content *c = arg;

	while (c->part < INBOUND_PARTS && c->at == c->extent[c->part].size) {
		if (c->part == INBOUND_CHANGES && !begin_message(c))
			return;
		begin_part(c, (enum inbound_part)(c->part + 1));
		if (c->part == INBOUND_PARTS && c->scanning) {
			c->scanning = false;
			begin_part(c, INBOUND_CHANGES);
		}
	}
	if (c->part == INBOUND_PARTS)
		end_message(c);
	else
		scratch_read(c->scratch, c->extent[c->part].at + c->at,
		    (size_t)MIN(c->extent[c->part].size - c->at, (uint64_t)SCRATCH_PIECE), on_piece, c);
}

static bool
take_extents(struct inbound_content *c, const struct msg_filter_answer *a, uint64_t most)
{
	struct stat st;

	c->extent[INBOUND_CHANGES] = a->changes;
	c->extent[INBOUND_HEADER] = a->header;
	c->extent[INBOUND_BODY] = a->body;
	return fstat(scratch_fd(c->scratch), &st) == 0 &&
	    msg_filter_content_fits(a, (uint64_t)st.st_size, most);
}

void
inbound_filtered_judged(struct inbound_content *c, const struct msg_filter_answer *a)
{
	uint64_t most;

	if (a->verdict != FILTER_GO_ON) {
		end_judging(c);
		c->refused(c->arg, a);
		return;
	}
	most = msg_filter_content_most(c->listener->server->max_message_size, scratch_size(c->scratch));
	if (!take_extents(c, a, most)) {
		fail(c, EBADMSG);
		return;
	}
	free(c->held);
	c->held = NULL;
	if (a->flags & FILTER_HOLD)
		c->held = memcpy(mem_new(struct msg_filter_answer), a, sizeof(*a));
	c->scanning = (a->flags & FILTER_CHANGED_CONTENT) && !(c->envelope->flags & MESSAGE_8BIT);
	begin_part(c, c->scanning ? INBOUND_HEADER : INBOUND_CHANGES);
	buf_init(&c->changes, MSG_FILTER_CHANGES_MAX);
	/* A header that a filter has written may begin with a line that would go on with our field. */
	inbound_content_open_again(c);
	data_begin(&c->check, most, true);
	read_on(c);
}
