/*
 * server_list - the virtual servers of the service, in the order of their ids
 *
 * Runs in:  master
 * Owns:     nothing; service frees them
 * Promise:  a name is there once; virtual servers without an id come last
 * Fails by: NULL
 */
#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/server_numbers.h"
#include "common/host/wanted_state.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
insert_server(struct master *m, struct server *s)
{
	struct server *other;
	uint32_t id = server_id(s);

	TAILQ_FOREACH(other, &m->servers, link)
		if (id != 0 && (server_id(other) == 0 || server_id(other) > id)) {
			TAILQ_INSERT_BEFORE(other, s, link);
			return;
		}
	TAILQ_INSERT_TAIL(&m->servers, s, link);
}

struct server *
server_list_add(struct master *m, const char *name, struct snapshot *snap, const struct config_fault *fault)
{
	char place[RELOAD_WORDS_PLACE];
	struct server *s = server_list_find(m, name);

	if (s == NULL) {
		s = server_new(m, name);
		if (s == NULL) {
			log_event(LOG_FAULT, NULL, "trouble", "server=%s reason=%s", name,
			    log_safe(strerror(errno)));
			return NULL;
		}
		if (fault == NULL)
			server_adopt(s, snap);
		s->wanted = wanted_state_wanted(m->snapshot->config->service.state, name);
		home_lost_recall(s);
		insert_server(m, s);
		metrics_post_tell(m, s, false);
	}
	if (fault != NULL && s->conf == NULL)
		server_reason(s, "%s: %s", reload_words_place(place, fault), fault->text);
	return s;
}

struct server *
server_list_find(const struct master *m, const char *name)
{
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

struct server *
server_list_find_id(const struct master *m, uint32_t id)
{
	struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (id != 0 && server_id(s) == id)
			return s;
	return NULL;
}

void
server_list_keep_numbers(const struct master *m)
{
	const struct config *c = m->snapshot->config;

	if (server_numbers_keep(c) == -1)
		log_event(LOG_FAULT, NULL, "trouble", "doing=numbers reason=%s path=%s",
		    log_safe(strerror(errno)), log_safe(c->service.state));
}
