/*
 * schedule_route - where each recipient of a message goes: drop folder, directory, hosts, MX, or nowhere
 *
 * Runs in:  deliver, on the loop
 * Owns:     the message's refs of destinations
 * Promise:  one destination for a domain, whether its name is written in UTF-8 or in ASCII
 * Fails by: nothing; a recipient that can go nowhere has failed
 */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/mail/refused_words.h"
#include "deliver/active/active.h"
#include "deliver/schedule/schedule.h"

static enum route_want
want_of(const struct message_envelope *e)
{
	return e->flags & MESSAGE_REQUIRETLS ? ROUTE_STRICT : e->flags & MESSAGE_TLS_OPTIONAL ?
	    ROUTE_TLS_OPTIONAL : ROUTE_AS_SET;
}

static struct schedule_dest *
find_or_add(struct schedule *s, const struct destination *d)
{
	struct schedule_dest *found = schedule_dest_find(s->dests, d->key);

	return found != NULL ? found : schedule_dest_add(s->dests, d);
}

struct schedule_dest *
schedule_route_hosts(struct active_message *m, const struct destination *d)
{
	struct schedule_dest *found;
	struct destination own;

	if (want_of(&m->e) == ROUTE_AS_SET)
		return find_or_add(m->schedule, d);
	route_want_hosts(&own, d, want_of(&m->e));
	found = find_or_add(m->schedule, &own);
	route_destination_done(&own);
	return found;
}

/* This round is for these hosts alone. */
static bool
is_only(const struct active_message *m, const struct destination *d)
{
	struct destination own;
	bool same;

	route_want_hosts(&own, d, want_of(&m->e));
	same = strcmp(own.key, m->only->d.key) == 0;
	route_destination_done(&own);
	return same;
}

static struct schedule_dest *
dest_direct(struct schedule *s, const char *domain, const struct route_answer *a)
{
	char key[ROUTE_KEY_SIZE];
	struct schedule_dest *found;
	struct destination d;

	route_direct_key(key, domain, a);
	found = schedule_dest_find(s->dests, key);
	if (found != NULL)
		return found;
	route_direct(&d, domain, a);
	found = schedule_dest_add(s->dests, &d);
	route_destination_done(&d);
	return found;
}

void
schedule_route_point(struct active_message *m, struct active_recipient *r, struct schedule_dest *dest)
{
	struct schedule_dest *old = r->dest;

	dest->refs++;
	r->dest = dest;
	if (old != NULL) {
		old->refs--;
		schedule_dest_check(m->schedule->dests, old);
	}
}

/* Addresses that the directory gave (MESSAGE_RESOLVED) are final. */
static struct schedule_dest *
dest_local(const struct active_message *m)
{
	struct schedule *s = m->schedule;

	return s->directory != NULL && (m->e.flags & MESSAGE_RESOLVED) == 0 ? s->directory : s->local;
}

/* Waits for ETRN, unless this round is because the host asked, or other mail of its domain is being sent. */
static void
assign_etrn(struct active_message *m, size_t i, const char *domain, const struct route_answer *a)
{
	struct active_recipient *r = &m->recipient[i];
	struct schedule_dest *dest = schedule_etrn_dest(m->schedule, domain, a);

	r->etrn = true;
	r->todo = !dest->atrn_ended && (dest == m->only || schedule_dest_is_busy(dest));
	schedule_route_point(m, r, dest);
	if (r->todo)
		return;
	r->outcome = OUTCOME_BACKLOG;
	if (m->is_new)
		log_event(LOG_FACT, m->id, "kept", "recipient=%s", log_safe(m->e.rcpt[i].address));
}

/* The configuration says so: not before this process has gone. A round for one destination is for others. */
static void
assign_paused(struct active_message *m, struct active_recipient *r)
{
	m->paused = r->paused = true;
	if (m->only != NULL)
		return;
	r->outcome = OUTCOME_LATER;
	r->reason = active_message_reason(m, 0, "4.3.2", "", SCHEDULE_PAUSED);
}

static void
assign_recipient(struct active_message *m, size_t i)
{
	struct schedule *s = m->schedule;
	struct active_recipient *r = &m->recipient[i];
	struct route_answer a;
	char ascii[IDN_SIZE];
	const char *domain = route_find_address(s->route, m->e.rcpt[i].address, m->e.sender, ascii, &a);

	r->fallback = a.fallback;
	r->local = a.kind == ROUTE_LOCAL;
	if (a.kind == ROUTE_REFUSED) {
		r->outcome = OUTCOME_FAILED;
		r->reason = active_message_reason(m, 0, a.status, "", a.why);
		return;
	}
	if (a.paused) {
		assign_paused(m, r);
		return;
	}
	/* mail that waits for its host goes the same way, whoever sent it: nothing can be promised of that */
	if ((a.backlog && want_of(&m->e) == ROUTE_STRICT) ||
	    (!a.backlog && !route_want(&a, want_of(&m->e)))) {
		r->outcome = OUTCOME_FAILED;
		r->reason = active_message_reason(m, 0, "5.7.30", "", a.backlog ?
		    "its sender wants TLS on the whole way (REQUIRETLS), and its host has to ask for it" :
		    "its sender wants TLS on the whole way (REQUIRETLS), and outbound-tls is off");
		return;
	}
	if (a.backlog) {
		assign_etrn(m, i, domain, &a);
		return;
	}
	schedule_route_point(m, r, a.kind == ROUTE_LOCAL ? dest_local(m) : a.kind == ROUTE_HOSTS ?
	    schedule_route_hosts(m, a.hosts) : dest_direct(s, domain, &a));
	r->todo = m->only == NULL || r->dest == m->only;
	/* it was parked for its fallback */
	if (!r->todo && a.fallback != NULL && is_only(m, a.fallback)) {
		schedule_route_point(m, r, m->only);
		r->on_fallback = r->todo = true;
	}
}

char *
schedule_route_key(const struct schedule *s, const struct message_envelope *e, size_t i)
{
	char ascii[IDN_SIZE], key[ROUTE_KEY_SIZE], *copy;
	struct route_answer a;
	const char *domain = route_find_address(s->route, e->rcpt[i].address, e->sender, ascii, &a);
	struct destination own;

	if (a.paused || a.backlog || (a.kind != ROUTE_HOSTS && a.kind != ROUTE_DIRECT) ||
	    !route_want(&a, want_of(e)))
		return NULL;
	if (a.kind == ROUTE_DIRECT) {
		route_direct_key(key, domain, &a);
		return mem_strdup(key);
	}
	route_want_hosts(&own, a.hosts, want_of(e));
	copy = mem_strdup(own.key);
	route_destination_done(&own);
	return copy;
}

/* A mail filter has refused it, when its file was taken from pickup; the others of the message go on. */
static bool
is_refused(struct active_message *m, size_t i)
{
	char status[REFUSED_WORDS_STATUS];
	const char *words;

	if (m->e.rcpt[i].refused == NULL ||
	    !refused_words_by_filter(m->e.rcpt[i].refused, status, &words))
		return false;
	m->recipient[i].outcome = OUTCOME_FAILED;
	m->recipient[i].reason = active_message_reason(m, 0, status, "", words);
	return true;
}

/* Neighbours of the same domain share the answer. */
void
schedule_route(struct active_message *m)
{
	const struct active_recipient *last = NULL;
	const char *last_domain = "";

	for (size_t i = 0; i < m->e.nrcpt; i++) {
		const char *at = strrchr(m->e.rcpt[i].address, '@');
		const char *domain = at == NULL ? "" : at + 1;
		struct active_recipient *r = &m->recipient[i];

		if (m->e.rcpt[i].mark != MARK_PENDING || is_refused(m, i))
			continue;
		if (last != NULL && strcmp(domain, last_domain) == 0) {
			*r = *last;
			if (r->dest != NULL)
				r->dest->refs++;
		} else {
			assign_recipient(m, i);
		}
		last = r;
		last_domain = domain;
	}
}
