/*
 * change_file - a change of an INI file written, and taken back
 *
 * Runs in:  master (on its loop: a small file, two syncs), posternctl
 * Owns:     FILE.previous, and .NAME.part while it writes
 * Promise:  after a crash at any point the file is the old one or the new one, and the part of one that was
 *           not finished is written over by the next. A link leads to the file that is replaced. What is in
 *           the file when it is replaced is what was judged against
 * Fails by: an exit status and words
 */
#include "common/change/change_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"

#define FILE_MODE 0644

static int
say_errno(struct change *c, const char *path)
{
	int error = errno;

	buf_printf(&c->why, "%s: %s\n", path, disk_reason(path, error));
	return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM : EX_IOERR;
}

void
change_file_own(const char *path, const char *folder)
{
	struct stat st;

	/* When it fails, the service is refused there, and says so. */
	if (geteuid() == 0 && stat(folder, &st) == 0 && st.st_uid != 0)
		(void)!lchown(path, st.st_uid, st.st_gid);
}

int
change_file_lock(const char *state, struct buf *why)
{
	char *folder = mem_printf("%s/changes", state), *path = mem_printf("%s/lock", folder);
	int fd = -1;

	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	change_file_own(folder, state);
	change_file_own(path, state);
	if (fd == -1) {
		buf_printf(why, "%s: %s\n", folder, disk_reason(folder, errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		buf_printf(why, errno == EWOULDBLOCK ?
		    "another change is under way: look at what it has changed, then say this again\n" :
		    "the lock of changes cannot be had\n");
		close(fd);
		fd = -1;
	}
	free(folder);
	free(path);
	return fd;
}

/* The folder of a path, and its last part; owned by the caller. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? mem_strdup(".") : slash == path ? mem_strdup("/") :
	    mem_strndup(path, (size_t)(slash - path));
}

/* Owner, group and mode of `like`; NULL: a new file's. */
static int
dress(int fd, const struct stat *like)
{
	if (like == NULL)
		return fchmod(fd, FILE_MODE);
	if (fchmod(fd, like->st_mode & 07777) == -1)	/* while it is ours: the unit has no CAP_FOWNER */
		return -1;
	return like->st_uid == geteuid() && like->st_gid == getegid() ? 0 :
	    fchown(fd, like->st_uid, like->st_gid);
}

static int
write_part(const char *part, const struct stat *like, const char *text, size_t len)
{
	int fd, result;

	unlink(part);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	result = dress(fd, like) == 0 && disk_write(fd, text, len) == 0 ? disk_sync_whole(fd) : -1;
	disk_close(fd);
	return result;
}

/* What is written beside a file before it takes its place; owned by the caller. */
static char *
part_of(const char *path)
{
	char *folder = folder_of(path), *part;
	const char *name = strrchr(path, '/');

	part = mem_printf("%s/.%s.part", folder, name != NULL ? name + 1 : path);
	free(folder);
	return part;
}

/* The part becomes the file. 0, or -1 and errno. */
static int
put_part(const char *part, const char *path)
{
	char *folder = folder_of(path);
	int result, saved;

	disk_crash_point("change-written");
	result = rename(part, path);
	if (result == 0)
		result = disk_sync_folder_at(folder);
	saved = errno;
	free(folder);
	errno = saved;
	return result;
}

/* `path` gets that text by way of a part beside it. 0, or -1 and errno. */
static int
replace(const char *path, const struct stat *like, const char *text, size_t len)
{
	char *part = part_of(path);
	int result = write_part(part, like, text, len), saved;

	if (result == 0)
		result = put_part(part, path);
	saved = errno;
	if (result == -1)
		unlink(part);
	errno = saved;
	free(part);
	return result;
}

/* Whether the file has that text. */
static bool
has_text(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data = mem_zalloc(len + 2);
	ssize_t got = fd != -1 ? disk_pread(fd, data, len + 1, 0) : -1;
	bool same = got == (ssize_t)len && memcmp(data, text, len) == 0;

	if (fd != -1)
		close(fd);
	free(data);
	return same;
}

static int
say_changed(struct change *c)
{
	buf_printf(&c->why, "%s: has been changed by somebody else just now; nothing was written\n", c->path);
	return 1;
}

/* The first virtual server. That the folder cannot be made, its file says. */
static void
make_folder(const char *folder)
{
	char *above = folder_of(folder);

	if (mkdir(folder, 0755) == 0) {
		change_file_own(folder, above);
		(void)!disk_sync_folder_at(above);
	}
	free(above);
}

static int
write_new(struct change *c)
{
	struct stat st, *like = c->kept != NULL && stat(c->kept, &st) == 0 ? &st : NULL;
	char *folder;
	int status;

	if (access(c->path, F_OK) == 0)
		return say_changed(c);
	folder = folder_of(c->path);
	make_folder(folder);
	status = replace(c->path, like, buf_text(&c->text), c->text.len) == 0 ? EX_OK : say_errno(c, c->path);
	if (like == NULL)
		change_file_own(c->path, folder);
	free(folder);
	return status;
}

/*
 * The text before stays beside the file: as another name of it, which costs no write and no sync, and is its
 * only name once the file is replaced. Where that cannot be, as a copy. 0, or -1 and errno.
 */
static int
keep_previous(const struct change *c, const char *path, const char *previous, const struct stat *like)
{
	char *part = part_of(previous);
	bool kept;

	unlink(part);
	kept = link(path, part) == 0 && rename(part, previous) == 0;
	disk_crash_point("change-written");
	unlink(part);		/* of two names of one file rename leaves both */
	free(part);
	return kept ? 0 : replace(previous, like, c->old, c->old_len);
}

/* The file was not replaced: who writes into it must not change the text before. */
static void
part_previous(const struct change *c, const char *previous, const struct stat *was)
{
	struct stat st;
	int saved = errno;

	if (stat(previous, &st) == 0 && st.st_dev == was->st_dev && st.st_ino == was->st_ino &&
	    replace(previous, was, c->old, c->old_len) == -1)
		unlink(previous);
	errno = saved;
}

/* What can fail comes before the text before gets its name: then little is left that can. */
static int
write_over(struct change *c, const char *path, const char *previous, const struct stat *like)
{
	char *part = part_of(path);
	int status = EX_OK;

	if (write_part(part, like, buf_text(&c->text), c->text.len) == -1) {
		status = say_errno(c, path);
	} else if (keep_previous(c, path, previous, like) == -1) {
		status = say_errno(c, previous);
	} else if (put_part(part, path) == -1) {
		part_previous(c, previous, like);
		status = say_errno(c, path);
	}
	if (status != EX_OK)
		unlink(part);
	free(part);
	return status;
}

static int
write_there(struct change *c, const char *path)
{
	char *previous = mem_printf("%s.previous", path);
	struct stat st;
	int status = EX_OK;

	if (stat(path, &st) == -1)
		status = say_errno(c, path);
	else if (!has_text(path, c->old, c->old_len))
		status = say_changed(c);
	else
		status = write_over(c, path, previous, &st);
	free(previous);
	return status;
}

int
change_file_write(struct change *c)
{
	char *real;
	int status;

	if (c->old == NULL)
		return write_new(c);
	real = realpath(c->path, NULL);
	status = real != NULL ? write_there(c, real) : say_errno(c, c->path);
	free(real);
	return status;
}

void
change_file_drop_kept(const struct change *c)
{
	if (has_text(c->kept, buf_text(&c->text), c->text.len))
		unlink(c->kept);
}

int
change_file_take_back(struct change *c)
{
	char *real = realpath(c->path, NULL);
	struct stat st;
	int status = EX_OK;

	if (real == NULL)
		status = say_errno(c, c->path);
	else if (!has_text(real, buf_text(&c->text), c->text.len))
		status = say_changed(c);
	else if (c->old == NULL)
		status = unlink(real) == 0 ? EX_OK : say_errno(c, real);
	else if (stat(real, &st) == -1 || replace(real, &st, c->old, c->old_len) == -1)
		status = say_errno(c, real);
	free(real);
	return status;
}
