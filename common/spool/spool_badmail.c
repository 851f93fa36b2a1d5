/*
 * spool_badmail - mail that could neither be delivered nor returned: .bad, .bdr, .bdp
 *
 * Runs in:  deliver, pickup; on pool threads
 * Owns:     the badmail folder
 * Promise:  .bad becomes visible last and synced, so a message with a .bad has its reason beside it
 * Fails by: -1 and errno; then there is no .bad
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

/* Creates NAME (new), writes, syncs. */
static int
write_small(struct spool *s, const char *name, const struct buf *text)
{
	int folder = spool_folder_open(s, SPOOL_BADMAIL), saved, rc;
	int fd = folder == -1 ? -1 :
	    openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	rc = disk_write(fd, buf_text(text), text->len);
	if (rc == 0)
		rc = disk_sync(fd);
	saved = errno;
	close(fd);
	if (rc == -1)
		unlinkat(s->badmail, name, 0);
	errno = saved;
	return rc;
}

static void
format_reason(struct buf *out, const struct message_envelope *e, const char *reason, const char *details)
{
	char date[CLOCK_DATE_SIZE];

	clock_format_mail(date, clock_wall_us());
	buf_printf(out, "Date: %s\r\nReason: %s\r\n", date, reason);
	if (details != NULL && *details != '\0')
		buf_printf(out, "Details: %s\r\n", details);
	if (e == NULL)
		return;
	buf_printf(out, "Sender: <%s>\r\n", e->sender != NULL ? e->sender : "");
	for (size_t i = 0; i < e->nrcpt; i++)
		buf_printf(out, "Recipient: <%s>\r\n", e->rcpt[i].address);
}

/* Removes the words without a message, after a step that failed; else every turn would leave another pair. */
void
spool_badmail_remove_words(struct spool *s, const char *base)
{
	char name[SPOOL_NAME_SIZE];
	int saved = errno;

	snprintf(name, sizeof(name), "%.31s.bdp", base);
	unlinkat(s->badmail, name, 0);
	snprintf(name, sizeof(name), "%.31s.bdr", base);
	unlinkat(s->badmail, name, 0);
	errno = saved;
}

/*
 * Makes room for all of it, then .bdp and .bdr; `base` is out: ID, or ID-2 ... when that one is taken by an
 * earlier part. EFBIG: not even alone it would be within the limit.
 */
static int
write_words(struct spool *s, const char *id, const struct message_envelope *e, const char *reason,
    const char *details, off_t size, char *base)
{
	char name[SPOOL_NAME_SIZE];
	struct buf bdp = BUF_INIT(MESSAGE_ENVELOPE_MAX), bdr = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	int rc = e != NULL ? message_envelope_format(e, &bdp) : 0;
	int saved;

	format_reason(&bdr, e, reason, details);
	if (rc == -1)
		errno = EINVAL;
	else
		rc = spool_badmail_trim_make_room(s,
		    (const uint64_t[]){ (uint64_t)size, bdp.len, bdr.len }, 3);
	for (int turn = 1; rc == 0 && turn <= 100; turn++) {
		snprintf(base, SPOOL_NAME_SIZE / 2, turn == 1 ? "%s" : "%s-%d", id, turn);
		snprintf(name, sizeof(name), "%.31s.bdp", base);
		rc = write_small(s, name, &bdp);
		if (rc == 0 || errno != EEXIST || turn == 100)
			break;
		rc = 0;
	}
	if (rc == 0) {
		snprintf(name, sizeof(name), "%.31s.bdr", base);
		rc = write_small(s, name, &bdr);
		if (rc == -1)
			spool_badmail_remove_words(s, base);
	}
	saved = errno;
	buf_done(&bdp);
	buf_done(&bdr);
	errno = saved;
	return rc;
}

/* `to`: "ID.bad"; there is no such name before all of it is on disk. */
static int
write_message(struct spool *s, const char *to, int source_fd, off_t at, off_t size)
{
	char part[SPOOL_NAME_SIZE];
	int saved, rc, fd;

	snprintf(part, sizeof(part), ".%.*s.part", (int)strcspn(to, "."), to);
	fd = openat(s->badmail, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	rc = source_fd != -1 ? spool_copy(source_fd, at, size, fd) : 0;
	if (rc == 0)
		rc = disk_sync(fd);
	if (rc == 0)
		rc = renameat(s->badmail, part, s->badmail, to);
	saved = errno;
	close(fd);
	if (rc == -1)
		unlinkat(s->badmail, part, 0);
	errno = saved;
	return rc;
}

static int
write_all(struct spool *s, const char *id, const struct message_envelope *e, const char *reason,
    const char *details, int source_fd, off_t at, off_t size)
{
	char base[SPOOL_NAME_SIZE / 2], bad[SPOOL_NAME_SIZE];
	int rc;

	if (write_words(s, id, e, reason, details, size, base) == -1)
		return errno == EFBIG ? 1 : -1;
	disk_crash_point("badmail-words");
	snprintf(bad, sizeof(bad), "%.31s.bad", base);
	if (source_fd != -1 && write_message(s, bad, source_fd, at, size) == -1) {
		spool_badmail_remove_words(s, base);
		return -1;
	}
	rc = disk_sync_folder(s->badmail);
	disk_crash_point("badmail-written");
	return rc;
}

int
spool_badmail_write(struct spool *s, const char *id, const struct message_envelope *e, const char *reason,
    const char *details, int source_fd, off_t at, off_t size)
{
	int rc;

	if (!spool_folder_is_ours(s))
		return -1;
	spool_badmail_trim_lock(s);
	rc = write_all(s, id, e, reason, details, source_fd, at, size);
	spool_badmail_trim_unlock(s);
	return rc;
}

/* To another file system: regular files are copied, others are only noted. */
static int
copy_away(struct spool *s, int folder, const char *name, const char *to)
{
	struct stat st;
	int from = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (from == -1 && errno != ELOOP && errno != ENXIO)	/* a link, a socket */
		return -1;
	rc = from != -1 ? fstat(from, &st) : 0;
	if (rc == 0 && from != -1 && S_ISREG(st.st_mode))
		rc = write_message(s, to, from, 0, st.st_size);
	if (rc == 0)
		rc = disk_sync_folder(s->badmail);
	if (rc == 0)
		rc = unlinkat(folder, name, 0);
	disk_close(from);
	return rc;
}

int
spool_badmail_take(struct spool *s, int folder, const char *name, const char *to)
{
	if (renameat(folder, name, s->badmail, to) == 0)
		return 0;
	return errno == EXDEV ? copy_away(s, folder, name, to) : -1;
}

/* A crash between leaves words without a .bad; the next turn writes new ones. */
static int
move_message(struct spool *s, const char *id, const char *reason, const char *details)
{
	char base[SPOOL_NAME_SIZE / 2], from[SPOOL_NAME_SIZE], to[SPOOL_NAME_SIZE];
	struct stat st;

	spool_name_message(from, id);
	if (fstatat(s->queue, from, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (write_words(s, id, NULL, reason, details, st.st_size, base) == -1)
		return errno == EFBIG && unlinkat(s->queue, from, 0) == 0 ? 1 : -1;
	snprintf(to, sizeof(to), "%.31s.bad", base);
	if (spool_badmail_take(s, s->queue, from, to) == -1) {
		spool_badmail_remove_words(s, base);
		return -1;
	}
	return disk_sync_folder(s->badmail);
}

int
spool_badmail_move(struct spool *s, const char *id, const char *reason, const char *details)
{
	int rc;

	if (!spool_folder_is_ours(s))
		return -1;
	spool_badmail_trim_lock(s);
	rc = move_message(s, id, reason, details);
	spool_badmail_trim_unlock(s);
	return rc;
}
