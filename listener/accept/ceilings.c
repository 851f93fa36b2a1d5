/*
 * ceilings - the limits that hold the machine, where the configuration leaves them to us
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  ceilings_set() is arithmetic over what it is given; a limit of the configuration is taken as it
 *           is
 * Fails by: cannot
 */
#include <sys/param.h>
#include <sys/resource.h>

#include "common/base/machine.h"
#include "common/config/config.h"
#include "common/config/config_filter.h"
#include "common/config/config_listeners.h"
#include "common/spool/enqueue.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"

enum {
	SESSION_BYTES = 2 << 10,	/* measured: 1.1 KiB idle */
	TLS_BYTES = 32 << 10,
	MEMORY_SHARE = 4,		/* a quarter of the machine's for all listeners */
	DESCRIPTORS_KEPT = 200,		/* for files, channels and sockets that listen */
	DESCRIPTORS_EACH = 2,		/* the connection, and the file of its message */
	DESCRIPTORS_FILTERED = 3,	/* and the file that filters look at, which is read then */
	CONNECTIONS_LEAST = 100, CONNECTIONS_MOST = 100000,
	/* Above what a relay, a smart host or an office opens at a time. */
	CLIENT_LEAST = 20, CLIENT_MOST = 250, CLIENT_SHARE = 4,
	/* Of the memory: what messages leave for sessions, sessions for messages, other clients for one. */
	KEPT_SHARE = 8,
	MESSAGE_KEPT = CEILINGS_MESSAGE + (16 << 10),	/* at least, for one message */
};
#define MEMORY_LEAST (64ULL << 20)

static uint64_t
connections_of(const struct ceilings *c, const struct config_server *s, unsigned processes,
    uint64_t descriptors)
{
	uint64_t by_memory = c->memory == UINT64_MAX ? CONNECTIONS_MOST :
	    c->memory / c->session * processes;
	unsigned each = config_filter_is_used(s, CONFIG_FILTER_SMTP) ? DESCRIPTORS_FILTERED :
	    DESCRIPTORS_EACH;
	uint64_t by_descriptors = descriptors > DESCRIPTORS_KEPT ?
	    (descriptors - DESCRIPTORS_KEPT) / each * processes : 0;
	uint64_t most = MIN(by_memory, by_descriptors);

	return MAX(CONNECTIONS_LEAST, MIN(most, CONNECTIONS_MOST));
}

/* An explicit connection-limit is for few clients, perhaps for one: no share of it. */
static uint64_t
per_client_of(const struct ceilings *c, const struct config_server *s, unsigned processes)
{
	uint64_t most = c->connections;

	if (s->connection_limit == CONFIG_UNLIMITED)
		return CONFIG_UNLIMITED;
	if (s->connection_limit == 0)
		most = MAX(CLIENT_LEAST, c->connections / CLIENT_SHARE);
	most = MIN(most, CLIENT_MOST);
	if (c->memory != UINT64_MAX)
		most = MIN(most, MAX(CLIENT_LEAST, c->memory / KEPT_SHARE / CEILINGS_MESSAGE * processes));
	return most;
}

void
ceilings_set(struct ceilings *c, const struct config_server *s, unsigned processes, uint64_t memory,
    uint64_t descriptors)
{
	*c = (struct ceilings){ .memory = s->memory_limit, .connections = s->connection_limit,
	    .per_client = s->connection_limit_per_client,
	    .is_derived = s->connection_limit_per_client == 0 };
	c->session = SESSION_BYTES + (config_server_has_tls(s) ? TLS_BYTES : 0);
	if (c->memory == 0)
		c->memory = MAX(MEMORY_LEAST, memory / MEMORY_SHARE / processes);
	else if (c->memory == CONFIG_UNLIMITED)
		c->memory = UINT64_MAX;
	if (c->connections == 0)
		c->connections = connections_of(c, s, processes, descriptors);
	if (c->per_client == 0)
		c->per_client = per_client_of(c, s, processes);
	c->messages = c->memory - c->memory / KEPT_SHARE;
	c->sessions = c->memory - MIN(c->memory, MAX(c->memory / KEPT_SHARE, MESSAGE_KEPT));
}

void
ceilings_find(struct ceilings *c, const struct config_server *s, size_t servers)
{
	struct rlimit files = { 0 };

	(void)!getrlimit(RLIMIT_NOFILE, &files);
	ceilings_set(c, s, config_listeners(s, servers, machine_processors()),
	    machine_memory() / MAX(servers, 1U), files.rlim_cur);
}
