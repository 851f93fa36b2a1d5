/*
 * change_undo - the change that takes another one back
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  lines come back only where they were taken out: see config_edit_undo
 * Fails by: an exit status and words
 */
#include "common/change/change_undo.h"

#include <stdlib.h>
#include <sysexits.h>

#include "common/base/mem.h"

/* The lines come back, and each key is told as it is then. */
static int
undo_lines(struct change *c, const struct change_record *r, struct buf *why)
{
	struct config_place *place = mem_array(NULL, c->keys + 1, sizeof(*place));
	int result;

	for (size_t i = 0; i < c->keys; i++)
		place[i] = change_place_config(&c->key[i].place);
	result = config_edit_undo_apply(c->edit, r->lines, place, c->keys, why);
	free(place);
	for (size_t i = 0; i < c->keys && result == 0; i++)
		change_note_again(c, &c->key[i]);
	return result;
}

int
change_undo_make(struct change *c, const struct change_record *r)
{
	struct buf why = BUF_INIT(1000);
	int status = EX_OK;

	if (r->lines == NULL) {
		buf_printf(&c->why, "change %u (%s) cannot be undone\n", r->number, r->command);
		return 1;
	}
	for (size_t i = 0; i < r->keys && status == EX_OK; i++)
		status = change_note(c, r->key[i].place, r->key[i].before);
	if (status == EX_OK && undo_lines(c, r, &why) == -1) {
		buf_printf(&c->why, "change %u cannot be undone: %s of %s\n", r->number, buf_text(&why),
		    c->path);
		status = 1;
	}
	buf_done(&why);
	return status;
}
