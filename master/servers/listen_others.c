/*
 * listen_others - an address beside a wildcard belongs to its virtual server, also while that is stopped
 *
 * Runs in:  master
 * Owns:     server.addresses, master.others
 * Promise:  clients of such an address are turned away while its virtual server does not run. Each deliver
 *           worker knows the addresses of the other virtual servers as they are now: mail for them is no loop
 * Fails by: the address of a stopped virtual server that cannot be opened stays with the wildcard
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define ALL_MAX (1U << 22)

/* The addresses of a virtual server but wildcards, one a line. */
static char *
format_addresses(const struct config_server *conf)
{
	struct buf b = BUF_INIT(CONFIG_LISTEN_MAX * (NET_TEXT_SIZE + 1) + 1);
	char *text;

	for (size_t i = 0; conf != NULL && i < conf->nlisten; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&conf->listen[i].address.sa;
		char one[NET_TEXT_SIZE];

		if (net_is_any(sa))
			continue;
		net_format(one, sa);
		buf_puts(&b, one);
		buf_puts(&b, "\n");
	}
	text = mem_strdup(buf_text(&b));
	buf_done(&b);
	return text;
}

void
listen_others_adopt(struct server *s)
{
	free(s->addresses);
	s->addresses = format_addresses(s->conf);
}

static const char *
addresses_of(const struct server *s)
{
	return s->removed || s->addresses == NULL ? "" : s->addresses;
}

/* Whole lines, as many as a message holds. */
static void
list_others(struct buf *b, const struct server *self)
{
	const struct server *s;

	TAILQ_FOREACH(s, &self->m->servers, link)
		if (s != self && b->len + strlen(addresses_of(s)) < b->cap)
			buf_puts(b, addresses_of(s));
}

/* Whether an address has come, gone or changed its owner since the last time. */
static bool
have_changed(struct master *m)
{
	struct buf b = BUF_INIT(ALL_MAX);
	const struct server *s;
	bool same;

	TAILQ_FOREACH(s, &m->servers, link) {
		buf_puts(&b, s->name);
		buf_puts(&b, "\t");
		buf_puts(&b, addresses_of(s));
	}
	same = m->others != NULL && strcmp(m->others, buf_text(&b)) == 0;
	if (!same) {
		free(m->others);
		m->others = mem_strdup(buf_text(&b));
	}
	buf_done(&b);
	return !same;
}

static void
tell_workers(const struct server *s)
{
	struct buf b = BUF_INIT(CTL_PAYLOAD_MAX);
	struct child *c;

	list_others(&b, s);
	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->role == ROLE_DELIVER)
			child_send(c, CTL_OTHERS, 0, buf_text(&b), b.len, -1);
	buf_done(&b);
}

/* It waits for this before it connects to any host. */
void
listen_others_greet(struct child *c)
{
	struct buf b = BUF_INIT(CTL_PAYLOAD_MAX);

	list_others(&b, c->server);
	child_send(c, CTL_OTHERS, 0, buf_text(&b), b.len, -1);
	buf_done(&b);
}

static void
guard(struct server *s)
{
	bool stopped = s->state == STATE_STOPPED || s->state == STATE_STOPPING;

	listen_guard(s, stopped && !s->removed && !s->m->stopping ? s->conf : NULL);
}

void
listen_others_update(struct master *m)
{
	struct server *s;
	bool changed = have_changed(m);

	TAILQ_FOREACH(s, &m->servers, link) {
		guard(s);
		if (changed)
			tell_workers(s);
	}
}

static bool
has_wildcard(const struct server *s)
{
	for (size_t i = 0; s->conf != NULL && i < s->conf->nlisten; i++)
		if (net_is_any((const struct sockaddr *)&s->conf->listen[i].address.sa))
			return true;
	for (size_t i = 0; i < s->sockets.count; i++)
		if (net_is_any((const struct sockaddr *)&s->sockets.socket[i].address.sa))
			return true;
	return false;
}

static bool
share_an_address(const struct server *a, const struct server *b)
{
	for (size_t i = 0; a->conf != NULL && i < a->conf->nlisten; i++)
		for (size_t k = 0; b->conf != NULL && k < b->conf->nlisten; k++)
			if (net_equal((const struct sockaddr *)&a->conf->listen[i].address.sa,
			    (const struct sockaddr *)&b->conf->listen[k].address.sa))
				return true;
	return false;
}

/*
 * A start has as many of these as virtual servers: most concern that one alone, and those with its address.
 */
void
listen_others_state(struct server *self)
{
	bool wide = has_wildcard(self);
	struct server *s;

	TAILQ_FOREACH(s, &self->m->servers, link)
		if (s == self || wide || share_an_address(s, self))
			guard(s);
}
