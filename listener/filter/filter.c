/*
 * filter - the program: shows mail to filters (milters) on behalf of the listeners and pickup processes of
 * all virtual servers
 *
 * Runs in:  filter
 * Owns:     the channels, the sessions, what is known of the filters
 * Promise:  it opens no file: a message comes as a descriptor. A filter that is slow or hostile holds up
 *           only the sessions that it is asked for. When the configuration changes, sessions end with this
 *           process, new ones begin with its successor
 * Fails by: the on-failure of the filter; a worker that misbehaves loses its channel, nothing else
 */
#include "listener/filter/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

static void
on_end(void *arg)
{
	struct filter *f = arg;

	boot_end(f->boot);
}

static void
run_filter(struct boot *b)
{
	struct filter *f = mem_new(struct filter);

	b->state = f;
	f->boot = b;
	TAILQ_INIT(&f->known);
	TAILQ_INIT(&f->sessions);
	ctl_server_list_init(&f->channels, b->loop, f);
	f->end = loop_timer_new(b->loop, on_end, f);
	boot_ready(b);
}

static void
on_filter_control(struct boot *b, const struct ctl_message *m)
{
	struct filter *f = b->state;
	struct ctl_channel channel;

	switch (m->type) {
	case CTL_CHANNEL:
		if (boot_helper_introduced(m, &channel))
			ctl_server_join(&f->channels, &filter_channel, m, &channel);
		break;
	case CTL_STOP:
		f->ending = true;
		loop_timer_set(f->end, TAILQ_EMPTY(&f->sessions) ? 0 : boot_grace(m));
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
finish_filter(struct boot *b)
{
	struct filter *f = b->state;

	f->ending = false;
	while (!TAILQ_EMPTY(&f->sessions))
		filter_session_free(TAILQ_FIRST(&f->sessions));
	ctl_server_list_done(&f->channels);
	filter_known_free_all(f);
	loop_timer_free(f->end);
	free(f);
	b->state = NULL;
}

const struct boot_role filter_role = {
	.name = "filter",
	.title = "shows mail to filters",
	.per_server = false,
	.user = offsetof(struct config_service, filter_user),
	.host_groups = true,
	.run = run_filter,
	.on_control = on_filter_control,
	.finish = finish_filter,
};
