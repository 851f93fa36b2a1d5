/*
 * resolver - the program: finds names for the workers of all virtual servers
 *
 * Runs in:  resolver
 * Owns:     the queries and their cache, a channel for each worker that the master introduced
 * Promise:  no mail and no listening socket; one cache for all workers
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include "deliver/resolver/resolver.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"

#define CHANNELS_MAX 256

static void
on_resolver_channel(struct resolver *r, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (!boot_helper_introduced(m, &channel))
		return;
	if (r->channels.count == CHANNELS_MAX) {
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s",
		    log_safe("cannot take another client"));
		close(m->fd);
		return;
	}
	ctl_server_new(&r->channels, &dns_channel, m->fd, channel.server);
}

static void
run_resolver(struct boot *b)
{
	struct resolver *r = mem_new(struct resolver);

	b->state = r;
	ctl_server_list_init(&r->channels, b->loop, r);
	r->queries = dns_query_new(b->loop, &b->config->service);
	boot_ready(b);
}

static void
on_resolver_control(struct boot *b, const struct ctl_message *m)
{
	if (m->type == CTL_CHANNEL)
		on_resolver_channel(b->state, m);
	else
		boot_helper_control(b, m);
}

static void
finish_resolver(struct boot *b)
{
	struct resolver *r = b->state;

	ctl_server_list_done(&r->channels);
	dns_query_free(r->queries);
	free(r);
}

const struct boot_role resolver_role = {
	.name = "resolver",
	.title = "finds names",
	.per_server = false,
	.run = run_resolver,
	.on_control = on_resolver_control,
	.finish = finish_resolver,
};
