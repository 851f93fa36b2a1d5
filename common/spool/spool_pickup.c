/*
 * spool_pickup - names in the pickup folder: claimed, removed after hand-over, refused into badmail
 *
 * Runs in:  posternctl, pickup; on pool threads
 * Owns:     nothing but the folder's descriptor
 * Promise:  a refused file is in badmail with its reason, or still in pickup
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

int
spool_pickup_folder(struct spool *s)
{
	return s->pickup;
}

const char *
spool_pickup_path(const struct spool *s)
{
	return s->path[SPOOL_PICKUP];
}

#define CLAIM_PREFIX ".taken-"
#define CLAIM_PREFIX_LEN (sizeof(CLAIM_PREFIX) - 1)

void
spool_pickup_claim_name(char *claimed, const char *name, const char *id)
{
	snprintf(claimed, SPOOL_PICKUP_NAME_SIZE, CLAIM_PREFIX "%s-%.*s", id,
	    (int)(SPOOL_PICKUP_NAME_SIZE - 1 - CLAIM_PREFIX_LEN - MESSAGE_ID_LEN - 1), name);
}

bool
spool_pickup_claim_parse(const char *claimed, char *id, const char **name)
{
	if (strncmp(claimed, CLAIM_PREFIX, CLAIM_PREFIX_LEN) != 0 ||
	    strlen(claimed) <= CLAIM_PREFIX_LEN + MESSAGE_ID_LEN ||
	    claimed[CLAIM_PREFIX_LEN + MESSAGE_ID_LEN] != '-')
		return false;
	memcpy(id, claimed + CLAIM_PREFIX_LEN, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	*name = claimed + CLAIM_PREFIX_LEN + MESSAGE_ID_LEN + 1;
	return message_id_is_valid(id);
}

/* Where the file system cannot refuse to replace: check, then rename. */
static int
rename_safely(int folder, const char *from, const char *to)
{
	struct stat st;

	if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(folder, from, folder, to) : -1;
}

int
spool_pickup_claim(struct spool *s, const char *name, const char *claimed)
{
	int rc;

	/* without a queue it is not known; then the file is put back */
	if (s->queue != -1 && !spool_folder_is_ours(s))
		return -1;
	disk_crash_point("pickup-claim");
	rc = rename_safely(s->pickup, name, claimed);
	disk_crash_point("pickup-claimed");
	return rc;
}

int
spool_pickup_unclaim(struct spool *s, const char *claimed, const char *name)
{
	return rename_safely(s->pickup, claimed, name);
}

int
spool_pickup_remove(struct spool *s, const char *name)
{
	disk_crash_point("pickup-remove");
	return unlinkat(s->pickup, name, 0);
}

static int
refuse_file(struct spool *s, const char *name, const char *reason, const char *details, char *id)
{
	char to[SPOOL_NAME_SIZE];
	struct stat st;
	int rc;

	spool_fresh_id(id);
	if (fstatat(s->pickup, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	rc = spool_badmail_write(s, id, NULL, reason, details, -1, 0, S_ISREG(st.st_mode) ? st.st_size : 0);
	if (rc == 1)
		return unlinkat(s->pickup, name, 0) == 0 ? 1 : -1;
	if (rc == -1)
		return -1;
	snprintf(to, sizeof(to), "%s.bad", id);
	if (spool_badmail_take(s, s->pickup, name, to) == -1) {
		spool_badmail_remove_words(s, id);
		return -1;
	}
	return disk_sync_folder(s->badmail);
}

int
spool_pickup_refuse(struct spool *s, const char *name, const char *reason, const char *details, char *id)
{
	int rc;

	if (!spool_folder_is_ours(s))
		return -1;
	spool_badmail_trim_lock(s);
	rc = refuse_file(s, name, reason, details, id);
	spool_badmail_trim_unlock(s);
	return rc;
}
