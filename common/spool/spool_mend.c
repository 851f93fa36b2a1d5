/*
 * spool_mend - a home that comes from another host: its files get the user and the modes that they have here
 *
 * Runs in:  posternctl
 * Owns:     nothing; it needs root, and a home that no process has
 * Promise:  no link is followed, and no file of this host changes its owner: what is given away is the very
 *           file that was looked at, it has one name alone, and it lies on the file system of the folder
 * Fails by: -1 and errno; a repeat continues
 */
#include "common/spool/spool_mend.h"
#include "common/base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 2		/* queue/BBB/ID */

struct place {
	dev_t dev;
	struct spool_mend *m;
};

/* Owner and mode of an open file; `fd` is of O_PATH for a file, so that opening it does nothing. */
static int
give(const struct place *p, int fd, const struct stat *st, bool folder)
{
	mode_t need = folder ? 0700 : 0600, mode = (st->st_mode & 07777) | need;
	bool other = st->st_uid != p->m->uid || st->st_gid != p->m->gid;

	if (!other && (st->st_mode & 07777) == mode)
		return 0;
	p->m->mended++;
	if (p->m->dry)
		return 0;
	/* the mode first: it is the one of the old owner, who has no rights here */
	if (folder && fchmod(fd, mode) == -1)
		return -1;
	return other ? fchownat(fd, "", p->m->uid, p->m->gid, AT_EMPTY_PATH) : 0;
}

static int mend_folder(const struct place *p, int fd, unsigned depth);

static int
mend_name(const struct place *p, int folder, const char *name, unsigned depth)
{
	int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), inner = -1, rc = -1;
	struct stat st;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_dev == p->dev && depth > 0)
		rc = (inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 ?
		    -1 : mend_folder(p, inner, depth - 1);
	else if (S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_dev == p->dev)
		rc = give(p, fd, &st, false);
	else
		rc = 0, p->m->left++;
	disk_close(fd);
	return rc;
}

/* Takes the descriptor. The folder comes last: until then its old owner could not come back into it. */
static int
mend_folder(const struct place *p, int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *de;
	struct stat st;
	int rc = 0, saved;

	if (dir == NULL) {
		disk_close(fd);
		return -1;
	}
	while (rc == 0 && (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			rc = mend_name(p, fd, de->d_name, depth);
	if (rc == 0)
		rc = fstat(fd, &st) == 0 ? give(p, fd, &st, true) : -1;
	saved = errno;
	closedir(dir);
	errno = saved;
	return rc;
}

int
spool_mend(const char *folder, struct spool_mend *m)
{
	struct place p = { .m = m };
	struct stat st;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		close(fd);
		return -1;
	}
	p.dev = st.st_dev;
	return mend_folder(&p, fd, DEPTH);
}
