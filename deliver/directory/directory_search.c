/*
 * directory_search - looks into a virtual server's directory: into the cache, else asks an LDAP server
 *
 * Runs in:  directory, pool threads
 * Owns:     the idle connections
 * Promise:  of several LDAP servers the one that answered last is asked first, the next one when it fails;
 *           when all have failed none is asked for DOWN_MS, so that questions do not queue for a dead one
 * Fails by: what ldap_result makes of it, with words
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

static struct ldap_conn *
take_idle_conn(struct directory_server *r)
{
	struct ldap_conn *l = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->nidle > 0)
		l = r->idle[--r->nidle];
	pthread_mutex_unlock(&r->lock);
	return l;
}

static void
give_back_conn(struct directory_server *r, struct ldap_conn *l)
{
	pthread_mutex_lock(&r->lock);
	if (r->nidle < nitems_of(r->idle)) {
		r->idle[r->nidle++] = l;
		l = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	ldap_conn_close(l);
}

void
directory_search_close(struct directory_server *r)
{
	struct ldap_conn *l;

	while ((l = take_idle_conn(r)) != NULL)
		ldap_conn_close(l);
}

static void
set_down(struct directory_server *r, const char *why)
{
	bool tell;

	directory_search_close(r);
	pthread_mutex_lock(&r->lock);
	tell = strcmp(r->down_why, why) != 0;
	snprintf(r->down_why, sizeof(r->down_why), "%s", why);
	r->down_until = clock_mono_ms() + DOWN_MS;
	pthread_mutex_unlock(&r->lock);
	if (tell)
		log_event(LOG_FAULT, NULL, "trouble", "part=directory server=%s reason=%s", r->server->name,
		    log_safe(why));
}

static bool
is_down(struct directory_server *r, char why[LDAP_CONN_WHY_SIZE])
{
	bool down;

	pthread_mutex_lock(&r->lock);
	down = clock_mono_ms() < r->down_until;
	if (down)
		snprintf(why, LDAP_CONN_WHY_SIZE, "%s", r->down_why);
	pthread_mutex_unlock(&r->lock);
	return down;
}

static void
set_up(struct directory_server *r, size_t uri)
{
	bool tell;

	pthread_mutex_lock(&r->lock);
	tell = r->down_why[0] != '\0';
	r->down_why[0] = '\0';
	r->uri = uri;
	pthread_mutex_unlock(&r->lock);
	if (tell)
		log_event(LOG_FACT, NULL, "service", "what=directory server=%s state=answers uri=%s",
		    r->server->name, log_safe(r->server->ldap.uri.text[uri]));
}

/* The files are new: with them the server may answer. */
void
directory_search_renew(struct directory_server *r)
{
	directory_search_close(r);
	pthread_mutex_lock(&r->lock);
	r->down_until = 0;
	pthread_mutex_unlock(&r->lock);
}

static struct ldap_conn *
connect_one(struct directory_server *r, size_t uri, char why[LDAP_CONN_WHY_SIZE])
{
	struct ldap_conn_setup set = { .ldap = &r->server->ldap, .schema = r->schema };
	bool denied = false;
	struct ldap_conn *l;
	struct ldap_ca *ca;
	char *secret;

	pthread_mutex_lock(&r->lock);
	set.secret = secret = mem_strdup(r->secret);
	set.keytab = ldap_keytab_use(r->keytab);
	ca = ldap_ca_use(r->ca);
	pthread_mutex_unlock(&r->lock);
	set.ca = ca != NULL ? ca->path : NULL;
	l = ldap_conn_open(&set, r->server->ldap.uri.text[uri], &denied, why);
	ldap_ca_release(ca);
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
	ldap_keytab_release(set.keytab);
	if (denied)
		atomic_store(&r->denied, true);
	return l;
}

static struct ldap_conn *
connect_any(struct directory_server *r, char why[LDAP_CONN_WHY_SIZE])
{
	size_t count = r->server->ldap.uri.count, first;

	pthread_mutex_lock(&r->lock);
	first = r->uri;
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < count; i++) {
		struct ldap_conn *l = connect_one(r, (first + i) % count, why);

		if (l == NULL)
			continue;
		set_up(r, (first + i) % count);
		return l;
	}
	set_down(r, why);
	return NULL;
}

/* A server that took the bind, but did not answer the search: the next one is tried. */
static void
leave_server(struct directory_server *r)
{
	pthread_mutex_lock(&r->lock);
	r->uri = (r->uri + 1) % r->server->ldap.uri.count;
	pthread_mutex_unlock(&r->lock);
}

/* After a search that had no answer: whether the server lives, and only that entry cannot be looked up. */
static bool
answers_otherwise(struct directory_server *r)
{
	char why[LDAP_CONN_WHY_SIZE];
	struct ldap_conn *l = connect_any(r, why);

	if (l == NULL || !ldap_conn_is_alive(l)) {
		ldap_conn_close(l);
		return false;
	}
	give_back_conn(r, l);
	return true;
}

/*
 * Asks one server after the other until one of them knows. A connection that was idle may have been closed by
 * the server long ago. So a lost one says nothing about the server: another one is made.
 */
static enum ldap_conn_result
ask_servers(struct directory_server *r, const char *dn, const char *filter, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	size_t count = r->server->ldap.uri.count, later = 0;

	for (size_t left = count + 1; left > 0; left--) {
		struct ldap_conn *l = take_idle_conn(r);
		bool fresh = l == NULL;
		enum ldap_conn_result found;

		if (fresh)
			l = connect_any(r, why);
		if (l == NULL)
			return LDAP_CONN_LOST;
		found = ldap_conn_search(l, dn, filter, e, why);
		if (found == LDAP_CONN_LOST)
			ldap_conn_close(l);
		else
			give_back_conn(r, l);
		if ((found != LDAP_CONN_LATER && found != LDAP_CONN_LOST) ||
		    (found == LDAP_CONN_LATER && ++later == count))
			return found;
		if (fresh || found == LDAP_CONN_LATER)
			leave_server(r);
		if (!fresh || found == LDAP_CONN_LATER)
			directory_search_close(r);
	}
	if (later > 0 || (dn != NULL && answers_otherwise(r)))
		return LDAP_CONN_LATER;
	set_down(r, why);
	return LDAP_CONN_LOST;
}

/* Said once, and again when it is another one: senders see that mail waits, the administrator has to act. */
static void
tell_misfit(struct directory_server *r, const char *why)
{
	bool tell;

	pthread_mutex_lock(&r->lock);
	tell = strcmp(r->misfit, why) != 0;
	snprintf(r->misfit, sizeof(r->misfit), "%s", why);
	pthread_mutex_unlock(&r->lock);
	if (tell)
		log_event(LOG_FAULT, NULL, "trouble", "part=directory server=%s reason=%s", r->server->name,
		    log_safe(why));
}

static void
forget_misfit(struct directory_server *r)
{
	pthread_mutex_lock(&r->lock);
	r->misfit[0] = '\0';
	pthread_mutex_unlock(&r->lock);
}

static enum ldap_conn_result
ask_server(struct directory_server *r, const char *dn, const char *filter, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	enum ldap_conn_result found;

	if (is_down(r, why))
		return LDAP_CONN_LOST;
	found = ask_servers(r, dn, filter, e, why);
	if (found == LDAP_CONN_CONFIG)
		tell_misfit(r, why);
	else if (found == LDAP_CONN_FOUND || found == LDAP_CONN_NONE)
		forget_misfit(r);
	return found;
}

bool
directory_search_trouble(struct directory_server *r, char why[LDAP_CONN_WHY_SIZE])
{
	bool down;

	pthread_mutex_lock(&r->lock);
	down = r->down_why[0] != '\0';
	snprintf(why, LDAP_CONN_WHY_SIZE, "%s", down ? r->down_why : r->misfit);
	pthread_mutex_unlock(&r->lock);
	return down;
}

void
directory_search_probe(struct directory_server *r)
{
	char why[LDAP_CONN_WHY_SIZE];
	struct ldap_conn *l = is_down(r, why) ? NULL : connect_any(r, why);

	if (l != NULL)
		give_back_conn(r, l);
}

/* --- through the cache --- */

/* "a:name@domain", "d:cn=x": lower case. False: too long for the cache. */
static bool
make_cache_key(char key[DIRECTORY_CACHE_KEY_SIZE], char kind, const char *text)
{
	int n = snprintf(key, DIRECTORY_CACHE_KEY_SIZE, "%c:%s", kind, text);

	for (char *p = key; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return n > 0 && (size_t)n < DIRECTORY_CACHE_KEY_SIZE;
}

static void
remember_entry(struct directory_server *r, const char *key, enum ldap_conn_result found, struct ldap_entry *e)
{
	const struct config_ldap *c = &r->server->ldap;

	if (found == LDAP_CONN_FOUND)
		directory_cache_put(r->cache, key, e, clock_mono_ms() + c->cache_found);
	else if (found == LDAP_CONN_NONE)
		directory_cache_put(r->cache, key, NULL, clock_mono_ms() + c->cache_missing);
}

typedef enum ldap_conn_result ask_fn(struct directory_server *r, const char *text, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE]);

static enum ldap_conn_result
ask_address(struct directory_server *r, const char *address, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	struct buf filter = BUF_INIT(FILTER_MAX);
	enum ldap_conn_result found = LDAP_CONN_REFUSED;

	ldap_schema_filter(r->schema, address, &filter);
	if (buf_ok(&filter))
		found = ask_server(r, NULL, buf_text(&filter), e, why);
	else
		snprintf(why, LDAP_CONN_WHY_SIZE, "the filter is too long");
	buf_done(&filter);
	return found;
}

/* An address of an alias domain that the directory does not have is looked up in the default domain. */
static enum ldap_conn_result
ask_both(struct directory_server *r, const char *address, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	enum ldap_conn_result found = ask_address(r, address, e, why);
	const struct config_domain *d;
	struct address a;

	if (found != LDAP_CONN_NONE || address_from_text(&a, address) == -1)
		return found;
	d = config_domain_find(r->server, address_domain(&a));
	if (d == NULL || d->type != CONFIG_DOMAIN_ALIAS)
		return found;
	a.text[a.at] = '\0';
	if (address_complete(&a, r->server->default_domain->name) == -1)
		return found;
	return ask_address(r, a.text, e, why);
}

/* The entry that `ask` finds for `text`, or what is remembered of the last time. */
static enum ldap_conn_result
find_cached(struct directory_server *r, char kind, const char *text, ask_fn *ask, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	char key[DIRECTORY_CACHE_KEY_SIZE];
	bool cached = make_cache_key(key, kind, text);
	enum directory_cache_state state = cached ? directory_cache_get(r->cache, key, clock_mono_ms(), e) :
	    DIRECTORY_CACHE_NEW;
	enum ldap_conn_result found;

	if (state != DIRECTORY_CACHE_NEW)
		return state == DIRECTORY_CACHE_ENTRY ? LDAP_CONN_FOUND : LDAP_CONN_NONE;
	found = ask(r, text, e, why);
	if (cached)
		remember_entry(r, key, found, *e);
	return found;
}

enum ldap_conn_result
directory_search_exactly(struct directory_server *r, const char *address, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	return find_cached(r, 'a', address, ask_both, e, why);
}

/* An address with a tag that has no entry of its own is that without the tag (RFC 5233). */
enum ldap_conn_result
directory_search_address(struct directory_server *r, const char *address, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	enum ldap_conn_result found = directory_search_exactly(r, address, e, why);
	char plain[ADDRESS_MAX + 1];

	if (found == LDAP_CONN_NONE &&
	    ldap_schema_without_tag(plain, address, r->server->ldap.recipient_delimiter))
		found = directory_search_exactly(r, plain, e, why);
	return found;
}

static enum ldap_conn_result
ask_dn(struct directory_server *r, const char *dn, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	return ask_server(r, dn, NULL, e, why);
}

enum ldap_conn_result
directory_search_dn(struct directory_server *r, const char *dn, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	return find_cached(r, 'd', dn, ask_dn, e, why);
}

static enum directory_cache_state
recall_address(struct directory_server *r, const char *address)
{
	char key[DIRECTORY_CACHE_KEY_SIZE];
	struct ldap_entry *e = NULL;
	enum directory_cache_state state = DIRECTORY_CACHE_NEW;

	if (make_cache_key(key, 'a', address))
		state = directory_cache_get(r->cache, key, clock_mono_ms(), &e);
	ldap_entry_release(e);
	return state;
}

bool
directory_search_known(struct directory_server *r, const char *address, struct msg_directory *a)
{
	enum directory_cache_state state = recall_address(r, address);
	char plain[ADDRESS_MAX + 1];

	if (state == DIRECTORY_CACHE_NONE &&
	    ldap_schema_without_tag(plain, address, r->server->ldap.recipient_delimiter))
		state = recall_address(r, plain);
	if (state == DIRECTORY_CACHE_NEW ||
	    (state == DIRECTORY_CACHE_NONE && strncasecmp(address, "postmaster@", 11) == 0))
		return false;
	msg_directory_set(a, state == DIRECTORY_CACHE_ENTRY ? DIRECTORY_MAILBOX : DIRECTORY_UNKNOWN,
	    state == DIRECTORY_CACHE_ENTRY ? "" : "5.1.1", "%s",
	    state == DIRECTORY_CACHE_ENTRY ? "" : "the directory has no such address");
	return true;
}
