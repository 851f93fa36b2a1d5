/*
 * resolver - the role: finds names for the workers of all virtual servers
 *
 * Runs in:  resolver
 * Owns:     the answers, one asker per worker that was introduced by the master
 * Promise:  holds no mail and no listening socket; one cache for all
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define ASKERS_MAX 256

struct resolver {
	struct dns_query *answers;
	struct dns_channel *asker[ASKERS_MAX];
	size_t count;
};

static void
on_gone(void *arg, struct dns_channel *k)
{
	struct resolver *r = arg;

	for (size_t i = 0; i < r->count; i++)
		if (r->asker[i] == k) {
			r->asker[i] = r->asker[--r->count];
			return;
		}
}

static void
on_channel(struct boot *b, const struct ctl_message *m)
{
	struct resolver *r = b->state;
	struct ctl_channel channel;

	if (!boot_helper_introduced(m, &channel))
		return;
	if (r->count == ASKERS_MAX) {
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s",
		    log_safe("cannot take another client"));
		close(m->fd);
		return;
	}
	r->asker[r->count] = dns_channel_new(b->loop, r->answers, m->fd, channel.server, on_gone, r);
	r->count++;
}

static void
resolver_run(struct boot *b)
{
	struct resolver *r = mem_new(struct resolver);

	b->state = r;
	r->answers = dns_query_new(b->loop, &b->config->service);
	boot_ready(b);
}

static void
resolver_on_control(struct boot *b, const struct ctl_message *m)
{
	switch (m->type) {
	case CTL_CHANNEL:
		on_channel(b, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
resolver_finish(struct boot *b)
{
	struct resolver *r = b->state;

	while (r->count > 0)
		dns_channel_free(r->asker[--r->count]);
	dns_query_free(r->answers);
	free(r);
}

const struct boot_role resolver_role = {
	.name = "resolver",
	.title = "finds names",
	.per_server = false,
	.run = resolver_run,
	.on_control = resolver_on_control,
	.finish = resolver_finish,
};
