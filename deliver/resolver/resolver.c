/*
 * resolver - the program: finds names for the workers of all virtual servers
 *
 * Runs in:  resolver
 * Owns:     the queries and their cache, a channel for each worker that the master introduced
 * Promise:  no mail and no listening socket; one cache for all workers. The master opens the trust anchors
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include "deliver/resolver/resolver.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/trust_anchor.h"
#include "common/boot/boot.h"

/* A worker that comes before the trust anchors are here. Its questions lie in the channel. */
struct resolver_early {
	STAILQ_ENTRY(resolver_early) link;
	uint32_t worker;
	int fd;
	struct ctl_channel of;
};

static void
on_resolver_channel(struct resolver *r, const struct ctl_message *m)
{
	struct ctl_channel channel;
	struct resolver_early *early;

	if (!boot_helper_introduced(m, &channel))
		return;
	if (r->begun) {
		ctl_server_join(&r->channels, &dns_channel, m, &channel);
		return;
	}
	early = mem_new(struct resolver_early);
	early->worker = m->request;
	early->fd = ctl_take_fd(m);
	early->of = channel;
	STAILQ_INSERT_TAIL(&r->early, early, link);
}

static void
begin_resolver(struct resolver *r)
{
	struct resolver_early *early;

	if (r->begun)
		return;
	r->begun = true;
	while ((early = STAILQ_FIRST(&r->early)) != NULL) {
		struct ctl_message m = { .request = early->worker, .fd = early->fd };

		STAILQ_REMOVE_HEAD(&r->early, link);
		ctl_server_join(&r->channels, &dns_channel, &m, &early->of);
		if (m.fd != -1)
			close(m.fd);
		free(early);
	}
	dns_test_go(r);
}

static void
run_resolver(struct boot *b)
{
	struct resolver *r = mem_new(struct resolver);

	b->state = r;
	STAILQ_INIT(&r->early);
	LIST_INIT(&r->tests);
	ctl_server_list_init(&r->channels, b->loop, r);
	r->queries = dns_query_new(b->loop, &b->config->service);
	r->health = dns_health_new(b, r->queries);
	if (b->config->service.dnssec == CONFIG_DNSSEC_YES)
		boot_open(b, 0, CTL_FILE_TRUST_ANCHOR, 0, "");
	else
		begin_resolver(r);
	boot_ready(b);
}

/* The text of the file that the master has opened, to be freed; NULL and why. */
static char *
read_anchor_file(const struct ctl_message *m, size_t *size, struct buf *why)
{
	struct ctl_opened opened;
	struct stat st;
	char *data = NULL;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (m->fd == -1) {
		buf_puts(why, opened.why);
	} else if (fstat(m->fd, &st) == -1 || (uint64_t)st.st_size > TRUST_ANCHOR_FILE_MAX) {
		buf_puts(why, "it cannot be read, or is too large");
	} else {
		*size = (size_t)st.st_size;
		data = mem_zalloc(*size + 1);
		if (disk_pread(m->fd, data, *size, 0) == (ssize_t)*size)
			return data;
		buf_puts(why, strerror(errno));
	}
	free(data);
	return NULL;
}

/* `why` "": they are good. */
static void
tell_anchors(struct boot *b, const char *why, bool old)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	if (why[0] != '\0')
		buf_printf(&text, "trust-anchor on disk cannot be used: %s; %s", why,
		    old ? "the old one is in use" : "mail that needs the DNS waits");
	boot_trouble(b, "trust-anchor", buf_text(&text));
	buf_done(&text);
}

/* A file without a usable key changes nothing. Without any, mail waits: nothing counts as unsigned. */
static void
take_anchor_file(struct boot *b, const struct ctl_message *m)
{
	struct resolver *r = b->state;
	struct buf why = BUF_INIT(CTL_REASON_MAX), records = BUF_INIT(2 * TRUST_ANCHOR_FILE_MAX);
	size_t size = 0;
	char *data = read_anchor_file(m, &size, &why);
	bool root = false, good = data != NULL && trust_anchor_read(data, size, &records, &root, &why) == 0;
	bool old = dns_query_trust(r->queries, good ? buf_text(&records) : NULL, buf_text(&why));

	tell_anchors(b, good ? "" : buf_text(&why), old);
	if (!good)
		log_event(LOG_FAULT, NULL, "trouble", "part=resolver what=trust-anchor reason=%s%s",
		    log_safe(buf_text(&why)), old ? " used=old" : "");
	else if (!root)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver what=trust-anchor reason=%s",
		    log_safe("no key of the root: names outside of its zones count as unsigned"));
	free(data);
	buf_done(&records);
	buf_done(&why);
	begin_resolver(r);
}

static void
on_resolver_control(struct boot *b, const struct ctl_message *m)
{
	if (m->type == CTL_CHANNEL)
		on_resolver_channel(b->state, m);
	else if (m->type == CTL_DNS_TEST)
		dns_test_begin(b, m);
	else if (m->type == CTL_FILE)
		take_anchor_file(b, m);
	else if (m->type == CTL_RENEWED && b->config->service.dnssec == CONFIG_DNSSEC_YES)
		boot_open(b, 0, CTL_FILE_TRUST_ANCHOR, 0, "");
	else
		boot_helper_control(b, m);
}

static void
finish_resolver(struct boot *b)
{
	struct resolver *r = b->state;
	struct resolver_early *early;

	while ((early = STAILQ_FIRST(&r->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->early, link);
		close(early->fd);
		free(early);
	}
	ctl_server_list_done(&r->channels);
	dns_query_free(r->queries);
	dns_test_free_all(r);
	dns_health_free(r->health);
	free(r);
}

const struct boot_role resolver_role = {
	.name = "resolver",
	.title = "finds names",
	.per_server = false,
	.user = offsetof(struct config_service, resolver_user),
	.run = run_resolver,
	.on_control = on_resolver_control,
	.finish = finish_resolver,
};
