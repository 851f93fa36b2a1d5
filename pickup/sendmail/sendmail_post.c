/*
 * sendmail_post - the file in pickup: written under a name that is not taken, synced, renamed
 *
 * Runs in:  sendmail
 * Owns:     the open folder, and the file until its commit
 * Promise:  after EX_OK the message is on disk, whole and under a name that pickup takes; what is not
 *           committed is removed, but after SIGKILL
 * Fails by: an exit status that was said; EX_TEMPFAIL for what may be over later
 */
#include <bsd/stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/spool/spool.h"
#include "pickup/sendmail/sendmail.h"

static int
say_failure(const struct sendmail_post *p, const char *what)
{
	const char *group = p->server->pickup_group;

	switch (errno) {
	case EACCES:
	case EPERM:
		return sendmail_say(EX_NOPERM, "%s: %s: %s; %s%s", p->server->pickup, what, strerror(errno),
		    group != NULL ? "only members of the group may, or this command with its set-gid bit: " :
		    "the virtual server has no pickup-group", group != NULL ? group : "");
	case ENOENT:
		return sendmail_say(EX_TEMPFAIL, "%s: %s: %s; the first start of the service makes it",
		    p->server->pickup, what, strerror(errno));
	case EFBIG:
		return sendmail_say(EX_CANTCREAT, "%s: %s: the limit of this process for files (ulimit -f)",
		    p->server->pickup, what);
	default:
		return sendmail_say(EX_TEMPFAIL, "%s: %s: %s", p->server->pickup, what, strerror(errno));
	}
}

/* While the service runs, pickup waits for room; while it is stopped, nothing else keeps a user from it. */
static int
judge_room(const struct sendmail_post *p)
{
	const struct config_server *s = p->server;
	struct spool_room room;

	if (spool_room_of(p->folder, &room) == 0 && spool_room_is_short(&room, (unsigned)s->disk_reserve,
	    s->max_message_size, false))
		return sendmail_say(EX_TEMPFAIL, "%s: the disk is nearly full (disk-reserve)", s->pickup);
	return EX_OK;
}

/*
 * pickup reads the file through the group of the folder. The set-gid bit of the folder or of this command
 * gives it. A caller without either, root or a member of the group, gives it here. A service that runs as
 * this user needs none.
 */
static int
give_group(const struct sendmail_post *p)
{
	struct stat folder, file;

	if (fstat(p->folder, &folder) == -1 || fstat(p->fd, &file) == -1)
		return say_failure(p, "cannot be looked at");
	if (file.st_gid != folder.st_gid && fchown(p->fd, (uid_t)-1, folder.st_gid) == -1 &&
	    file.st_uid != folder.st_uid)
		return say_failure(p, "the file cannot have the group of the folder, and would not be read");
	return EX_OK;
}

int
sendmail_post_begin(struct sendmail_post *p, const struct config_server *server)
{
	char id[MESSAGE_ID_SIZE];
	int status;

	*p = (struct sendmail_post){ .folder = -1, .fd = -1, .server = server,
	    .most = server->max_message_size };
	p->folder = open(server->pickup, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->folder == -1)
		return say_failure(p, "cannot be opened");
	status = judge_room(p);
	if (status != EX_OK)
		return status;
	message_id_make(id, clock_wall_us(), arc4random());
	snprintf(p->temp, sizeof(p->temp), PICKUP_FORM_UNFINISHED "%s", id);
	snprintf(p->name, sizeof(p->name), "sendmail-%s", id);
	umask(0);
	p->fd = openat(p->folder, p->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	return p->fd == -1 ? say_failure(p, "no file can be made") : give_group(p);
}

int
sendmail_post_write(struct sendmail_post *p, const void *data, size_t len)
{
	p->size += len;
	if (p->size > p->most)
		return sendmail_say(EX_DATAERR, "the message is larger than %ju bytes (max-message-size)",
		    (uintmax_t)p->most);
	return disk_write(p->fd, data, len) == -1 ? say_failure(p, "cannot be written") : EX_OK;
}

/*
 * The folder may be written, not read, so that it cannot be synced. A sync of the file after the rename,
 * which changed its inode, writes the journal with both on ext4, XFS and btrfs.
 */
int
sendmail_post_commit(struct sendmail_post *p)
{
	if (disk_sync_whole(p->fd) == -1)
		return say_failure(p, "cannot be synced");
	disk_crash_point("sendmail-written");
	if (renameat2(p->folder, p->temp, p->folder, p->name, RENAME_NOREPLACE) == -1 &&
	    (errno != EINVAL || renameat(p->folder, p->temp, p->folder, p->name) == -1))
		return say_failure(p, "cannot be renamed");
	p->temp[0] = '\0';
	disk_crash_point("sendmail-renamed");
	if (disk_sync_whole(p->fd) == -1)
		return say_failure(p, "cannot be synced");
	return EX_OK;
}

void
sendmail_post_done(struct sendmail_post *p)
{
	if (p->fd != -1) {
		if (p->temp[0] != '\0')
			(void)unlinkat(p->folder, p->temp, 0);
		close(p->fd);
	}
	if (p->folder != -1)
		close(p->folder);
}
