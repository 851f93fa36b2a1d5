/*
 * folder_watch - whether the folders of the virtual server can be used
 *
 * Runs in:  deliver: on the loop, the checks on a pool thread
 * Owns:     a timer, the lane, what was last found, the room_watch
 * Promise:  a folder that cannot be used is one event, and a reason that `posternctl status` shows until it
 *           is mended; within seconds of that what waited for it is tried again. It is found within seconds
 *           while there is mail, at rest within a minute
 * Fails by: never
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/look_timer.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/deliver.h"

enum { CHECK_MS = 3000 };
enum { LOG_FOLDER = SPOOL_FOLDERS, FOLDERS };

struct folder_watch {
	struct boot *boot;
	struct spool *spool;
	void (*mended)(void *arg, enum spool_which which, bool ever);
	void *arg;
	struct room_watch *room;
	struct pool_lane *lane;
	struct look_timer again;
	const char *path[FOLDERS];	/* NULL: there is none */
	int error[FOLDERS], found[FOLDERS];	/* errno, 0 usable: as last told; as found by the thread */
	bool mending[FOLDERS];			/* by the present check */
	bool was_usable[FOLDERS];		/* once in the life of this process */
};

static void
check_folders(void *arg, void **jobs, size_t n)
{
	struct folder_watch *w = arg;

	room_watch_look(w->room);
	for (unsigned i = 0; i < SPOOL_FOLDERS; i++)
		w->found[i] = spool_folder_check(w->spool, (enum spool_which)i) == -1 ? errno : 0;
	if (w->path[LOG_FOLDER] != NULL)
		w->found[LOG_FOLDER] =
		    faccessat(AT_FDCWD, w->path[LOG_FOLDER], W_OK | X_OK, AT_EACCESS) == -1 ? errno : 0;
}

static const char *
reason_of(const struct folder_watch *w, unsigned i)
{
	if (i == SPOOL_QUEUE && w->error[i] == ESTALE)
		return "removed or replaced while in use; stop and start this virtual server";
	return disk_reason(w->path[i], w->error[i]);
}

static void
tell_master(const struct folder_watch *w)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	for (unsigned i = 0; i < FOLDERS; i++)
		if (w->error[i] != 0)
			buf_printf(&text, "%s%s cannot be used: %s", text.len > 0 ? "; " : "", w->path[i],
			    reason_of(w, i));
	boot_trouble(w->boot, "folders", buf_ok(&text) ? buf_text(&text) : "several folders cannot be used");
	buf_done(&text);
}

static void
tell_mended(struct folder_watch *w)
{
	for (unsigned i = 0; i < SPOOL_FOLDERS; i++) {
		if (w->mending[i])
			w->mended(w->arg, (enum spool_which)i, w->was_usable[i]);
		w->was_usable[i] |= w->error[i] == 0;
	}
}

static bool
is_broken(const struct folder_watch *w)
{
	for (unsigned i = 0; i < FOLDERS; i++)
		if (w->error[i] != 0)
			return true;
	return false;
}

static void
on_checked(void *arg, void *job)
{
	struct folder_watch *w = arg;
	bool news = false;

	for (unsigned i = 0; i < FOLDERS; i++) {
		w->mending[i] = w->found[i] == 0 && w->error[i] != 0;
		if (w->found[i] == w->error[i])
			continue;
		news = true;
		w->error[i] = w->found[i];
		if (w->error[i] != 0)
			log_event(LOG_FAULT, NULL, "trouble", "doing=folder folder=%s reason=%s",
			    log_safe(w->path[i]), log_safe(reason_of(w, i)));
		else
			log_event(LOG_FACT, NULL, "service", "doing=folder folder=%s state=usable",
			    log_safe(w->path[i]));
	}
	if (news)
		tell_master(w);
	room_watch_tell(w->room);
	tell_mended(w);
	look_timer_again(&w->again, is_broken(w));
}

static void
on_check_time(void *arg)
{
	struct folder_watch *w = arg;

	pool_submit(w->lane, w);
}

/* Once in the life of the process: it is so, and nothing that is to be mended while it runs. */
static void
report_file_system(const char *queue)
{
	const char *why, *kind = disk_unfit(queue, &why);

	if (kind != NULL)
		log_event(LOG_WARN, NULL, "trouble", "doing=folder folder=%s reason=\"it lies on %s: %s\"",
		    log_safe(queue), kind, why);
}

struct folder_watch *
folder_watch_new(struct boot *b, struct pool *pool, struct spool *spool,
    void (*mended)(void *arg, enum spool_which which, bool ever), void *arg)
{
	const struct config_server *s = b->server;
	struct folder_watch *w = mem_new(struct folder_watch);

	w->boot = b;
	w->spool = spool;
	w->mended = mended;
	w->arg = arg;
	w->path[SPOOL_QUEUE] = s->queue;
	w->path[SPOOL_DROP] = config_domain_drop_folder(s);
	w->path[SPOOL_BADMAIL] = s->badmail;
	w->path[SPOOL_PICKUP] = s->pickup;
	w->path[LOG_FOLDER] = s->log ? s->log_directory : NULL;
	report_file_system(s->queue);
	w->room = room_watch_new(b);
	w->lane = pool_lane_new(pool, 1, 1, check_folders, on_checked, w);
	look_timer_init(&w->again, b->loop, CHECK_MS, on_check_time, w);
	on_check_time(w);
	return w;
}

void
folder_watch_stir(struct folder_watch *w)
{
	look_timer_stir(&w->again);
}

void
folder_watch_free(struct folder_watch *w)
{
	look_timer_done(&w->again);
	room_watch_free(w->room);
	free(w);
}
