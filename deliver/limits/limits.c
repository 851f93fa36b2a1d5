/*
 * limits - the program: shares limits with other nodes, on behalf of the workers of all virtual servers
 *
 * Runs in:  limits
 * Owns:     the channels, the connection to the engine
 * Promise:  it connects to the engine alone. Nothing that the engine says ends it, or makes it wait without
 *           a limit; its memory is bounded by the questions that workers may have open
 * Fails by: LIMITS_LOST; a worker that misbehaves loses its channel, nothing else
 */
#include "deliver/limits/limits.h"

#include <stdlib.h>

#include "common/base/mem.h"

static void
run_limits(struct boot *b)
{
	struct limits *x = mem_new(struct limits);

	b->state = x;
	x->boot = b;
	x->config = &b->config->service.limits;
	ctl_server_list_init(&x->channels, b->loop, x);
	x->engine = limits_engine_new(x);
	boot_ready(b);
}

static void
on_limits_control(struct boot *b, const struct ctl_message *m)
{
	struct limits *x = b->state;
	struct ctl_channel channel;

	switch (m->type) {
	case CTL_CHANNEL:
		if (boot_helper_introduced(m, &channel))
			ctl_server_join(&x->channels, &limits_channel, m, &channel);
		break;
	case CTL_FILE:
		limits_engine_opened(x->engine, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
finish_limits(struct boot *b)
{
	struct limits *x = b->state;

	ctl_server_list_done(&x->channels);
	limits_engine_free(x->engine);
	free(x);
	b->state = NULL;
}

const struct boot_role limits_role = {
	.name = "limits",
	.title = "shares limits with other nodes",
	.per_server = false,
	.user = offsetof(struct config_service, limits_user),
	.host_groups = true,
	.run = run_limits,
	.on_control = on_limits_control,
	.finish = finish_limits,
};
