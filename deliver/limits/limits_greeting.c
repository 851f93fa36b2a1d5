/*
 * limits_greeting - what is said first on a connection to the engine: password, its state, the scripts
 *
 * Runs in:  limits
 * Owns:     nothing
 * Promise:  an engine that takes no writes, or does not say which life of it this is, is not used
 * Fails by: why it is not used
 */
#include <string.h>

#include <hiredis/hiredis.h>

#include "deliver/limits/limits.h"

static void
put_words(struct limits_engine *e, const char *first, const char *second, const char *third)
{
	const char *word[] = { first, second, third };
	size_t len[] = { strlen(first), second != NULL ? strlen(second) : 0, third != NULL ? strlen(third) :
	    0 };

	limits_script_put(&e->out, third != NULL ? 3 : second != NULL ? 2 : 1, word, len);
}

void
limits_greeting_put(struct limits_engine *e, const char *password)
{
	e->greeting = password != NULL ? LIMITS_GREETING_PASSWORD : LIMITS_GREETING_INFO;
	if (password != NULL && e->limits->config->user != NULL)
		put_words(e, "AUTH", e->limits->config->user, password);
	else if (password != NULL)
		put_words(e, "AUTH", password, NULL);
	put_words(e, "INFO", NULL, NULL);
	for (size_t i = 0; i < LIMITS_KINDS; i++)
		put_words(e, "SCRIPT", "LOAD", limits_script_text[i]);
}

/* What it says of itself. NULL, or why it cannot be used. */
static const char *
judge_info(struct limits_engine *e, const redisReply *r)
{
	char word[32], most[32];

	if (r->type != REDIS_REPLY_STRING)
		return "it does not answer INFO";
	if (!limits_script_info(e->run, sizeof(e->run), r->str, r->len, "run_id"))
		return "INFO has no run_id";
	if (limits_script_info(word, sizeof(word), r->str, r->len, "role") && strcmp(word, "master") != 0)
		return "it is a replica, which takes no writes";
	if (limits_script_info(word, sizeof(word), r->str, r->len, "maxmemory_policy") &&
	    strcmp(word, "noeviction") != 0 &&
	    limits_script_info(most, sizeof(most), r->str, r->len, "maxmemory") && strcmp(most, "0") != 0)
		boot_trouble(e->limits->boot, "eviction", "the engine of [limits] may forget what it has "
		    "given: its maxmemory-policy should be noeviction");
	else
		boot_trouble(e->limits->boot, "eviction", "");
	return NULL;
}

const char *
limits_greeting_take(struct limits_engine *e, const redisReply *r)
{
	size_t kind = e->greeting - (size_t)LIMITS_GREETING_LOAD;
	const char *why;

	if (r->type == REDIS_REPLY_ERROR)
		return r->str;
	if (e->greeting == LIMITS_GREETING_PASSWORD) {
		if (r->type != REDIS_REPLY_STATUS)
			return "it does not answer AUTH";
	} else if (e->greeting == LIMITS_GREETING_INFO) {
		if ((why = judge_info(e, r)) != NULL)
			return why;
	} else if (r->type != REDIS_REPLY_STRING || r->len != LIMITS_SHA_SIZE - 1 ||
	    strlen(r->str) != r->len) {
		return "it does not load scripts";
	} else
		memcpy(e->sha[kind], r->str, LIMITS_SHA_SIZE);
	e->greeting++;
	return NULL;
}
