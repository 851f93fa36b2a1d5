/*
 * queue_owner - what both workers have that own a queue: spool, schedule, scan, commands, the way to end
 *
 * Runs in:  deliver, on the loop
 * Owns:     the parts named in struct queue_owner
 * Promise:  a scan tells the schedule of each message; the worker ends when nothing is at work, or when the
 *           grace time is over
 * Fails by: die() before the loop runs
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/process/pool.h"
#include "common/spool/enqueue.h"
#include "common/spool/fence.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"
#include "deliver/admin/admin.h"
#include "deliver/deliver.h"
#include "deliver/move/move.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"

#define OTHERS_MS 2000
#define CLAIM_STEP_MS 20
/* Messages loaded at a time, some 8 KiB each: one for each connection and some that wait for one */
#define WINDOW 2000
#define WINDOW_USUAL 1000
#define WINDOW_SPARE 64
#define WINDOW_MIN 64
/* Descriptors beside window and connections: spare messages, drop files, reports, what other nodes bring */
#define FILES_OTHER 1024

/* --- scan --- */

static void
on_found(void *arg, const struct spool_entry *entry, size_t n)
{
	struct queue_owner *q = arg;

	if (q->ending)
		return;
	for (size_t i = 0; i < n; i++)
		if (!move_taker_is_writing(q->taker, &entry[i]))
			schedule_found(q->schedule, &entry[i]);
	schedule_go(q->schedule);
}

static void
on_scan_end(void *arg, ssize_t total, uint64_t ms)
{
	struct queue_owner *q = arg;

	if (total < 0)
		log_event(LOG_FAULT, NULL, "trouble", "what=scan error=%s", log_safe(strerror((int)-total)));
	q->scanned = true;
	queue_admin_ready(q->admin);
	q->on_scanned(q->worker, ms);
	if (q->again)
		queue_owner_look(q);
}

/* A scan that has begun may have read that bucket before: then one more comes behind it. */
void
queue_owner_look(struct queue_owner *q)
{
	q->again = !q->ending && (!q->scanned || !queue_scan_start(q->scan, false));
}

bool
queue_owner_is_others(const struct queue_owner *q, char why[CTL_REASON_MAX])
{
	struct fence_record r;
	bool is = fence_is_others(q->fence, q->spool->queue, &r) == 1;

	if (is)
		boot_fence_words(q->boot, &r, why);
	return is;
}

/*
 * Before the worker is ready: what is started has its home. Those of our holder that take it just now look
 * like others for an instant.
 */
void
queue_owner_claim(const struct queue_owner *q)
{
	static const struct timespec step = { .tv_nsec = CLAIM_STEP_MS * 1000000L };
	uint64_t until = clock_mono_ms() + OTHERS_MS;
	char why[CTL_REASON_MAX];
	int rc, error;

	while ((rc = fence_claim(q->fence, q->spool->queue)) == -1 && errno == EWOULDBLOCK &&
	    clock_mono_ms() < until)
		nanosleep(&step, NULL);
	if (rc == 0)
		return;
	error = errno;
	if (queue_owner_is_others(q, why))
		boot_fence_end(why);
	snprintf(why, sizeof(why), "%.200s/owner: %s", q->boot->server->queue,
	    error == EWOULDBLOCK ? "another process takes the home" : strerror(error));
	boot_refuse(q->boot, EX_CANTCREAT, why);
}

/* --- the lock of the queue --- */

#define OWN_MS 100		/* between attempts to own the queue while another process has it */
#define HUNG_MS 5000		/* after the grace time a worker that drains has ended, or hangs */
#define TROUBLE "queue-owner"

int
queue_owner_lock(struct queue_owner *q)
{
	if (spool_own_queue(q->spool) == -1)
		return -1;
	boot_trouble(q->boot, TROUBLE, "");
	move_taker_open(q->taker);
	queue_scan_start(q->scan, true);
	return 0;
}

bool
queue_owner_lock_at_rest(struct queue_owner *q)
{
	char why[CTL_REASON_MAX] = "another process has the queue: it is left alone";
	bool owned = queue_owner_lock(q) == 0;

	if (!owned)
		(void)queue_owner_is_others(q, why);
	queue_admin_bar(q->admin, owned ? NULL : why);
	if (!owned)
		loop_timer_set(q->own, OWN_MS);
	return owned;
}

/*
 * An earlier worker of this virtual server may still drain: then it has the lock. That of a supervisor that
 * was killed drains as well; when it hangs, only an operator can know whether it may be ended.
 */
void
queue_owner_wait(struct queue_owner *q, int error)
{
	const struct config_server *s = q->boot->server;
	char text[CTL_REASON_MAX];

	loop_timer_set(q->own, OWN_MS);
	if (q->waiting == 0) {
		log_event(LOG_FACT, NULL, "service", "what=queue-owner waiting-for=%s",
		    error == EWOULDBLOCK ? "\"the worker before\"" : log_safe(strerror(error)));
		q->waiting = clock_mono_ms();
	}
	if (clock_mono_ms() - q->waiting < q->boot->config->service.grace + HUNG_MS)
		return;
	if (error != EWOULDBLOCK)
		snprintf(text, sizeof(text), "nothing is delivered: %.200s: %s", s->queue, strerror(error));
	else if (!queue_owner_is_others(q, text))
		snprintf(text, sizeof(text), "nothing is delivered: a process of before hangs, and has the "
		    "queue still; fuser -v %.200s/owner names it, and when it has ended all goes on",
		    s->queue);
	boot_trouble(q->boot, TROUBLE, text);
}

/* A message of another virtual server came into the queue. */
static void
on_taken(void *arg, const struct spool_entry *entry)
{
	on_found(arg, entry, 1);
}

/* --- begin --- */

size_t
queue_owner_window(const struct config_server *server)
{
	struct rlimit rl;
	uint64_t conns = server->connections < WINDOW ? server->connections : WINDOW,
	    used = FILES_OTHER + conns,
	    wanted = (conns > WINDOW_USUAL ? conns : WINDOW_USUAL) + WINDOW_SPARE;

	if (wanted > WINDOW)
		wanted = WINDOW;
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= used + wanted)
		return wanted;
	return rl.rlim_cur < used + WINDOW_MIN ? WINDOW_MIN : rl.rlim_cur - used;
}

/* A home that came from another host is of a user of that one. */
static void
put_reason(char reason[CTL_REASON_MAX], const struct config_server *s, const char *where, int error)
{
	struct stat st;

	if (error == EACCES && stat(s->home, &st) == 0 && st.st_uid != geteuid() && st.st_uid != 0)
		snprintf(reason, CTL_REASON_MAX, "%.200s is of the user %u, not of the one who owns the "
		    "mail here: where it came from another host, posternctl adopt gives it to the users of "
		    "this one", s->home, (unsigned)st.st_uid);
	else
		snprintf(reason, CTL_REASON_MAX, "%s cannot be used: %s", where, disk_reason(where, error));
}

void
queue_owner_open(struct queue_owner *q, struct boot *b, const struct spool_paths *paths, unsigned threads)
{
	const char *where = "";

	q->boot = b;
	q->spool = spool_open(paths, &where);
	if (q->spool == NULL) {
		char reason[CTL_REASON_MAX];

		put_reason(reason, b->server, where, errno);
		boot_refuse(b, EX_CANTCREAT, reason);
	}
	q->fence = boot_fence_new(b);
	spool_fence(q->spool, q->fence);
	spool_commit_as(q->spool, &b->commit);
	spool_badmail_trim_limit(q->spool, b->counters, b->server->badmail_limit);
	q->pool = pool_new(b->loop, threads);
	q->enqueue = enqueue_new(q->pool, q->spool, -1, b->counters);
	q->badmail = badmail_new(b->loop, q->pool, q->spool, b->server, b->counters);
}

void
queue_owner_begin(struct queue_owner *q, struct schedule_setup *setup, void (*own)(void *worker))
{
	struct boot *b = q->boot;
	const char *why = "";

	setup->loop = b->loop;
	setup->server = b->server;
	setup->counters = b->counters;
	setup->spool = q->spool;
	setup->pool = q->pool;
	setup->enqueue = q->enqueue;
	setup->badmail = q->badmail;
	q->schedule = schedule_new(setup, &why);
	if (q->schedule == NULL)
		die(EX_CONFIG, "the smart hosts of %s cannot be understood", why);
	q->admin = queue_admin_new(b, q->pool, q->spool, q->schedule);
	q->trace = trace_server_new(b, q->pool);
	q->scan = queue_scan_new(b->loop, q->pool, q->spool, on_found, on_scan_end, q);
	q->taker = move_taker_new(b, q->pool, q->spool, on_taken, q);
	q->own = loop_timer_new(b->loop, own, q->worker);
}

/* --- end --- */

bool
queue_owner_end(struct queue_owner *q, uint64_t ms, void (*late)(void *worker))
{
	if (q->grace == NULL)
		q->grace = loop_timer_new(q->boot->loop, late, q->worker);
	loop_timer_set(q->grace, ms);
	if (q->ending)
		return false;
	q->ending = true;
	loop_timer_stop(q->own);
	queue_scan_stop(q->scan);
	return true;
}

static void
end_process(void *arg)
{
	struct queue_owner *q = arg;

	boot_tell(q->boot, CTL_IDLE);
	boot_end(q->boot);
}

void
queue_owner_idle(void *arg)
{
	struct queue_owner *q = arg;

	move_taker_end(q->taker, end_process, q);
}

void
queue_owner_close(struct queue_owner *q)
{
	schedule_count(q->schedule);	/* what it leaves */
	schedule_free(q->schedule);
	queue_admin_free(q->admin);
	trace_server_free(q->trace);
	move_taker_free(q->taker);
	badmail_free(q->badmail);
	queue_scan_free(q->scan);
	enqueue_free(q->enqueue);
	loop_timer_free(q->own);
	loop_timer_free(q->grace);
	spool_close(q->spool);
	fence_free(q->fence);
}
