/*
 * listen_others - an address beside a wildcard belongs to its virtual server, also while that is stopped
 *
 * Runs in:  master
 * Owns:     server.others
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

/* The addresses of all others but wildcards, one a line. */
static char *
list_others(const struct server *self)
{
	struct buf b = BUF_INIT(CTL_PAYLOAD_MAX);
	const struct server *s;
	char *text;

	TAILQ_FOREACH(s, &self->m->servers, link)
		for (size_t i = 0; s != self && !s->removed && s->conf != NULL && i < s->conf->nlisten; i++) {
			const struct sockaddr *sa = (const struct sockaddr *)&s->conf->listen[i].address.sa;
			char one[NET_TEXT_SIZE];

			if (net_is_any(sa) || b.len + sizeof(one) > CTL_PAYLOAD_MAX)
				continue;
			net_format(one, sa);
			buf_printf(&b, "%s\n", one);
		}
	text = mem_strdup(buf_text(&b));
	buf_done(&b);
	return text;
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
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		bool stopped = s->state == STATE_STOPPED || s->state == STATE_STOPPING;

		listen_guard(s, stopped && !s->removed && !m->stopping ? s->conf : NULL);
		tell_changed(s);
	}
}
