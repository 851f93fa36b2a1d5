/*
 * evacuate_arrival - a message that comes from another node: two files without a name hold it and its note,
 * until it was judged and is handed on
 *
 * Runs in:  deliver, on pool threads; made and freed on the loop
 * Owns:     those files
 * Promise:  what is said of the message, its envelope and its note can be, or it has an error
 * Fails by: errno and words in it
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/spool/spool.h"
#include "deliver/evacuate/evacuate_private.h"

/* With `more` bytes the reserve is still there. A node says how many will come, and others come beside it. */
static bool
has_room(struct spool *spool, const struct config_server *server, uint64_t more)
{
	struct spool_room room;

	if (spool_room(spool, &room) == -1)
		return true;
	if (more > room.bytes_free)
		return false;
	room.bytes_free -= more;
	return !spool_room_is_short(&room, (unsigned)server->disk_reserve, server->max_message_size, false);
}

static void
open_files(struct arrival *a, struct spool *spool, const struct config_server *server)
{
	if (!has_room(spool, server, a->put.note + a->put.size))
		a->error = ENOSPC;
	if (a->error == 0 && (a->file.fd = spool_draft_scratch(spool)) == -1)
		a->error = errno;
	if (a->error == 0 && a->put.note > 0 && (a->file.note = spool_draft_scratch(spool)) == -1)
		a->error = errno;
}

/* The note comes first. */
static void
write_piece(struct arrival *a, struct spool *spool, const struct config_server *server)
{
	uint64_t at = a->got - a->piece.len;
	size_t note = at >= a->put.note ? 0 : a->put.note - at < a->piece.len ? (size_t)(a->put.note - at) :
	    a->piece.len;

	if (!has_room(spool, server, 0))
		a->error = ENOSPC;
	else if ((note > 0 && disk_write(a->file.note, a->piece.data, note) == -1) ||
	    disk_write(a->file.fd, a->piece.data + note, a->piece.len - note) == -1)
		a->error = errno;
}

static void
judge_note(struct arrival *a, size_t recipients)
{
	size_t len = (size_t)a->put.note;
	char *text = mem_array(NULL, len, 1);
	ssize_t n = disk_pread(a->file.note, text, len, 0);

	if (n == -1)
		a->error = errno;
	else
		a->why = evacuate_words_judge_note(text, (size_t)n, recipients, clock_wall_us());
	if (a->why != NULL)
		a->error = EBADMSG;
	free(text);
}

static void
judge_files(struct arrival *a)
{
	struct message_envelope e;

	if (spool_move_look(&a->file, &e, &a->why) == -1) {
		a->error = errno;
		return;
	}
	a->why = NULL;
	if (a->put.note > 0)
		judge_note(a, e.nrcpt);
	message_envelope_done(&e);
}

void
evacuate_arrival_run(struct arrival *a, struct spool *spool, const struct config_server *server)
{
	if (a->step == ARRIVAL_OPEN)
		open_files(a, spool, server);
	else if (a->step == ARRIVAL_WRITE)
		write_piece(a, spool, server);
	else
		judge_files(a);
}

struct arrival *
evacuate_arrival_new(const struct evacuate_put *put)
{
	struct arrival *a = mem_new(struct arrival);

	a->put = *put;
	a->file = SPOOL_MOVE_INIT;
	memcpy(a->file.id, put->id, sizeof(a->file.id));
	a->file.due = put->due;
	a->file.held = put->held;
	a->file.afar = true;
	a->piece = BUF_INIT(EVACUATE_PIECE);
	a->why = evacuate_words_judge(put, clock_wall_us());
	a->error = a->why != NULL ? EBADMSG : 0;
	return a;
}

void
evacuate_arrival_free(struct arrival *a)
{
	spool_move_close(&a->file);
	buf_done(&a->piece);
	free(a);
}

bool
evacuate_arrival_is_whole(const struct arrival *a)
{
	return a->got == a->put.note + a->put.size;
}
