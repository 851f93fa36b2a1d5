/*
 * pickup_trouble - what hinders taking files: events, one a minute of each kind; whose an unreadable file is
 *
 * Runs in:  pickup, on its loop; the words on pool threads
 * Owns:     nothing; the times of the last events are in struct pickup
 * Promise:  an obstacle that lasts does not fill the log
 * Fails by: cannot; with more than 16 kinds the last ones are not limited
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/pickup.h"

#define QUIET_MS 60000

void
pickup_trouble_log(struct pickup *p, const char *doing, const char *file, const char *reason)
{
	uint64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < nitems_of(p->trouble); i++) {
		struct pickup_trouble *row = &p->trouble[i];

		if (row->doing != NULL && strcmp(row->doing, doing) != 0)
			continue;
		if (row->doing != NULL && now_ms < row->next_ms)
			return;
		row->doing = doing;
		row->next_ms = now_ms + QUIET_MS;
		break;
	}
	log_event(LOG_WARN, NULL, "trouble", "doing=%s file=%s reason=%s", doing, log_safe(file),
	    log_safe(reason));
}

/*
 * A file copied here by root without its mode is the usual case. Other names are not looked up: what the host
 * asks for them may be anything, and this process has few system calls.
 */
void
pickup_trouble_owner(struct pickup_file *t)
{
	struct stat st;

	if (fstatat(spool_pickup_folder(t->folder), t->current, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	snprintf(t->detail, sizeof(t->detail), "owner %s%ju%s, group %ju, mode %04o; read as user %ju",
	    st.st_uid == 0 ? "root (" : "", (uintmax_t)st.st_uid, st.st_uid == 0 ? ")" : "",
	    (uintmax_t)st.st_gid, (unsigned)(st.st_mode & 07777), (uintmax_t)geteuid());
}
