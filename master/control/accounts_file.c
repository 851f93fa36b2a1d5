/*
 * accounts_file - a password file on its way to be replaced: locked, opened for the auth helper, put in place
 *
 * Runs in:  master (on its loop: names alone; the auth helper writes and syncs the bytes)
 * Owns:     the lock, the descriptors, PATH.new
 * Promise:  no byte of the file is looked at here. The lock is that of posternctl passwd, and is not waited
 *           for. All is done by names in a folder that is open: what its path leads to by then is all one.
 *           After a crash at any point the file is the old one or the new one; a PATH.new that was left is
 *           written over by the next change. Owner and mode stay
 * Fails by: -1, and a sentence that begins with the path
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/account/passwd_file.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/control/control_private.h"

#define LOOKS 16		/* at a file that is replaced all the time */
#define MODES (S_IRUSR | S_IWUSR | S_IRGRP)

void
accounts_file_init(struct accounts_file *f, int folder, const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	*f = (struct accounts_file){ .path = mem_strdup(path), .name = mem_strdup(name),
	    .new_name = mem_printf("%s.new", name), .folder = folder, .lock = -1, .old = -1, .new = -1 };
}

void
accounts_file_done(struct accounts_file *f)
{
	if (f->begun)
		(void)unlinkat(f->folder, f->new_name, 0);
	disk_close(f->old);
	disk_close(f->new);
	disk_close(f->lock);
	disk_close(f->folder);
	free(f->path);
	free(f->name);
	free(f->new_name);
}

static int
say(const struct accounts_file *f, struct buf *why, const char *text)
{
	buf_printf(why, "%s: %s\n", f->path, text);
	return -1;
}

static int
say_errno(const struct accounts_file *f, struct buf *why)
{
	return say(f, why, errno == ELOOP ? "is a link: make the change where it leads to, with posternctl "
	    "passwd, or name that file in the configuration" : disk_reason(f->path, errno));
}

/* Not through a link: the file that it leads to would not be the one that is replaced. */
static int
open_file(const struct accounts_file *f)
{
	return openat(f->folder, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

static const char *
fault_of(const struct stat *st)
{
	return !S_ISREG(st->st_mode) ? "is no regular file" :
	    (st->st_mode & S_IRWXO) != 0 ? "everybody may read or change it; its mode must be 0600 or 0640" :
	    st->st_size > PASSWD_FILE_MAX ? "is too large" : NULL;
}

int
accounts_file_open(struct accounts_file *f, struct buf *why)
{
	const char *fault;

	f->old = open_file(f);
	if (f->old == -1 || fstat(f->old, &f->st) == -1)
		return say_errno(f, why);
	fault = fault_of(&f->st);
	return fault != NULL ? say(f, why, fault) : 0;
}

enum look { LOOK_OURS, LOOK_HELD, LOOK_REPLACED, LOOK_FAILED };	/* held: another process has the lock */

static enum look
try_lock(struct accounts_file *f)
{
	struct stat st, now;

	f->lock = open_file(f);
	if (f->lock == -1)
		return LOOK_FAILED;
	if (flock(f->lock, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? LOOK_HELD : LOOK_FAILED;
	if (fstat(f->lock, &st) == -1)
		return LOOK_FAILED;
	if (fstatat(f->folder, f->name, &now, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? LOOK_REPLACED : LOOK_FAILED;
	return st.st_ino == now.st_ino && st.st_dev == now.st_dev ? LOOK_OURS : LOOK_REPLACED;
}

int
accounts_file_lock(struct accounts_file *f, struct buf *why)
{
	enum look look = LOOK_REPLACED;

	for (unsigned i = 0; i < LOOKS && look == LOOK_REPLACED; i++) {
		look = try_lock(f);
		if (look == LOOK_OURS)
			return 1;
		disk_close(f->lock);
		f->lock = -1;
	}
	return look == LOOK_FAILED ? say_errno(f, why) : 0;
}

int
accounts_file_begin(struct accounts_file *f, struct buf *why)
{
	if (accounts_file_open(f, why) == -1)
		return -1;
	(void)unlinkat(f->folder, f->new_name, 0);
	f->new = openat(f->folder, f->new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	f->begun = f->new != -1;
	if (f->new == -1 || fchmod(f->new, f->st.st_mode & MODES) == -1 ||
	    ((f->st.st_uid != geteuid() || f->st.st_gid != getegid()) &&
	    fchown(f->new, f->st.st_uid, f->st.st_gid) == -1))
		return say_errno(f, why);
	return 0;
}

/* The helper that wrote it may be wrong, or not what it was. */
int
accounts_file_check(const struct accounts_file *f, bool may_be_empty, struct buf *why)
{
	struct stat st;

	if (fstat(f->new, &st) == -1)
		return say_errno(f, why);
	if (st.st_size > PASSWD_FILE_MAX)
		return say(f, why, "what was written to take its place is too large; nothing was changed");
	if (st.st_size == 0 && !may_be_empty)
		return say(f, why, "what was written to take its place is empty; nothing was changed");
	return 0;
}

int
accounts_file_commit(struct accounts_file *f, struct buf *why)
{
	disk_crash_point("accounts-written");
	if (renameat(f->folder, f->new_name, f->folder, f->name) == -1)
		return say_errno(f, why);
	f->begun = false;
	if (disk_sync_folder(f->folder) == 0)
		return 0;
	(void)say_errno(f, why);
	buf_puts(why, "The file is replaced; a power failure may bring back the one before.\n");
	return 1;
}
