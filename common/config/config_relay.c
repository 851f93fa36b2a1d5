/*
 * config_relay - who may relay: whether that is everybody, or nearly so; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  networks are counted once, however they are put together. An open relay that is not asked for by
 *           name is an error; a large part of the world is a warning, and for operators of the service to say
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/config_check.h"
#include "common/config/config_private.h"

/* Parts of all addresses. Of IPv6 an eighth is in use: 2000::/3. Nobody has four networks of /8. */
#define EVERYBODY_4 1.0
#define EVERYBODY_6 (1.0 / 8)
#define MANY_4 (1.0 / 64)
#define MANY_6 (1.0 / 65536)

/* Networks stand in front of those that they contain. */
static int
compare(const void *a, const void *b)
{
	const struct net_entry *x = *(const struct net_entry *const *)a;
	const struct net_entry *y = *(const struct net_entry *const *)b;
	int order = memcmp(x->bytes, y->bytes, sizeof(x->bytes));

	return order != 0 ? order : memcmp(x->mask, y->mask, sizeof(x->mask));
}

static bool
contains(const struct net_entry *outer, const struct net_entry *inner)
{
	for (size_t i = 0; i < sizeof(outer->bytes); i++)
		if ((outer->mask[i] & ~inner->mask[i]) != 0 ||
		    (inner->bytes[i] & outer->mask[i]) != outer->bytes[i])
			return false;
	return true;
}

/* Of IPv6: a part of 2000::/3, or more than that. fc00::/7 is for everybody's own use, and large. */
static bool
is_public(const struct net_entry *e)
{
	return e->family != AF_INET6 || net_entry_prefix(e) < 3 || (e->bytes[0] & 0xe0) == 0x20;
}

/* Of all addresses of that family, from 0 to 1. */
static double
share_of(const struct config_nets *list, int family)
{
	const struct net_entry **sorted = mem_array(NULL, MAX(list->count, 1), sizeof(*sorted)), *last = NULL;
	size_t count = 0;
	double share = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->entry[i].family == family && is_public(&list->entry[i]))
			sorted[count++] = &list->entry[i];
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++) {
		double part = 1;

		if (last != NULL && contains(last, sorted[i]))
			continue;
		last = sorted[i];
		for (unsigned bits = net_entry_prefix(last); bits > 0; bits--)
			part /= 2;
		share += part;
	}
	free(sorted);
	return share;
}

bool
config_relay_is_everybody(const struct config_nets *list)
{
	return share_of(list, AF_INET) >= EVERYBODY_4 || share_of(list, AF_INET6) >= EVERYBODY_6;
}

static bool
is_large_part(const struct config_nets *list)
{
	return share_of(list, AF_INET) > MANY_4 || share_of(list, AF_INET6) > MANY_6;
}

/* "com" stands for every host whose name ends so. NULL: there is none. */
static const char *
top_level_of(const struct config_nets *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct net_entry *e = &list->entry[i];

		if (e->family == AF_UNSPEC && strchr(e->domain, '.') == NULL &&
		    strcmp(e->domain, "localhost") != 0)
			return e->domain;
	}
	return NULL;
}

/* "*.com": a large part of the world. */
static bool
is_for_top_level(const struct config_domain *d)
{
	return d->relay && strncmp(d->name, "*.", 2) == 0 && strchr(d->name + 2, '.') == NULL;
}

const char *
config_relay_opens(const struct config_server *s)
{
	if (s->relay == CONFIG_ALL_EXCEPT)
		return "every client outside relay-list could send mail to every domain";
	if (is_large_part(&s->relay_list))
		return "relay-list would be a large part of all addresses";
	if (top_level_of(&s->relay_list) != NULL)
		return "relay-list would have every host below a top-level domain";
	for (size_t i = 0; i < s->ndomain; i++)
		if (is_for_top_level(&s->domain[i]))
			return "everybody could send mail to all domains below a top-level domain";
	return NULL;
}

/* --- judged --- */

static void
judge_list(struct config_work *w, size_t server)
{
	const struct config_nets *list = &w->config->server[server].relay_list;
	const char *top = top_level_of(list);

	if (is_large_part(list))
		config_faults_at_key(w, server, KEY_ACCESS, "relay-list", true,
		    "relay-list is a large part of all addresses: they may all send mail to every domain");
	if (top != NULL)
		config_faults_at_key(w, server, KEY_ACCESS, "relay-list", true,
		    "relay-list names the top-level domain \"%s\": that is every host below it", top);
}

static void
judge_domains(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];

	for (size_t i = 0; i < s->ndomain; i++)
		if (is_for_top_level(&s->domain[i]))
			config_faults_add(w->faults, config_work_source(w, server),
			    config_origin_of(s->domain[i].origin, KEY_DOMAIN, "relay")->line, true,
			    "relay = yes for %s: everybody may send mail to all domains below %s",
			    s->domain[i].name, s->domain[i].name + 2);
}

void
config_relay_judge(struct config_work *w, size_t server)
{
	const struct config_server *s = &w->config->server[server];
	bool list = s->relay == CONFIG_ONLY && config_relay_is_everybody(&s->relay_list);
	bool empty = s->relay == CONFIG_ALL_EXCEPT && s->relay_list.count == 0;

	judge_domains(w, server);
	if (config_origin_of(s->origin, KEY_ACCESS, "relay-list")->bad ||
	    config_origin_of(s->origin, KEY_ACCESS, "relay")->bad)
		return;
	if ((list || empty) && s->open_relay)
		config_faults_at_key(w, server, KEY_ACCESS, "open-relay", true,
		    "open relay: every client may send mail to every domain");
	else if (list || empty)
		config_faults_at_key(w, server, KEY_ACCESS, list ? "relay-list" : "relay", false,
		    "open relay: %s would let every client send mail to every domain; "
		    "name the networks that may, or say open-relay = i-know",
		    list ? "relay-list" : "relay = all-except with an empty relay-list");
	else if (s->relay == CONFIG_ALL_EXCEPT)
		config_faults_at_key(w, server, KEY_ACCESS, "relay", true,
		    "open relay: every client outside relay-list may send mail to every domain");
	else
		judge_list(w, server);
}
