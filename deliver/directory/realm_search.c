/*
 * realm_search - what unfold asks of a virtual server's directory: from memory, else from a server
 *
 * Runs in:  directory, pool threads
 * Owns:     the idle connections, by turns
 * Promise:  of several servers the one that answered last is asked first, the next when it fails; when all have failed none is asked
 *           for DOWN_MS, so that nobody waits for a dead directory twice
 * Fails by: LINK_LOST, LINK_REFUSED, with words
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define DOWN_MS 2000U
#define FILTER_MAX 16384U

/* --- connections --- */

static struct link *
take_idle(struct realm *r)
{
	struct link *l = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->nidle > 0)
		l = r->idle[--r->nidle];
	pthread_mutex_unlock(&r->lock);
	return l;
}

static void
give_back(struct realm *r, struct link *l)
{
	pthread_mutex_lock(&r->lock);
	if (r->nidle < nitems_of(r->idle)) {
		r->idle[r->nidle++] = l;
		l = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	link_close(l);
}

void
realm_search_close(struct realm *r)
{
	struct link *l;

	while ((l = take_idle(r)) != NULL)
		link_close(l);
}

static void
set_down(struct realm *r, const char *why)
{
	bool tell;

	realm_search_close(r);
	pthread_mutex_lock(&r->lock);
	tell = strcmp(r->down_why, why) != 0;
	snprintf(r->down_why, sizeof(r->down_why), "%s", why);
	r->down_until = clock_mono_ms() + DOWN_MS;
	pthread_mutex_unlock(&r->lock);
	if (tell)
		log_event(LOG_FAULT, NULL, "trouble", "part=directory server=%s reason=%s", r->server->name, log_safe(why));
}

static bool
is_down(struct realm *r, char why[LINK_WHY_SIZE])
{
	bool down;

	pthread_mutex_lock(&r->lock);
	down = clock_mono_ms() < r->down_until;
	if (down)
		snprintf(why, LINK_WHY_SIZE, "%s", r->down_why);
	pthread_mutex_unlock(&r->lock);
	return down;
}

static void
set_up(struct realm *r, size_t uri)
{
	bool tell;

	pthread_mutex_lock(&r->lock);
	tell = r->down_why[0] != '\0';
	r->down_why[0] = '\0';
	r->uri = uri;
	pthread_mutex_unlock(&r->lock);
	if (tell)
		log_event(LOG_FACT, NULL, "service", "what=directory server=%s state=answers uri=%s", r->server->name,
		    log_safe(r->server->ldap.uri.text[uri]));
}

static struct link *
connect_one(struct realm *r, size_t uri, char why[LINK_WHY_SIZE])
{
	struct link_setup set = { .ldap = &r->server->ldap, .schema = r->schema };
	bool denied = false;
	struct link *l;
	char *secret;

	pthread_mutex_lock(&r->lock);
	set.secret = secret = mem_strdup(r->secret);
	set.keytab = keytab_use(r->keytab);
	set.ca = r->ca[0] != '\0' ? r->ca : NULL;
	pthread_mutex_unlock(&r->lock);
	l = link_open(&set, r->server->ldap.uri.text[uri], &denied, why);
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
	keytab_release(set.keytab);
	if (denied)
		atomic_store(&r->denied, true);
	return l;
}

static struct link *
connect_any(struct realm *r, char why[LINK_WHY_SIZE])
{
	size_t count = r->server->ldap.uri.count, first;

	pthread_mutex_lock(&r->lock);
	first = r->uri;
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < count; i++) {
		struct link *l = connect_one(r, (first + i) % count, why);

		if (l == NULL)
			continue;
		set_up(r, (first + i) % count);
		return l;
	}
	set_down(r, why);
	return NULL;
}

/* It let us in, and then did not answer. */
static void
leave_server(struct realm *r)
{
	pthread_mutex_lock(&r->lock);
	r->uri = (r->uri + 1) % r->server->ldap.uri.count;
	pthread_mutex_unlock(&r->lock);
}

/* A connection that was idle may have been closed by the server long ago: that says nothing about it. */
static enum link_result
ask(struct realm *r, const char *dn, const char *filter, struct entry **e, char why[LINK_WHY_SIZE])
{
	if (is_down(r, why))
		return LINK_LOST;
	for (size_t left = r->server->ldap.uri.count + 1; left > 0; left--) {
		struct link *l = take_idle(r);
		bool fresh = l == NULL;
		enum link_result found;

		if (fresh)
			l = connect_any(r, why);
		if (l == NULL)
			return LINK_LOST;
		found = link_search(l, dn, filter, e, why);
		if (found != LINK_LOST) {
			give_back(r, l);
			return found;
		}
		link_close(l);
		if (fresh)
			leave_server(r);
		else
			realm_search_close(r);
	}
	set_down(r, why);
	return LINK_LOST;
}

/* --- through memory --- */

/* "a:name@domain", "d:cn=x": lower case. False: too long to be kept. */
static bool
make_key(char key[MEMO_KEY_SIZE], char kind, const char *text)
{
	int n = snprintf(key, MEMO_KEY_SIZE, "%c:%s", kind, text);

	for (char *p = key; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return n > 0 && (size_t)n < MEMO_KEY_SIZE;
}

static void
remember(struct realm *r, const char *key, enum link_result found, struct entry *e)
{
	const struct config_ldap *c = &r->server->ldap;

	if (found == LINK_FOUND)
		memo_put(r->memo, key, e, clock_mono_ms() + c->cache_found);
	else if (found == LINK_NONE)
		memo_put(r->memo, key, NULL, clock_mono_ms() + c->cache_missing);
}

static enum link_result
ask_address(struct realm *r, const char *address, struct entry **e, char why[LINK_WHY_SIZE])
{
	struct buf filter = BUF_INIT(FILTER_MAX);
	enum link_result found = LINK_REFUSED;

	schema_filter(r->schema, address, &filter);
	if (buf_ok(&filter))
		found = ask(r, NULL, buf_text(&filter), e, why);
	else
		snprintf(why, LINK_WHY_SIZE, "the filter is too long");
	buf_done(&filter);
	return found;
}

/* An address of an alias domain is, when the directory does not have it, the one of the default domain. */
static enum link_result
ask_both(struct realm *r, const char *address, struct entry **e, char why[LINK_WHY_SIZE])
{
	enum link_result found = ask_address(r, address, e, why);
	const struct config_domain *d;
	struct address a;

	if (found != LINK_NONE || address_from_text(&a, address) == -1)
		return found;
	d = config_domain_find(r->server, address_domain(&a));
	if (d == NULL || d->type != CONFIG_DOMAIN_ALIAS)
		return found;
	a.text[a.at] = '\0';
	if (address_complete(&a, r->server->default_domain->name) == -1)
		return found;
	return ask_address(r, a.text, e, why);
}

enum link_result
realm_search_address(struct realm *r, const char *address, struct entry **e, char why[LINK_WHY_SIZE])
{
	char key[MEMO_KEY_SIZE];
	bool kept = make_key(key, 'a', address);
	enum memo_state state = kept ? memo_get(r->memo, key, clock_mono_ms(), e) : MEMO_NEW;
	enum link_result found;

	if (state != MEMO_NEW)
		return state == MEMO_ENTRY ? LINK_FOUND : LINK_NONE;
	found = ask_both(r, address, e, why);
	if (kept)
		remember(r, key, found, *e);
	return found;
}

enum link_result
realm_search_dn(struct realm *r, const char *dn, struct entry **e, char why[LINK_WHY_SIZE])
{
	char key[MEMO_KEY_SIZE];
	bool kept = make_key(key, 'd', dn);
	enum memo_state state = kept ? memo_get(r->memo, key, clock_mono_ms(), e) : MEMO_NEW;
	enum link_result found;

	if (state != MEMO_NEW)
		return state == MEMO_ENTRY ? LINK_FOUND : LINK_NONE;
	found = ask(r, dn, NULL, e, why);
	if (kept)
		remember(r, key, found, *e);
	return found;
}

bool
realm_search_known(struct realm *r, const char *address, struct addressee *a)
{
	char key[MEMO_KEY_SIZE];
	struct entry *e = NULL;
	enum memo_state state = make_key(key, 'a', address) ? memo_get(r->memo, key, clock_mono_ms(), &e) : MEMO_NEW;

	if (state == MEMO_NEW || (state == MEMO_NONE && strncasecmp(address, "postmaster@", 11) == 0))
		return false;
	entry_release(e);
	addressee_set(a, state == MEMO_ENTRY ? ADDRESSEE_MAILBOX : ADDRESSEE_UNKNOWN, state == MEMO_ENTRY ? "" : "5.1.1", "%s",
	    state == MEMO_ENTRY ? "" : "the directory has no such address");
	return true;
}
