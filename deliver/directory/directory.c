/*
 * directory - the program: asks LDAP servers who the local recipients of the virtual servers are
 *
 * Runs in:  directory
 * Owns:     the channels, a directory_server for each virtual server that was asked about
 * Promise:  no mail and no listening socket; a secret goes to the LDAP server that it is for, nowhere else
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include "deliver/directory/directory.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"

static void
run_directory(struct boot *b)
{
	struct directory *d = mem_new(struct directory);

	b->state = d;
	d->boot = b;
	ctl_server_list_init(&d->channels, b->loop, d);
	TAILQ_INIT(&d->servers);
	ldap_conn_set_up();
	boot_ready(b);
}

static void
on_directory_channel(struct directory *d, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (boot_helper_introduced(m, &channel))
		ctl_server_join(&d->channels, &directory_channel, m, &channel);
}

static void
on_directory_control(struct boot *b, const struct ctl_message *m)
{
	switch (m->type) {
	case CTL_CHANNEL:
		on_directory_channel(b->state, m);
		break;
	case CTL_FILE:
		directory_server_opened(b->state, m);
		break;
	case CTL_DIRECTORY_TEST:
		directory_test_begin(b->state, m);
		break;
	case CTL_RENEWED:
		directory_server_renew(b->state, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
finish_directory(struct boot *b)
{
	struct directory *d = b->state;
	struct directory_server *r;
	bool busy = atomic_load(&d->threads) > 0;

	TAILQ_FOREACH(r, &d->servers, link)
		busy |= r->questions > 0;
	if (busy)
		_exit(EX_OK);	/* a thread may wait long for a silent server: it is not waited for */
	ctl_server_list_done(&d->channels);
	while ((r = TAILQ_FIRST(&d->servers)) != NULL) {
		TAILQ_REMOVE(&d->servers, r, link);
		directory_server_free(r);
	}
	free(d);
	b->state = NULL;
}

const struct boot_role directory_role = {
	.name = "directory",
	.title = "asks directories who recipients are",
	.per_server = false,
	.user = offsetof(struct config_service, directory_user),
	.run = run_directory,
	.on_control = on_directory_control,
	.finish = finish_directory,
};
