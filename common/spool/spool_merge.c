/*
 * spool_merge - all mail of a home goes into the folders of another one, whose processes may run
 *
 * Runs in:  posternctl
 * Owns:     the home where the mail is, by its lock
 * Promise:  on one file system a file has one name at any moment, here or there. Between two, it is whole and
 *           on disk there before it leaves here: a kill between leaves it in both, and it may come twice.
 *           Nothing that is there is replaced. What comes into pickup and drop is visible when it is whole
 * Fails by: -1 and errno; a repeat continues
 */
#include "common/spool/spool_merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool_gone.h"
#include "common/spool/spool_move.h"
#include "common/spool/spool_private.h"
#include "common/spool/straight.h"

#define NAME_SIZE 256
#define NAMES_TRIED 100
#define PART ".merge.part"	/* one process merges into a folder at a time, or the name is used again */

struct merge {
	struct spool *from, *to;
	struct spool_merge *m;
	int here, there;		/* the folder at work */
	struct spool_entry *entry; size_t entries;
};

/* Asked before each file: whoever lost one of the two homes moves nothing more. */
static bool
are_ours(const struct merge *g)
{
	return spool_folder_is_ours(g->from) && spool_folder_is_ours(g->to);
}

/* --- one file --- */

static int
open_file(int folder, const char *name)
{
	return openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The name there has the same bytes, on disk: a copy of an earlier try. */
static bool
is_copied(const struct merge *g, const char *name, const char *to)
{
	int a = open_file(g->here, name), b = open_file(g->there, to);
	struct stat x, y;
	bool is = a != -1 && b != -1 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISREG(x.st_mode) &&
	    S_ISREG(y.st_mode) && x.st_size == y.st_size && spool_same_bytes(a, b, x.st_size) &&
	    disk_sync(b) == 0;

	if (a != -1)
		close(a);
	if (b != -1)
		close(b);
	return is;
}

/* With the times and rights that it has, synced, under the name of a part. */
static int
write_part(int from, int folder)
{
	struct stat st;
	int fd, rc;

	if (fstat(from, &st) == -1)
		return -1;
	(void)unlinkat(folder, PART, 0);
	fd = openat(folder, PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	rc = spool_copy(from, 0, st.st_size, fd);
	if (rc == 0)
		rc = fchmod(fd, st.st_mode & 0777);
	if (rc == 0)
		rc = futimens(fd, (const struct timespec[]){ st.st_atim, st.st_mtim });
	if (rc == 0)
		rc = disk_sync_whole(fd);
	close(fd);
	return rc;
}

static int
copy_over(const struct merge *g, const char *name, const char *to)
{
	int fd = open_file(g->here, name), rc;

	if (fd == -1)
		return -1;
	rc = write_part(fd, g->there);
	close(fd);
	disk_crash_point("merge-written");
	if (rc == 0)
		rc = spool_bucket_rename(g->there, PART, g->there, to);
	if (rc == 0)
		rc = disk_sync_folder(g->there);
	disk_crash_point("merge-copied");
	return rc == 0 ? unlinkat(g->here, name, 0) : -1;
}

/* 0; -1 and errno: EEXIST another file has that name there. */
static int
move_as(const struct merge *g, const char *name, const char *to)
{
	int rc = spool_bucket_rename(g->here, name, g->there, to);

	if (rc == -1 && errno == EXDEV)
		rc = copy_over(g, name, to);
	if (rc == -1 && errno == EEXIST && is_copied(g, name, to))
		rc = unlinkat(g->here, name, 0);
	else if (rc == -1 && errno != EEXIST)
		return -1;
	disk_crash_point("merge-placed");
	return rc;
}

/* Where the name begins with an id, another id; else one before it. What is hidden stays so. */
static void
make_other(char dst[NAME_SIZE], const char *name)
{
	char id[MESSAGE_ID_SIZE] = "", fresh[MESSAGE_ID_SIZE];
	size_t len;

	spool_fresh_id(fresh);
	snprintf(id, sizeof(id), "%.*s", MESSAGE_ID_LEN, name);
	if (message_id_is_valid(id)) {
		snprintf(dst, NAME_SIZE, "%s%s", fresh, name + MESSAGE_ID_LEN);
		return;
	}
	len = strlen(name);
	name += len > NAME_SIZE / 2 ? len - NAME_SIZE / 2 : 0;	/* its end says what it is */
	snprintf(dst, NAME_SIZE, "%s%s-%s", name[0] == '.' ? "." : "", fresh, name);
}

static int
move_file(const struct merge *g, const char *name, const char *wanted)
{
	char to[NAME_SIZE];
	int rc = -1;

	snprintf(to, sizeof(to), "%s", wanted);
	for (unsigned turn = 0; turn < NAMES_TRIED; turn++) {
		rc = move_as(g, name, to);
		if (rc == 0 || errno != EEXIST)
			break;
		make_other(to, wanted);
	}
	return rc;
}

/* --- a folder --- */

static int
walk(struct merge *g, int (*each)(struct merge *g, const char *name))
{
	int fd = openat(g->here, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	struct stat st;

	if (dir == NULL)
		return -1;
	while (rc == 0 && (de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (fstatat(g->here, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			rc = errno == ENOENT ? 0 : -1;
		else if (S_ISREG(st.st_mode))
			rc = are_ours(g) ? each(g, de->d_name) : -1;
		else
			g->m->left++;
	}
	closedir(dir);
	return rc;
}

/* The names there, then those that have gone. */
static int
sync_both(const struct merge *g)
{
	return disk_sync_folder(g->there) == 0 && disk_sync_folder(g->here) == 0 ? 0 : -1;
}

/* A file that was being taken: its message is in the queue or in drop, or it is taken anew. */
static int
move_pickup(struct merge *g, const char *name)
{
	struct message_envelope e = { 0 };
	char id[MESSAGE_ID_SIZE];
	const char *old = name, *why;
	int fd = -1, rc;

	if (spool_pickup_claim_parse(name, id, &old) && (straight_find(g->from, id, &e) ||
	    spool_load(g->from, id, &e, &fd, &why) == 0)) {
		if (fd != -1)
			close(fd);
		message_envelope_done(&e);
		return unlinkat(g->here, name, 0);
	}
	rc = move_file(g, name, old);
	g->m->pickup += rc == 0;
	return rc;
}

static int
move_drop(struct merge *g, const char *name)
{
	const char *dot = strrchr(name, '.');
	int rc;

	if (name[0] == '.' && dot != NULL && strcmp(dot, ".part") == 0)
		return unlinkat(g->here, name, 0);	/* of a process that has ended: not promised */
	rc = move_file(g, name, name);
	g->m->drop += rc == 0;
	return rc;
}

/* --- badmail: the files of a message stay together --- */

/* A message comes after its words. */
static const char *const endings[] = { ".bdp", ".bdr", ".foreign", ".bad" };

/* Whether each file that is here has no other one there, and no other message has the name. */
static bool
fits(const struct merge *g, const char *base, const char *to)
{
	char name[NAME_SIZE], other[NAME_SIZE];
	struct stat st;

	for (size_t i = 0; i < nitems_of(endings); i++) {
		bool message = i >= 2;

		snprintf(name, sizeof(name), "%.64s%s", base, endings[i]);
		snprintf(other, sizeof(other), "%.64s%s", to, endings[i]);
		if (fstatat(g->there, other, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (fstatat(g->here, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? !is_copied(g, name, other) :
		    message)
			return false;
	}
	return true;
}

static int
move_badmail(struct merge *g, const char *file)
{
	char base[NAME_SIZE / 2], to[NAME_SIZE / 2 + 8], name[NAME_SIZE], other[NAME_SIZE];
	struct stat st;
	int rc = 0;

	if (file[0] == '.' || strcspn(file, ".") > 40) {
		rc = move_file(g, file, file);
		return rc;
	}
	snprintf(base, sizeof(base), "%.*s", (int)strcspn(file, "."), file);
	snprintf(to, sizeof(to), "%s", base);
	for (unsigned n = 2; n < NAMES_TRIED && !fits(g, base, to); n++)
		snprintf(to, sizeof(to), "%.*s-%u", MESSAGE_ID_LEN, base, n);
	for (size_t i = 0; i < nitems_of(endings) && rc == 0; i++) {
		snprintf(name, sizeof(name), "%s%s", base, endings[i]);
		snprintf(other, sizeof(other), "%s%s", to, endings[i]);
		if (fstatat(g->here, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
			continue;
		rc = move_as(g, name, other);
		g->m->badmail += rc == 0 && i >= 2;
	}
	/* a file of others, of another name or ending */
	return rc != 0 || fstatat(g->here, file, &st, AT_SYMLINK_NOFOLLOW) == -1 ? rc :
	    move_file(g, file, file);
}

/* --- queue --- */

/* Of a message that went before a kill, with or without it. */
static int
take_note(const struct merge *g, const char *name)
{
	char id[MESSAGE_ID_SIZE], note[SPOOL_NAME_SIZE];
	struct stat st;

	snprintf(id, sizeof(id), "%.*s", MESSAGE_ID_LEN, name);
	if (!message_id_is_valid(id) || fstatat(g->here, id, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	spool_name_note(note, id);
	(void)!linkat(g->here, name, g->to->queue, note, 0);
	return unlinkat(g->here, name, 0);
}

/* It came from another node there as well, and is done: sent from here, too, it would come twice. */
static bool
is_done_there(const struct merge *g, const char *id)
{
	struct message_envelope e;
	const char *why;
	int fd;
	bool is;

	if (spool_gone_find(g->to, id) != 1 || spool_load(g->from, id, &e, &fd, &why) == -1)
		return false;
	is = (e.flags & MESSAGE_EVACUATED) != 0;
	close(fd);
	message_envelope_done(&e);
	return is;
}

/* The id of a message of another node that is done: it stays known. */
static int
take_gone(const struct merge *g, const char *name, const char *id)
{
	return spool_gone_add(g->to, id) == -1 ? -1 : unlinkat(g->here, name, 0);
}

/* What is no message stays; a note goes with its message. */
static int
add_entry(struct merge *g, const char *name)
{
	struct spool_entry e;
	char id[MESSAGE_ID_SIZE];
	struct stat st;

	if (spool_gone_is(name, id))
		return take_gone(g, name, id);
	if (strlen(name) == MESSAGE_ID_LEN + strlen(".note") && strstr(name, ".note") != NULL)
		return take_note(g, name);
	if (!message_id_is_valid(name)) {
		g->m->left++;
		return 0;
	}
	if (fstatat(g->here, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	snprintf(e.id, sizeof(e.id), "%s", name);
	e.due = st.st_mtim.tv_sec;
	e.held = (st.st_mode & SPOOL_HELD) != 0;
	g->entry = mem_grow(g->entry, g->entries, sizeof(*g->entry));
	g->entry[g->entries++] = e;
	return 0;
}

/* The messages of all buckets. */
static int
list_queue(struct merge *g)
{
	char name[SPOOL_NAME_SIZE];
	int rc = 0;

	for (unsigned i = 0; i < SPOOL_BUCKETS && rc == 0; i++) {
		spool_bucket_name(name, i);
		g->here = openat(g->from->queue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = g->here != -1 ? walk(g, add_entry) : errno == ENOENT ? 0 : -1;
		disk_close(g->here);
	}
	return rc;
}

/* The note is there first: without its message it is of no use, and the message without it begins anew. */
static int
rename_message(const struct merge *g, const char *id)
{
	char name[SPOOL_NAME_SIZE], note[SPOOL_NAME_SIZE];
	struct stat st;
	int rc;

	spool_name_message(name, id);
	spool_name_note(note, id);
	if (fstatat(g->to->queue, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	(void)!linkat(g->from->queue, note, g->to->queue, note, 0);
	disk_crash_point("merge-noted");
	rc = spool_bucket_put(g->to, g->from->queue, name, id);
	disk_crash_point("merge-queued");
	if (rc == -1)
		return -1;
	/* the bucket was not there yet, or its scan has found a note alone */
	(void)!linkat(g->from->queue, note, g->to->queue, note, 0);
	(void)!spool_remove_note(g->from, id);
	return spool_bucket_sync_name(g->to, id) == 0 ? spool_bucket_sync_name(g->from, id) : -1;
}

static int
copy_message(const struct merge *g, const struct spool_entry *e)
{
	struct spool_move m = SPOOL_MOVE_INIT, *one = &m;
	int rc;

	memcpy(m.id, e->id, sizeof(m.id));
	rc = spool_move_open(g->from, &m);
	if (rc == 0) {
		spool_move_take(g->to, &one, 1, NULL, NULL);
		errno = m.error;
		rc = m.error == 0 ? 0 : -1;
	}
	if (rc == 0)
		rc = spool_set_due(g->to, m.id, e->due);
	if (rc == 0)
		rc = spool_move_leave(g->from, m.id);
	spool_move_close(&m);
	return rc;
}

/* Another message has the id there. */
static int
give_fresh_id(const struct merge *g, struct spool_entry *e)
{
	char name[SPOOL_NAME_SIZE], note[SPOOL_NAME_SIZE], to[SPOOL_NAME_SIZE];

	spool_name_message(name, e->id);
	spool_name_note(note, e->id);
	spool_fresh_id(e->id);
	spool_name_note(to, e->id);
	if (spool_bucket_put(g->from, g->from->queue, name, e->id) == -1)
		return -1;
	(void)!renameat(g->from->queue, note, g->from->queue, to);
	return spool_bucket_sync_name(g->from, e->id);
}

/* Its id may be another one then. */
static int
move_message(struct merge *g, struct spool_entry *e)
{
	int rc = rename_message(g, e->id);

	if (rc == -1 && (errno == EXDEV || errno == EEXIST))
		rc = copy_message(g, e);
	if (rc == -1 && errno == EEXIST)
		rc = give_fresh_id(g, e) == 0 ? move_message(g, e) : -1;
	return rc;
}

static int
take_entry(struct merge *g, struct spool_entry *e)
{
	if (!are_ours(g))
		return -1;
	if (is_done_there(g, e->id)) {
		g->m->known++;
		return spool_move_leave(g->from, e->id);
	}
	if (move_message(g, e) == -1)
		return -1;
	g->m->queue++;
	g->m->held += e->held;
	if (g->m->moved != NULL)
		g->m->moved(g->m->arg, e->id);
	return 0;
}

static int
move_queue(struct merge *g)
{
	int rc = list_queue(g);

	for (size_t i = 0; i < g->entries && rc == 0; i++)
		rc = take_entry(g, &g->entry[i]);
	free(g->entry);
	return rc;
}

int
spool_merge(struct spool *from, struct spool *to, struct spool_merge *m, const char **where)
{
	/* what was being taken is judged by the queue and drop of its home, so pickup comes first */
	const struct {
		enum spool_which which;
		int (*each)(struct merge *g, const char *name);
	} stages[] = { { SPOOL_PICKUP, move_pickup }, { SPOOL_DROP, move_drop }, { SPOOL_QUEUE, NULL },
		{ SPOOL_BADMAIL, move_badmail } };
	struct merge g = { .from = from, .to = to, .m = m };

	*m = (struct spool_merge){ .moved = m->moved, .arg = m->arg };
	for (size_t i = 0; i < nitems_of(stages); i++) {
		*where = from->path[stages[i].which];
		g.here = spool_folder_open(from, stages[i].which);
		if (g.here == -1)
			return -1;
		*where = to->path[stages[i].which];
		g.there = spool_folder_open(to, stages[i].which);
		if (g.there == -1 || (stages[i].each == NULL ? move_queue(&g) :
		    walk(&g, stages[i].each) == 0 ? sync_both(&g) : -1) == -1)
			return -1;
	}
	return 0;
}
