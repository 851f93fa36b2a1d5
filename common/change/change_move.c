/*
 * change_move - the steps of a change that renames or deletes a virtual server: its folders, its file, what
 * is remembered of it
 *
 * Runs in:  master (on its loop, which syncs a few folders), posternctl
 * Owns:     the note of the change that is under way, in the folder of changes
 * Promise:  the note is on disk before the first step, and a step that was made is not made again: after a
 *           crash at any point the change is finished at the next start. A step that fails leads all steps
 *           before it back. Nothing is replaced or removed
 * Fails by: an exit status and words
 */
#include "common/change/change_move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/change/change_history.h"
#include "common/change/change_servers.h"
#include "common/config/server_numbers.h"
#include "common/host/wanted_state.h"
#include "common/process/counters_ring.h"

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The name is on disk. */
static int
sync_name(const char *path)
{
	char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	int result = disk_sync_folder_at(*folder != '\0' ? folder : "/");
	int saved = errno;

	free(folder);
	errno = saved;
	return result;
}

/*
 * Whether what moves has its new name. Both may be there: a program has made a folder anew, or one is in the
 * way.
 */
static bool
is_made(const struct change_step *s)
{
	struct stat st;

	return lstat(s->to, &st) == 0 && (!is_there(s->from) || (s->inode != 0 && st.st_ino == s->inode));
}

static int
move(const char *from, const char *to)
{
	if (is_there(to)) {
		errno = EEXIST;
		return -1;
	}
	if (rename(from, to) == -1)
		return -1;
	return sync_name(to);
}

/*
 * A step that was made before is fine, and a folder that is not there needs none. -1: `failed` is the path
 * that could not be moved; errno.
 */
static int
make_steps(const struct change_step *step, size_t steps, const char **failed)
{
	for (size_t i = 0; i < steps; i++) {
		*failed = step[i].to;
		if (is_there(step[i].from) && !is_made(&step[i]) && move(step[i].from, step[i].to) == -1)
			return -1;
		disk_crash_point("change-moved");
	}
	return 0;
}

/* How many stay where they are. */
static int
lead_back(const struct change_step *step, size_t steps, struct buf *why)
{
	int left = 0;

	while (steps-- > 0)
		if (is_made(&step[steps]) && move(step[steps].to, step[steps].from) == -1) {
			buf_printf(why, "%s: cannot be moved back to %s: %s\n", step[steps].to,
			    step[steps].from, strerror(errno));
			left++;
		}
	return left;
}

/* Whether it should run, its number, and how its counters went; `to` NULL: they are forgotten. */
static int
remember(const char *state, const char *from, const char *to, uint32_t id, bool stopped)
{
	struct server_numbers n;
	int result = 0;

	if (to != NULL && stopped)
		result = wanted_state_write(state, to, false);
	else if (to != NULL)
		wanted_state_forget(state, to);
	if (result == 0 && (to == NULL || strcmp(from, to) != 0)) {
		wanted_state_forget(state, from);
		counters_ring_move(state, from, to);
	}
	server_numbers_read(&n, state);
	if (result == 0 && id != 0 && (to != NULL || server_numbers_find(&n, from) != 0)) {
		(void)server_numbers_set(&n, to != NULL ? to : from, to != NULL ? id : 0);
		result = server_numbers_write(&n, state);
	}
	server_numbers_done(&n);
	return result;
}

static const char *
name_after(const struct change *c)
{
	return strcmp(c->gone, c->server) != 0 ? c->server : NULL;
}

static void
say(struct buf *why, const char *path)
{
	int error = errno;

	buf_printf(why, "%s: %s\n", path, disk_reason(path, error));
}

static int
status_of(int error)
{
	return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM :
	    error == EEXIST ? 1 : EX_IOERR;
}

int
change_move_run(struct change *c, const char *state, const char *author, const char *command,
    unsigned *number)
{
	const char *failed = state;
	int status = EX_OK;

	*number = 0;
	if ((status = change_servers_judge_queue(c)) != EX_OK)
		return status;
	if (change_history_note(state, c, author, command) == -1) {
		status = status_of(errno);
		say(&c->why, state);
		return status;
	}
	disk_crash_point("change-moved");
	if (make_steps(c->step, c->steps, &failed) == -1) {
		status = status_of(errno);
		say(&c->why, failed);
		if (lead_back(c->step, c->steps, &c->why) == 0)
			change_history_forget(state);
		return status;
	}
	/* it has the new name now, whatever becomes of this */
	if (remember(state, c->gone, name_after(c), c->id, c->stopped) == -1)
		say(&c->why, state);
	disk_crash_point("change-moved");
	*number = change_history_keep(state, c->gone, name_after(c));
	return EX_OK;
}

int
change_move_take_back(struct change *c, const char *state, unsigned number)
{
	const char *after = name_after(c);

	if (lead_back(c->step, c->steps, &c->why) > 0)
		return EX_IOERR;
	if (remember(state, after != NULL ? after : c->gone, c->gone, c->id, c->stopped) == -1)
		say(&c->why, state);
	change_history_take_back(state, c, number);
	return EX_OK;
}

bool
change_move_is_noted(const char *state)
{
	struct change_record r;
	bool noted = change_history_noted(&r, state);

	change_history_done(&r);
	return noted;
}

int
change_move_finish(const char *state, struct buf *why)
{
	struct change_record r;
	const char *failed = "", *to;
	int result = 1;

	if (!change_history_noted(&r, state))
		return 0;
	to = r.key[0].after;
	buf_printf(why, "%s of virtual server %s was interrupted\n", r.command, r.key[0].before);
	if (make_steps(r.step, r.steps, &failed) == -1) {
		say(why, failed);
		result = lead_back(r.step, r.steps, why) == 0 ? -1 : 0;
		if (result == -1)
			change_history_forget(state);
	} else {
		if (remember(state, r.key[0].before, to, r.id, r.stopped) == -1)
			say(why, state);
		if (change_history_keep(state, r.key[0].before, to) == 0)
			say(why, state);
	}
	change_history_done(&r);
	return result;
}
