/*
 * dns_health - whether the DNS as a whole gives answers, for operators
 *
 * Runs in:  resolver
 * Owns:     the state, and one probe at a time
 * Promise:  one domain that fails says nothing: "down" is told when the root cannot be asked either, by a
 *           question that no cache answers. It is over with the first answer, or with a probe that succeeds
 * Fails by: telling nothing
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define PROBE_MS 30000U		/* between probes, at least */

struct dns_health {
	struct boot *boot;
	struct dns_query *queries;
	struct loop_timer *again;	/* down: the next probe */
	bool probing, down;
	int unread[2];			/* resolv.conf, hosts: the errno that was told */
	uint64_t probed_at;		/* monotonic ms; 0: never */
};

/* `why` NULL: it gives answers. */
static void
set_down(struct dns_health *h, const char *why)
{
	const struct config_strings *servers = &h->boot->config->service.dns_server;
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	h->down = why != NULL;
	if (h->down) {
		buf_puts(&text, "the DNS gives no answers, and mail waits for it (");
		for (size_t i = 0; i < servers->count; i++)
			buf_printf(&text, "%s%s", i > 0 ? ", " : "dns-server ", servers->text[i]);
		buf_printf(&text, "%s): %s", servers->count == 0 ? "servers of /etc/resolv.conf" : "", why);
		loop_timer_set(h->again, PROBE_MS);
	} else {
		loop_timer_stop(h->again);
	}
	boot_trouble(h->boot, "dns", buf_text(&text));
	buf_done(&text);
}

static void
on_probe_answer(void *arg, const struct msg_dns_answer *a)
{
	struct dns_health *h = arg;

	h->probing = false;
	set_down(h, a->result == DNS_TROUBLE ? a->text : NULL);
}

static void
begin_probe(void *arg)
{
	struct dns_health *h = arg;

	if (h->probing)
		return;
	h->probing = true;
	h->probed_at = clock_mono_ms();
	dns_query_probe(h->queries, on_probe_answer, h);
}

static void
note_question(void *arg, bool answered)
{
	struct dns_health *h = arg;

	if (answered && h->down)
		set_down(h, NULL);
	else if (!answered && (h->probed_at == 0 || clock_mono_ms() - h->probed_at >= PROBE_MS))
		begin_probe(h);
}

/* resolv.conf and hosts: what was read before stays in use. Told once for each reason. */
static void
note_file(void *arg, const struct dns_file *f)
{
	struct dns_health *h = arg;
	int *told = &h->unread[strcmp(f->path, "/etc/hosts") == 0];
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	if (f->error != 0)
		buf_printf(&text, "%s cannot be read: %s; %s", f->path, strerror(f->error),
		    f->known ? "what it said before is in use" :
		    strcmp(f->path, "/etc/hosts") == 0 ? "it is left out" : "mail that needs the DNS waits");
	if (f->error != 0 && f->error != *told)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s", log_safe(buf_text(&text)));
	if (f->error != *told)
		boot_trouble(h->boot, f->path, buf_text(&text));
	*told = f->error;
	buf_done(&text);
}

struct dns_health *
dns_health_new(struct boot *b, struct dns_query *d)
{
	struct dns_health *h = mem_new(struct dns_health);

	h->boot = b;
	h->queries = d;
	h->again = loop_timer_new(b->loop, begin_probe, h);
	dns_query_watch(d, note_question, note_file, h);
	return h;
}

void
dns_health_free(struct dns_health *h)
{
	loop_timer_free(h->again);
	free(h);
}
