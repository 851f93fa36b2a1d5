/*
 * pickup - the worker: news of files, the scan, the listeners' messages, stop and drain
 *
 * Runs in:  pickup; on its loop
 * Owns:     struct pickup and all it points to
 * Promise:  every file that stays in the folder is looked at in the end, with or without news from the
 *           kernel; pause does not touch pickup; at stop nothing new is taken, and files on their way are
 *           queued or put back
 * Fails by: never: it waits, with one event a minute
 */
#include "pickup/pickup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/spool/fence.h"
#include "pickup/spool_server/spool_server.h"

enum {
	/*
	 * lanes: look 2, large files 2, removal, scan, folder, log, old logs, room, reserve, scratch 1,
	 * enqueue 4
	 */
	THREADS = 16,
	FILTER_THREADS = 2,	/* lanes of pickup_filter */
	PICKUP_NAMES_MAX = 16384,
	CROWD = 64,		/* so many names wait: now it counts whose they are */
	LISTENERS_MS = 2000,
	TICK_MS = 3000,		/* between two scans */
	CLOCK_SLACK_US = 5000000,
};

static void update(struct pickup *p);

/* --- names --- */

static void
add_news(struct pickup *p, const char *name, enum judge_evidence evidence, uid_t owner)
{
	look_timer_stir(&p->tick);
	if (!pickup_names_news(p->names, name, evidence, owner, clock_mono_ms()))
		p->missed = true;
}

/* The kernel has just worked on the file: this waits for no disk. */
static void
on_watch_news(void *arg, const char *name, enum judge_evidence evidence)
{
	struct pickup *p = arg;
	bool asks = pickup_names_count(p->names) >= CROWD && !p->rules.judge.remote && !p->gone;
	struct stat st;

	if (!asks || fstatat(spool_pickup_folder(p->folder), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		st.st_uid = PICKUP_NAMES_NOBODY;
	add_news(p, name, evidence, st.st_uid);
}

static void
on_watch_batch(void *arg)
{
	struct pickup *p = arg;

	pickup_flow_more(p->flow);
}

static void
on_watch_lost(void *arg)
{
	struct pickup *p = arg;

	p->missed = true;
	pickup_names_doubt(p->names, clock_mono_ms());
}

static void
folder_gone(struct pickup *p)
{
	if (p->gone)
		return;
	pickup_trouble_log(p, "folder", spool_pickup_path(p->folder), "the folder was removed or renamed");
	p->gone = true;
	look_timer_stir(&p->tick);
	update(p);
}

static void
on_watch_gone(void *arg)
{
	folder_gone(arg);
}

static const struct watch_events watch_events = {
	.news = on_watch_news, .batch = on_watch_batch, .lost = on_watch_lost, .gone = on_watch_gone,
};

/* A claimed name is ours, or of a process that ended, or of one that is about to end and has its lock. */
static void
on_scan_name(void *arg, const char *name, uid_t owner)
{
	struct pickup *p = arg;
	char id[MESSAGE_ID_SIZE];
	const char *old;
	int64_t made_us;

	if (!spool_pickup_claim_parse(name, id, &old)) {
		add_news(p, name, JUDGE_SCANNED, owner);
		return;
	}
	made_us = message_id_time_us(id);
	if (made_us < p->started_us || made_us > clock_wall_us() + CLOCK_SLACK_US)
		add_news(p, name, JUDGE_LEFT, owner);
}

/* The folder is not at rest, or it is one of which no news comes. */
static bool
is_busy(const struct pickup *p)
{
	return p->gone || p->missed || p->rules.judge.remote || !watch_is_on(p->watch) ||
	    pickup_names_count(p->names) > 0 || pickup_flow_active(p->flow) > 0;
}

static void
on_scan_end(void *arg, enum pickup_scan_end end, int error)
{
	struct pickup *p = arg;

	if (end == PICKUP_SCAN_GONE)
		folder_gone(p);
	if (end == PICKUP_SCAN_FAILED)
		pickup_trouble_log(p, "scan", spool_pickup_path(p->folder), strerror(error));
	if (end != PICKUP_SCAN_MORE)
		look_timer_again(&p->tick, is_busy(p));
	else if (!p->stopping && !p->gone)
		pickup_scan_go_on(p->scan);
	pickup_flow_more(p->flow);
}

static void
begin_scan(struct pickup *p)
{
	bool force = p->missed;

	if (p->stopping || p->gone || !pickup_scan_is_idle(p->scan))
		return;
	p->missed = false;
	pickup_scan_begin(p->scan, p->folder, force);
}

/* --- the folder anew --- */

/* File systems where writes of other hosts bring no news. */
static bool
is_remote(int folder)
{
	static const uint32_t remote[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC,
		    V9FS_MAGIC, AFS_SUPER_MAGIC,
		AFS_FS_MAGIC, CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC, 0x01161970 /* GFS2 */,
		    0x0BD00BD0 /* Lustre */,
		0x786F4256 /* vboxsf */,
	};
	struct statfs sf;

	if (fstatfs(folder, &sf) == -1)
		return true;
	for (size_t i = 0; i < nitems_of(remote); i++)
		if ((uint32_t)sf.f_type == remote[i])
			return true;
	return false;
}

static struct spool *
open_folders(const struct boot *b, struct fence *f, int *error)
{
	const struct config_server *server = b->server;
	struct spool_paths paths = { .pickup = server->pickup, .queue = server->queue,
	    .drop = config_domain_drop_folder(server), .badmail = server->badmail };
	struct spool *s = spool_new(&paths);

	spool_fence(s, f);
	spool_commit_as(s, &b->commit);
	spool_badmail_trim_limit(s, b->counters, server->badmail_limit);
	*error = spool_folder_check(s, SPOOL_PICKUP) == -1 ? errno : 0;
	return s;
}

static void
run_reopen(void *arg, void **jobs, size_t n)
{
	struct pickup *p = arg;

	p->opened = open_folders(p->boot, p->fence, &p->open_error);
	if (p->open_error != 0) {
		spool_close(p->opened);
		p->opened = NULL;
	} else
		p->open_remote = is_remote(spool_pickup_folder(p->opened));
}

static void
reopen_done(void *arg, void *job)
{
	struct pickup *p = arg;

	p->opening = false;
	if (p->opened == NULL) {
		pickup_trouble_log(p, "folder", p->boot->server->pickup,
		    disk_reason(p->boot->server->pickup, p->open_error));
		look_timer_again(&p->tick, true);
		update(p);
		return;
	}
	pickup_flow_give_up(p->flow);
	if (p->folder != p->spool)
		spool_close(p->folder);
	p->folder = p->opened;
	p->opened = NULL;
	p->rules.judge.remote = p->open_remote;
	p->gone = false;
	pickup_names_free(p->names);
	p->names = pickup_names_new(PICKUP_NAMES_MAX, p->rules.judge.settle_ms);
	watch_folder(p->watch, spool_pickup_path(p->folder));
	log_event(LOG_FACT, NULL, "service", "doing=folder folder=%s state=opened",
	    log_safe(spool_pickup_path(p->folder)));
	p->missed = true;
	begin_scan(p);
}

/* After something ended: ends the process when it was to stop, opens the folder anew, goes on scanning. */
static void
update(struct pickup *p)
{
	if (p->ended)
		return;
	if (p->stopping) {
		if (pickup_flow_active(p->flow) > 0 || !spool_server_is_idle(p->server))
			return;
		p->ended = true;
		if (p->draining)
			boot_tell(p->boot, CTL_IDLE);
		boot_end(p->boot);
		return;
	}
	if (p->gone) {
		if (!p->opening && pickup_flow_active(p->flow) == 0 && !look_timer_is_set(&p->tick) &&
		    pickup_scan_stop(p->scan)) {
			p->opening = true;
			pool_submit(p->reopen, p);
		}
		return;
	}
	if (p->missed && pickup_names_count(p->names) < PICKUP_NAMES_MAX / 4)
		begin_scan(p);
}

static void
on_change(void *arg)
{
	update(arg);
}

/* --- timers and control messages --- */

static void
on_due(void *arg)
{
	struct pickup *p = arg;

	pickup_flow_more(p->flow);
}

static void
on_tick(void *arg)
{
	struct pickup *p = arg;

	pickup_flow_retry(p->flow);
	if (!p->gone && watch_again(p->watch, spool_pickup_path(p->folder)))
		p->missed = true;
	begin_scan(p);
	update(p);
}

static void
on_grace(void *arg)
{
	struct pickup *p = arg;

	p->ended = true;
	boot_end(p->boot);
}

static void
stop_pickup(struct pickup *p, const struct ctl_message *m)
{
	p->stopping = true;
	p->draining = false;
	pickup_flow_hurry(p->flow);
	/* Listeners have the same grace, and hand over their last lines at its end. */
	loop_timer_set(p->grace, boot_grace(m) + LISTENERS_MS);
	update(p);
}

/* Of a listener, or one that was asked for: to deliver or the filter helper. */
static void
take_channel(struct pickup *p, const struct ctl_message *m)
{
	struct ctl_channel channel;

	memcpy(&channel, m->data, sizeof(channel));
	if (channel.helper == CTL_HELPER_DELIVER && m->fd != -1)
		spool_server_deliver(p->server, ctl_take_fd(m));
	else if (channel.helper != CTL_HELPER_FILTER)
		spool_server_channel(p->server, m);
	else if (p->filters != NULL && m->fd != -1)
		pickup_filter_list_channel(p->filters, ctl_take_fd(m));
}

static void
on_pickup_control(struct boot *b, const struct ctl_message *m)
{
	struct pickup *p = b->state;

	switch (m->type) {
	case CTL_PAUSE:		/* pause is about connections: mail goes on */
		boot_tell(b, CTL_PAUSED);
		break;
	case CTL_CONTINUE:
		boot_tell(b, CTL_CONTINUED);
		break;
	case CTL_DRAIN:		/* its successor takes files; listeners of before the reload stay here */
		p->stopping = p->draining = true;
		local_mail_stop(p->local_mail);
		update(p);
		break;
	case CTL_CHANNEL:
		take_channel(p, m);
		break;
	case CTL_STOP:
		stop_pickup(p, m);
		break;
	default:
		break;
	}
}

static void
run_pickup(struct boot *b)
{
	struct pickup *p = mem_new(struct pickup);
	int error;

	b->state = p;
	p->boot = b;
	p->started_us = clock_wall_us();
	p->fence = boot_fence_new(b);
	p->spool = p->folder = open_folders(b, p->fence, &error);
	p->gone = error != 0;	/* opened when that can be */
	p->rules = (struct pickup_file_rules){
		.judge = { .max_size = b->server->max_message_size, .settle_ms = b->server->pickup_settle,
		    .remote = is_remote(spool_pickup_folder(p->folder)) },
		.dots = b->server->pickup_dots,
		.clock_us = clock_wall_us() - (int64_t)clock_mono_ms() * 1000,
		.fqdn = b->server->fqdn,
		.domain = b->server->default_domain->name,
		.sign = b->server->dkim_key.count > 0,
		.server = b->server,
	};
	p->pool = pool_new(b->loop, THREADS +
	    (config_filter_is_used(b->server, CONFIG_FILTER_PICKUP) ? FILTER_THREADS : 0));
	p->enqueue = enqueue_new(p->pool, p->spool, BOOT_HINT, b->counters);
	p->local_mail = local_mail_new(b, p->enqueue);
	p->names = pickup_names_new(PICKUP_NAMES_MAX, p->rules.judge.settle_ms);
	p->flow = pickup_flow_new(p, on_change);
	p->reserve = disk_reserve_new(b, p->pool, p->spool, on_due, p);
	p->log_keep = log_keep_new(b, p->pool);
	p->server = spool_server_new(b, p->pool, p->enqueue, p->spool, p->reserve, on_change, p);
	p->scan = pickup_scan_new(p->pool, on_scan_name, on_scan_end, p);
	p->reopen = pool_lane_new(p->pool, 1, 1, run_reopen, reopen_done, p);
	p->due = loop_timer_new(b->loop, on_due, p);
	look_timer_init(&p->tick, b->loop, TICK_MS, on_tick, p);
	p->grace = loop_timer_new(b->loop, on_grace, p);
	p->watch = watch_new(b->loop, &watch_events, p);
	/* before the first scan, so that nothing is missed between */
	watch_folder(p->watch, spool_pickup_path(p->folder));
	p->missed = true;
	if (p->gone) {
		pickup_trouble_log(p, "folder", b->server->pickup, disk_reason(b->server->pickup, error));
		look_timer_again(&p->tick, true);
	} else
		begin_scan(p);
	boot_ready(b);
}

static void
finish_pickup(struct boot *b)
{
	struct pickup *p = b->state;

	spool_server_close(p->server);
	pool_free(p->pool);
	spool_server_free(p->server);
	watch_free(p->watch);
	pickup_scan_free(p->scan);
	disk_reserve_free(p->reserve);
	log_keep_free(p->log_keep);
	pickup_flow_free(p->flow);
	pickup_names_free(p->names);
	enqueue_free(p->enqueue);
	local_mail_free(p->local_mail);
	loop_timer_free(p->due);
	look_timer_done(&p->tick);
	loop_timer_free(p->grace);
	spool_close(p->opened);
	if (p->folder != p->spool)
		spool_close(p->folder);
	spool_close(p->spool);
	fence_free(p->fence);
	free(p);
}

const struct boot_role pickup_role = {
	.name = "pickup",
	.title = "takes mail from files, writes the queue",
	.per_server = true,
	.reads_pickup = true,
	.run = run_pickup,
	.on_control = on_pickup_control,
	.finish = finish_pickup,
};
