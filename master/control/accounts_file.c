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

/* 1: it is ours; 0: another process has it, or the file was replaced meanwhile; -1. */
static int
try_lock(struct accounts_file *f)
{
	struct stat st, now;

	f->lock = open_file(f);
	if (f->lock == -1)
		return -1;
	if (flock(f->lock, LOCK_EX | LOCK_NB) == 0 && fstat(f->lock, &st) == 0 &&
	    fstatat(f->folder, f->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == now.st_ino &&
	    st.st_dev == now.st_dev)
		return 1;
	close(f->lock);
	f->lock = -1;
	return 0;
}

int
accounts_file_lock(struct accounts_file *f, struct buf *why)
{
	int got = 0;

	for (unsigned i = 0; i < LOOKS && got == 0; i++)
		got = try_lock(f);
	return got == -1 ? say_errno(f, why) : got;
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

int
accounts_file_commit(struct accounts_file *f, struct buf *why)
{
	disk_crash_point("accounts-written");
	if (renameat(f->folder, f->new_name, f->folder, f->name) == -1)
		return say_errno(f, why);
	f->begun = false;
	return disk_sync_folder(f->folder) == 0 ? 0 : say_errno(f, why);
}
