/*
 * config_limits - judges [limits]: what the nodes that share limits have to agree on
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  an engine is never used without a number of nodes that can be meant
 * Fails by: faults
 */
#include "common/config/config_limits.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

bool
config_limits_are_shared(const struct config *c)
{
	return c->service.limits.engine != NULL;
}

static bool
is_same_word(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
config_limits_same(const struct config_limits *a, const struct config_limits *b)
{
	return is_same_word(a->engine, b->engine) && is_same_word(a->user, b->user) &&
	    is_same_word(a->password_file, b->password_file) && is_same_word(a->prefix, b->prefix) &&
	    is_same_word(a->node, b->node) && a->nodes == b->nodes && a->on_loss == b->on_loss &&
	    a->lease == b->lease;
}

static const struct config_origin *
origin_of(const struct config_service *s, const char *key)
{
	return config_origin_of(s->origin, KEY_LIMITS, key);
}

void
config_limits_judge(struct config_work *w)
{
	static const char *const keys[] = { "user", "password-file", "node", "nodes", "on-loss", "lease" };
	const struct config_service *s = &w->config->service;
	const struct config_origin *engine = origin_of(s, "engine");

	if (engine->bad)
		return;
	if (s->limits.user != NULL && s->limits.password_file == NULL)
		config_faults_add(w->faults, &w->sources.source[0], origin_of(s, "user")->line, false,
		    "user of [limits] needs password-file");
	for (size_t i = 0; i < nitems_of(keys) && s->limits.engine == NULL; i++)
		if (origin_of(s, keys[i])->file != NULL) {
			config_faults_add(w->faults, &w->sources.source[0], origin_of(s, keys[i])->line, true,
			    "[limits] has no effect without engine");
			break;
		}
	if (s->limits.engine != NULL && s->limits.nodes == 1)
		config_faults_add(w->faults, &w->sources.source[0], engine->line, true,
		    "nodes of [limits] is 1: a node without the engine would use whole limits; say how many "
		    "nodes there are");
}
