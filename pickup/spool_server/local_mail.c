/*
 * local_mail - which accepted mail goes straight into the drop folder, and what is said of it
 *
 * Runs in:  pickup; judged on the threads that write messages, told on the loop
 * Owns:     the envelopes of what was dropped until their events are written
 * Promise:  a message goes there only when deliver would put all of it there at its first try, and nobody
 *           would hear of it: the same files, events and counters either way. Once the worker drains, another
 *           configuration is in effect, and nothing goes there any more
 * Fails by: the queue, which takes whatever is not judged good
 */
#include <bsd/string.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "common/rules/route.h"
#include "common/spool/dropped.h"
#include "pickup/spool_server/spool_server.h"

/* The event of a listener that it accepted the message comes before ours, unless it is slower than this. */
#define TELL_MS 20
#define TELL_MAX 4096		/* that wait; a thread writes what is beyond */

/* One that was dropped. */
struct news {
	struct message_envelope e;
	char file[64];
};

struct local_mail {
	const struct config_server *server;
	struct counters *counters;
	struct route *route;
	atomic_bool stopped;
	struct loop_waker *waker;
	pthread_mutex_t lock;		/* protects what follows */
	struct news *news; size_t count;
};

/* --- which: on the threads that write messages --- */

/* What the configuration puts between a message and the drop folder, whatever the message is. */
static bool
stands_between(const struct config_server *s)
{
	/* A quota is one sum, and the process that owns the queue keeps it. */
	return s->ldap.enable || s->default_domain->drop_quota != CONFIG_UNLIMITED;
}

/* A report of success is made where the others are: by deliver. */
static bool
is_plain(const struct message_recipient *r)
{
	return r->mark == MARK_PENDING && (r->notify & NOTIFY_SUCCESS) == 0 && r->member == NULL &&
	    r->refused == NULL;
}

static bool
is_local(const struct local_mail *k, const struct message_envelope *e, const struct message_recipient *r)
{
	struct route_answer a;
	char ascii[IDN_SIZE];

	(void)route_find_address(k->route, r->address, e->sender, ascii, &a);
	return a.kind == ROUTE_LOCAL && !a.paused && !a.backlog;
}

/* Neighbours of the same domain share the answer. */
static bool
are_all_local(const struct local_mail *k, const struct message_envelope *e)
{
	const char *last = NULL;

	for (size_t i = 0; i < e->nrcpt; i++) {
		const char *at = strrchr(e->rcpt[i].address, '@'), *domain = at == NULL ? "" : at;

		if (!is_plain(&e->rcpt[i]))
			return false;
		if ((last == NULL || strcmp(last, domain) != 0) && !is_local(k, e, &e->rcpt[i]))
			return false;
		last = domain;
	}
	return e->nrcpt > 0;
}

/* Only what is known of the whole header counts. */
static bool
judge(void *arg, const struct message_envelope *e, const char *content, size_t len)
{
	struct local_mail *k = arg;
	struct header_survey found;

	if (atomic_load(&k->stopped) || (e->flags & (MESSAGE_RESOLVED | MESSAGE_REPORT)) != 0 ||
	    !are_all_local(k, e))
		return false;
	if ((off_t)len < e->content_size && header_size(content, len) == len)
		return false;
	found = header_survey(content, len);
	return !route_is_too_far(k->server, found.hops);
}

/* --- what is said --- */

static void
tell(struct news *n)
{
	for (size_t i = 0; i < n->e.nrcpt; i++)
		dropped_tell(n->e.id, n->e.rcpt[i].address, n->file);
	message_envelope_done(&n->e);
}

static void
tell_all(void *arg)
{
	struct local_mail *k = arg;
	struct news *news;
	size_t count;

	pthread_mutex_lock(&k->lock);
	news = k->news;
	count = k->count;
	k->news = NULL;
	k->count = 0;
	pthread_mutex_unlock(&k->lock);
	for (size_t i = 0; i < count; i++)
		tell(&news[i]);
	free(news);
}

/* On a thread. */
static void
on_dropped(void *arg, struct message_envelope *e, const char *file)
{
	struct local_mail *k = arg;
	struct news n = { .e = *e };
	bool first, full;

	strlcpy(n.file, file, sizeof(n.file));
	*e = (struct message_envelope){ 0 };
	dropped_count(k->counters, n.e.id, n.e.nrcpt);
	pthread_mutex_lock(&k->lock);
	first = k->count == 0;
	full = k->count == TELL_MAX;
	if (!full) {
		k->news = mem_grow(k->news, k->count, sizeof(*k->news));
		k->news[k->count++] = n;
	}
	pthread_mutex_unlock(&k->lock);
	if (full)
		tell(&n);
	else if (first)
		loop_waker_wake(k->waker);
}

/* --- for the worker --- */

void
local_mail_stop(struct local_mail *k)
{
	if (k != NULL)
		atomic_store(&k->stopped, true);
}

struct local_mail *
local_mail_new(const struct boot *b, struct enqueue *enqueue)
{
	const char *why;
	struct route *route = stands_between(b->server) ? NULL : route_new(b->server, &why);
	struct local_mail *k;

	if (route == NULL)
		return NULL;
	k = mem_new(struct local_mail);
	k->server = b->server;
	k->counters = b->counters;
	k->route = route;
	atomic_init(&k->stopped, false);
	pthread_mutex_init(&k->lock, NULL);
	k->waker = loop_waker_new_after(b->loop, TELL_MS, tell_all, k);
	enqueue_straight(enqueue,
	    &(struct straight_rules){ .judge = judge, .dropped = on_dropped, .arg = k });
	return k;
}

void
local_mail_free(struct local_mail *k)
{
	if (k == NULL)
		return;
	tell_all(k);
	loop_waker_free(k->waker);
	route_free(k->route);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
