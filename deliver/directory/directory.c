/*
 * directory - the role: asks LDAP servers who the local recipients of the virtual servers are
 *
 * Runs in:  directory
 * Owns:     the patrons, a realm for each virtual server that was asked about
 * Promise:  holds no mail and no listening socket; no secret leaves it but to the directory it is for
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include "deliver/directory/directory.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"

static void
directory_run(struct boot *b)
{
	struct directory *d = mem_new(struct directory);

	b->state = d;
	d->boot = b;
	TAILQ_INIT(&d->patrons);
	TAILQ_INIT(&d->realms);
	boot_helper_hide_memory();
	ldap_conn_set_up();
	boot_ready(b);
}

static void
on_channel(struct directory *d, const struct ctl_message *m)
{
	struct ctl_channel channel;
	struct directory_channel *p;

	if (!boot_helper_introduced(m, &channel))
		return;
	p = directory_channel_new(d, m->fd, channel.server);
	(void)p; /* it is in the list */
}

static void
directory_on_control(struct boot *b, const struct ctl_message *m)
{
	switch (m->type) {
	case CTL_CHANNEL:
		on_channel(b->state, m);
		break;
	case CTL_FILE:
		directory_server_opened(b->state, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
directory_finish(struct boot *b)
{
	struct directory *d = b->state;
	struct directory_channel *p;
	struct directory_server *r;
	bool busy = atomic_load(&d->threads) > 0;

	TAILQ_FOREACH(r, &d->realms, link)
		busy |= r->questions > 0;
	if (busy)
		_exit(EX_OK);	/* a thread may wait for a silent server for long: nobody waits for it */
	while ((p = TAILQ_FIRST(&d->patrons)) != NULL)
		directory_channel_free(p);
	while ((r = TAILQ_FIRST(&d->realms)) != NULL) {
		TAILQ_REMOVE(&d->realms, r, link);
		directory_server_free(r);
	}
	free(d);
	b->state = NULL;
}

const struct boot_role directory_role = {
	.name = "directory",
	.title = "asks directories who recipients are",
	.per_server = false,
	.run = directory_run,
	.on_control = directory_on_control,
	.finish = directory_finish,
};
