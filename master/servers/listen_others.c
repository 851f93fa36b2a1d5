/*
 * listen_others - an address beside a wildcard belongs to its virtual server, also while that is stopped
 *
 * Runs in:  master
 * Owns:     server.others, master.others
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

/* The addresses of a virtual server but wildcards, one a line, with `before` in front. */
static void
put_addresses(struct buf *b, const struct server *s, const char *before)
{
	for (size_t i = 0; !s->removed && s->conf != NULL && i < s->conf->nlisten; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&s->conf->listen[i].address.sa;
		char one[NET_TEXT_SIZE];

		if (net_is_any(sa) || b->len + sizeof(one) > b->cap)
			continue;
		net_format(one, sa);
		buf_puts(b, before);
		buf_puts(b, one);
		buf_puts(b, "\n");
	}
}

static char *
list_others(const struct server *self)
{
	struct buf b = BUF_INIT(CTL_PAYLOAD_MAX);
	const struct server *s;
	char *text;

	TAILQ_FOREACH(s, &self->m->servers, link)
		if (s != self)
			put_addresses(&b, s, "");
	text = mem_strdup(buf_text(&b));
	buf_done(&b);
	return text;
}

/*
 * Whether an address has come, gone or changed its owner since the last time. This is asked at each change of
 * a state, of which a start has as many as virtual servers: to make the list of each of them every time would
 * take far longer than the start.
 */
static bool
have_changed(struct master *m)
{
	struct buf b = BUF_INIT(ALL_MAX);
	const struct server *s;
	bool same;

	TAILQ_FOREACH(s, &m->servers, link) {
		buf_puts(&b, s->name);
		put_addresses(&b, s, "\t");
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
tell(struct child *c)
{
	child_send(c, CTL_OTHERS, 0, c->server->others, strlen(c->server->others), -1);
}

static void
tell_changed(struct server *s)
{
	char *others = list_others(s);
	struct child *c;

	if (s->others != NULL && strcmp(s->others, others) == 0) {
		free(others);
		return;
	}
	free(s->others);
	s->others = others;
	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s && c->role == ROLE_DELIVER)
			tell(c);
}

/* It waits for this before it connects to any host. */
void
listen_others_greet(struct child *c)
{
	if (c->server->others == NULL)
		c->server->others = list_others(c->server);
	tell(c);
}

void
listen_others_update(struct master *m)
{
	bool changed = have_changed(m);
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		bool stopped = s->state == STATE_STOPPED || s->state == STATE_STOPPING;

		listen_guard(s, stopped && !s->removed && !m->stopping ? s->conf : NULL);
		if (changed)
			tell_changed(s);
	}
}
