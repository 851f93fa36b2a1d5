/*
 * atrn - a backlog that goes down the connection of the host that asked for it (ATRN, RFC 2645; TURN)
 *
 * Runs in:  deliver, on the loop
 * Owns:     the requests under way; the connection belongs to outbound
 * Promise:  only mail of the domains that were asked for goes there; when there is no more the host hears
 *           QUIT; when the connection ends before, the rest waits again and is not tried elsewhere
 * Fails by: MSG_ETRN_LATER
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"
#include "deliver/schedule/schedule.h"

struct atrn {
	LIST_ENTRY(atrn) link;
	struct schedule *schedule;
	struct destination to;
	struct schedule_dest **dest; size_t ndest;
	bool ending;			/* outbound was told to send QUIT */
};

static bool
is_named(const struct msg_etrn *p, const char *domain)
{
	const char *name;

	for (size_t at = 0; (name = msg_etrn_next(p, &at)) != NULL;)
		if (strcmp(name, domain) == 0)
			return true;
	return p->len == 0;
}

static bool
is_meant(const struct schedule *s, const struct msg_etrn *p, const struct schedule_dest *d)
{
	const char *domain = schedule_etrn_domain(d);
	const struct config_domain *entry = config_domain_find(s->set.server, domain);

	return entry != NULL && config_domain_serves(entry, p->account) && is_named(p, domain);
}

static void
free_atrn(struct atrn *t)
{
	LIST_REMOVE(t, link);
	free(t->to.key);
	free(t->to.domain);
	free(t->dest);
	free(t);
}

/* Collects the destinations with mail. MSG_ETRN_LATER: one of them is being served already. */
static enum msg_etrn_result
collect_dests(struct atrn *t, const struct msg_etrn *p)
{
	struct schedule *s = t->schedule;
	struct schedule_dest *d = NULL;

	while ((d = schedule_dest_next_etrn(s->dests, d)) != NULL) {
		if (!is_meant(s, p, d))
			continue;
		if (d->atrn != NULL || schedule_dest_is_busy(d))
			return MSG_ETRN_LATER;
		if (d->backlog.count == 0)
			continue;
		t->dest = mem_grow(t->dest, t->ndest, sizeof(*t->dest));
		t->dest[t->ndest++] = d;
	}
	return t->ndest > 0 ? MSG_ETRN_STARTED : MSG_ETRN_NOTHING;
}

/* The connection is over: mail that was not sent waits for the next ETRN. */
static void
on_connection_end(void *arg)
{
	struct atrn *t = arg;
	struct schedule *s = t->schedule;

	log_event(LOG_FACT, NULL, "turned", "client=%s state=over", log_safe(t->to.domain));
	for (size_t i = 0; i < t->ndest; i++) {
		t->dest[i]->atrn = NULL;
		schedule_dest_end_atrn(s->dests, t->dest[i]);
		schedule_dest_check(s->dests, t->dest[i]);
	}
	free_atrn(t);
	if (!s->draining)
		loop_timer_set(s->timer, 0);
}

static size_t
begin_atrn(struct atrn *t, const struct msg_etrn *p, int fd)
{
	struct schedule *s = t->schedule;
	char key[64];
	size_t n = 0;

	snprintf(key, sizeof(key), "turn:%u", ++s->atrns_made);
	t->to.key = mem_strdup(key);
	t->to.domain = mem_strdup(p->client);
	outbound_atrn(s->set.outbound, &t->to, fd, p->port, on_connection_end, t);
	for (size_t i = 0; i < t->ndest; i++) {
		t->dest[i]->atrn = &t->to;
		n += schedule_dest_start_backlog(s->dests, t->dest[i]);
	}
	log_event(LOG_FACT, NULL, "turned", "client=%s account=%s messages=%zu", log_safe(p->client),
	    log_safe(p->account), n);
	counters_add(s->set.counters, COUNTER_ETRN_MESSAGES, (int64_t)n);
	loop_timer_set(s->timer, 0);
	return n;
}

enum msg_etrn_result
atrn_begin(struct schedule *s, const struct msg_etrn *p, size_t *messages, int *fd)
{
	struct atrn *t = mem_new(struct atrn);
	enum msg_etrn_result result;
	int pair[2];

	t->schedule = s;
	LIST_INSERT_HEAD(&s->atrns, t, link);
	result = collect_dests(t, p);
	if (result == MSG_ETRN_STARTED &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		log_event(LOG_FAULT, NULL, "trouble", "what=turn error=%s", log_safe(strerror(errno)));
		result = MSG_ETRN_LATER;
	}
	if (result != MSG_ETRN_STARTED) {
		free_atrn(t);
		return result;
	}
	*messages = begin_atrn(t, p, pair[0]);
	*fd = pair[1];
	return MSG_ETRN_STARTED;
}

static bool
is_done(const struct atrn *t)
{
	for (size_t i = 0; i < t->ndest; i++)
		if (schedule_dest_is_busy(t->dest[i]) || t->dest[i]->backlog.nmissed > 0)
			return false;
	return true;
}

void
atrn_check(struct schedule *s)
{
	struct atrn *t, *next;

	for (t = LIST_FIRST(&s->atrns); t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		if (t->ending || !is_done(t))
			continue;
		t->ending = true;
		outbound_atrn_end(s->set.outbound, &t->to);
	}
}

void
atrn_free(struct schedule *s)
{
	while (!LIST_EMPTY(&s->atrns))
		free_atrn(LIST_FIRST(&s->atrns));
}
