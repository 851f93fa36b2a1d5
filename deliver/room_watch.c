/*
 * room_watch - whether the file systems of the virtual server are nearly full
 *
 * Runs in:  deliver: the look on a pool thread, the rest on the loop
 * Owns:     what was last told
 * Promise:  a file system with less than a tenth and less than ROOM_LEAST free, or without free inodes,
 *           is one event and a reason that operators see before mail has to be refused
 * Fails by: telling nothing of a folder that is not there
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define ROOM_LEAST (4ULL << 30)		/* bytes */
#define INODES_LEAST 100000ULL
#define SHARE_LEAST 10U			/* one part in so many */
#define FOLDERS_MAX 8

struct room_watch {
	struct boot *boot;
	const char *path[FOLDERS_MAX];
	size_t count;
	struct room {
		bool low;
		dev_t device;
		struct statvfs v;
		char text[400];
	} found[FOLDERS_MAX];			/* by the thread */
	bool low[FOLDERS_MAX];			/* as last logged */
};

bool
room_watch_is_low(uint64_t free, uint64_t all, uint64_t least)
{
	return all > 0 && free < least && free < all / SHARE_LEAST + (all % SHARE_LEAST != 0);
}

/* Of folders before this one on the same file system what was found counts: most are on one. */
static int
look_at(const struct room_watch *w, size_t n, dev_t device, struct statvfs *v)
{
	for (size_t i = 0; i < n; i++)
		if (w->found[i].v.f_blocks > 0 && w->found[i].device == device) {
			*v = w->found[i].v;
			return 0;
		}
	return statvfs(w->path[n], v);
}

void
room_watch_look(struct room_watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct room *r = &w->found[i];
		struct statvfs v;
		struct stat st;
		uint64_t left;

		*r = (struct room){ 0 };
		if (stat(w->path[i], &st) == -1 || look_at(w, i, st.st_dev, &v) == -1)
			continue;
		left = (uint64_t)v.f_bavail * v.f_frsize;
		r->device = st.st_dev;
		r->v = v;
		r->low = room_watch_is_low(left, (uint64_t)v.f_blocks * v.f_frsize, ROOM_LEAST);
		if (r->low)
			snprintf(r->text, sizeof(r->text),
			    "the file system of %.300s is nearly full: %llu MB left", w->path[i],
			    (unsigned long long)(left >> 20));
		else if ((r->low = room_watch_is_low(v.f_favail, v.f_files, INODES_LEAST)))
			snprintf(r->text, sizeof(r->text),
			    "the file system of %.300s is nearly full: room for %llu files left", w->path[i],
			    (unsigned long long)v.f_favail);
	}
}

static bool
is_told_before(const struct room_watch *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (w->found[i].low && w->found[i].device == w->found[n].device)
			return true;
	return false;
}

/* Of the queue, which is the first. */
static void
measure_room(const struct room_watch *w)
{
	struct measures *m = counters_measures(w->boot->counters);
	const struct statvfs *v = &w->found[0].v;

	measures_set(m, MEASURE_FREE_BYTES, (int64_t)((uint64_t)v->f_bavail * v->f_frsize));
	measures_set(m, MEASURE_SIZE_BYTES, (int64_t)((uint64_t)v->f_blocks * v->f_frsize));
	measures_set(m, MEASURE_FREE_FILES, (int64_t)v->f_favail);
	measures_set(m, MEASURE_FILES, (int64_t)v->f_files);
}

void
room_watch_tell(struct room_watch *w)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	measure_room(w);
	for (size_t i = 0; i < w->count; i++) {
		const struct room *r = &w->found[i];
		bool tell = r->low && !is_told_before(w, i);

		if (tell)
			buf_printf(&text, "%s%s", text.len > 0 ? "; " : "", r->text);
		if (tell && !w->low[i])
			log_event(LOG_WARN, NULL, "trouble", "doing=folder folder=%s reason=%s",
			    log_safe(w->path[i]), log_safe(r->text));
		w->low[i] = tell;
	}
	boot_trouble(w->boot, "room", buf_text(&text));
	buf_done(&text);
}

struct room_watch *
room_watch_new(struct boot *b)
{
	const struct config_server *s = b->server;
	const char *log = s->log ? s->log_directory : NULL, *drop = config_domain_drop_folder(s);
	struct room_watch *w = mem_new(struct room_watch);

	const char *const paths[] = { s->queue, s->pickup, drop, s->badmail, log };
	w->boot = b;
	for (size_t i = 0; i < nitems_of(paths); i++)
		if (paths[i] != NULL)
			w->path[w->count++] = paths[i];
	return w;
}

void
room_watch_free(struct room_watch *w)
{
	free(w);
}
