/*
 * dns_context - one way to ask the DNS: a context of libunbound, or the validating resolver of this host
 *
 * Runs in:  resolver
 * Owns:     libunbound's context and log, or the stub
 * Promise:  both answer in the same way: a packet, and whether it is secure
 * Fails by: NULL when libunbound refuses the settings
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define LOG_MS 60000
#define LOG_LINES 5

/* libunbound's log: LOG_LINES a minute, as it writes the same line with every question. */
static ssize_t
write_unbound_log(void *cookie, const char *data, size_t len)
{
	struct dns_context_env *e = cookie;
	uint64_t now = clock_mono_ms();
	const char *text = memmem(data, len, "] error: ", 9);	/* after its own time and process id */
	size_t size = len;

	if (now - e->logged_at >= LOG_MS) {
		e->logged_at = now;
		e->logged = 0;
	}
	if (++e->logged > LOG_LINES)
		return (ssize_t)len;

	while (size > 0 && data[size - 1] == '\n')
		size--;
	text = text == NULL ? data : text + 2;
	if (data + size > text)
		log_event(LOG_WARN, NULL, "trouble", "part=resolver reason=%s",
		    log_safe_n(text, (size_t)(data + size - text)));
	return (ssize_t)len;
}

void
dns_context_env_init(struct dns_context_env *e, struct loop *l, const struct config_service *s)
{
	*e = (struct dns_context_env){ .loop = l, .service = s };
	e->log = fopencookie(e, "w", (cookie_io_functions_t){ .write = write_unbound_log });
	if (e->log != NULL)
		setvbuf(e->log, NULL, _IOLBF, 1024);
}

void
dns_context_env_done(struct dns_context_env *e)
{
	if (e->log != NULL)
		fclose(e->log);
}

static int
configure_unbound(struct ub_ctx *ub, const struct dns_context_env *e, const char *anchors,
    const struct buf *resolv)
{
	struct buf text = BUF_INIT(1U << 20);
	char path[64];
	int result = -1, fd = memfd_create("resolver", MFD_CLOEXEC);

	unbound_config_write(&text, e->service, anchors != NULL ? anchors : "", buf_text(resolv),
	    resolv->len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd != -1 && buf_ok(&text) && disk_write(fd, text.data, text.len) == 0)
		result = ub_ctx_config(ub, path);
	if (fd != -1)
		close(fd);
	buf_done(&text);
	return result;
}

struct dns_context *
dns_context_open(struct dns_context_env *e, const char *anchors, const struct buf *resolv)
{
	struct dns_context *c = mem_new(struct dns_context);

	if (e->service->dnssec == CONFIG_DNSSEC_RESOLVER) {
		c->stub = dns_stub_new(e->loop, &e->service->dns_server);
		return c;
	}
	c->ub = ub_ctx_create_event(loop_base(e->loop));
	if (c->ub != NULL && e->log != NULL)
		ub_ctx_debugout(c->ub, e->log);
	if (c->ub != NULL && configure_unbound(c->ub, e, anchors, resolv) == 0)
		return c;
	dns_context_free(c);
	return NULL;
}

void
dns_context_free(struct dns_context *c)
{
	if (c->ub != NULL)
		ub_ctx_delete(c->ub);
	if (c->stub != NULL)
		dns_stub_free(c->stub);
	free(c);
}

int
dns_context_ask(struct dns_context *c, const struct msg_dns_query *query, dns_context_answered *answered,
    void *arg)
{
	if (c->stub != NULL)
		return dns_stub_ask(c->stub, query->name, query->type, answered, arg) ? 0 : UB_SYNTAX;
	return ub_resolve_event(c->ub, query->name, query->type, 1, arg, answered, NULL);
}
