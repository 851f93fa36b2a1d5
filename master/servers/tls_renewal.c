/*
 * tls_renewal - tells the listeners when certificate and key files have changed, and gives them the keys of
 * TLS tickets
 *
 * Runs in:  master
 * Owns:     the stat(2) values of the files that were told last; the ticket keys, new every six hours
 * Promise:  a change is told when the files have stayed the same for a second; the listeners then ask for the
 *           files (file_handover) and judge them. All listeners of a virtual server have the same ticket keys
 * Fails by: not at all
 */
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* stat(2) of a few files; inotify would miss changes behind symbolic links to folders */
#define TLS_RENEWAL_SCAN_MS 5000U
#define TLS_RENEWAL_QUIET_MS 1000U		/* certificate and key are written one after the other */
#define TLS_RENEWAL_TICKETS_MS 21600000U	/* as long as a ticket is good: TLS_TICKET_SECONDS */

struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	int error;
};

struct tls_renewal {
	struct loop_timer *timer;
	void (*changed)(struct server *s);
	struct stamp *told, *seen;	/* two a pair: certificate, key */
	size_t count;
	bool changing;			/* `seen` is not told yet */
	uint64_t tickets_ms;		/* when the keys were made */
	struct ctl_tickets tickets;
};

static size_t
count_files(const struct config_server *conf)
{
	return config_server_has_tls(conf) ? conf->certificate.count * 2 : 0;
}

static const char *
file_path(const struct config_server *conf, size_t i)
{
	return (i % 2 == 0 ? &conf->certificate : &conf->key)->text[i / 2];
}

/* --- tickets --- */

bool
tls_renewal_turn(struct ctl_tickets *t, uint64_t *made_ms, uint64_t now_ms, uint64_t period_ms)
{
	bool first = *made_ms == 0;

	if (!first && now_ms - *made_ms < period_ms)
		return false;
	memcpy(t->key[1], t->key[0], CTL_TICKET_SIZE);
	arc4random_buf(t->key[first ? 1 : 0], CTL_TICKET_SIZE);
	if (first)
		arc4random_buf(t->key[0], CTL_TICKET_SIZE);
	*made_ms = now_ms;
	return true;
}

static uint64_t
ticket_period(void)
{
#ifdef POSTERN_TEST
	const char *ms = getenv("POSTERN_TICKETS");
	if (ms != NULL)
		return strtoull(ms, NULL, 10);
#endif
	return TLS_RENEWAL_TICKETS_MS;
}

static void
renew_tickets(struct server *s)
{
	struct child *c;

	if (!tls_renewal_turn(&s->tls_renewal->tickets, &s->tls_renewal->tickets_ms,
	    clock_mono_ms(), ticket_period()))
		return;
	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s && c->role == ROLE_LISTENER)
			child_send(c, CTL_TICKETS, 0, &s->tls_renewal->tickets,
			    sizeof(s->tls_renewal->tickets), -1);
}

/* --- the files --- */

static void
stamp_files(const struct config_server *conf, struct stamp *stamp)
{
	for (size_t i = 0; i < count_files(conf); i++) {
		struct stat st;

		stamp[i] = (struct stamp){ 0 };
		if (stat(file_path(conf, i), &st) == -1) {
			stamp[i].error = errno;
			continue;
		}
		stamp[i] = (struct stamp){ .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size,
		    .mtime = st.st_mtim, .ctime = st.st_ctim };
	}
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
files_are_same(const struct stamp *a, const struct stamp *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].error != b[i].error || a[i].dev != b[i].dev || a[i].ino != b[i].ino ||
		    a[i].size != b[i].size ||
		    !same_time(a[i].mtime, b[i].mtime) || !same_time(a[i].ctime, b[i].ctime))
			return false;
	return true;
}

/* A change is told when the next scan, a second later, finds the files as they are now. */
static void
scan_files(struct server *s)
{
	struct tls_renewal *r = s->tls_renewal;
	struct stamp *now;

	if (s->conf == NULL || r->count != count_files(s->conf))
		return;
	now = mem_zalloc((r->count + 1) * sizeof(*now));
	stamp_files(s->conf, now);
	if (r->changing && files_are_same(now, r->seen, r->count)) {
		r->changing = false;
		memcpy(r->told, now, r->count * sizeof(*now));
		r->changed(s);
	} else {
		r->changing = !files_are_same(now, r->told, r->count);
	}
	memcpy(r->seen, now, r->count * sizeof(*now));
	free(now);
	renew_tickets(s);
	loop_timer_set(r->timer, r->changing || ticket_period() < TLS_RENEWAL_SCAN_MS ? TLS_RENEWAL_QUIET_MS :
	    TLS_RENEWAL_SCAN_MS);
}

static void
on_scan_timer(void *arg)
{
	struct server *s = arg;
	struct master *m = s->m;

	scan_files(s);
	m->ops->changed(m);
}

/* --- what others call --- */

void
tls_renewal_watch(struct server *s, void (*changed)(struct server *s))
{
	struct tls_renewal *r = s->tls_renewal;
	size_t count = count_files(s->conf);

	if (r == NULL && count == 0)
		return;
	if (r == NULL) {
		r = s->tls_renewal = mem_new(struct tls_renewal);
		r->timer = loop_timer_new(s->m->loop, on_scan_timer, s);
		(void)tls_renewal_turn(&r->tickets, &r->tickets_ms, clock_mono_ms(), 0);
	}
	r->changed = changed;
	r->count = count;
	r->changing = false;
	r->told = mem_array(r->told, count + 1, sizeof(*r->told));
	r->seen = mem_array(r->seen, count + 1, sizeof(*r->seen));
	stamp_files(s->conf, r->told);
	if (count > 0)
		loop_timer_set(r->timer, TLS_RENEWAL_SCAN_MS);
	else
		loop_timer_stop(r->timer);
}

/* Listeners without a post have another configuration, and end soon: they are not told. */
void
tls_renewal_tell(struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s && c->role == ROLE_LISTENER && c->post != NULL &&
		    c->phase != CHILD_STOPPING)
			child_tell(c, CTL_RENEWED);
}

void
tls_renewal_greet(struct child *c)
{
	const struct tls_renewal *r = c->server->tls_renewal;

	if (r != NULL && r->count > 0)
		child_send(c, CTL_TICKETS, 0, &r->tickets, sizeof(r->tickets), -1);
}

void
tls_renewal_check(struct server *s)
{
	if (s->tls_renewal != NULL && s->tls_renewal->count > 0)
		scan_files(s);
}

void
tls_renewal_forget(struct server *s)
{
	struct tls_renewal *r = s->tls_renewal;

	if (r == NULL)
		return;
	loop_timer_free(r->timer);
	explicit_bzero(&r->tickets, sizeof(r->tickets));
	free(r->told);
	free(r->seen);
	free(r);
	s->tls_renewal = NULL;
}
