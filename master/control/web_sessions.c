/*
 * web_sessions - who is logged in to the manager in a web browser, and the one-time links that lead there
 *
 * Runs in:  master
 * Owns:     the sessions and links; of each secret only its hash
 * Promise:  a session is of the user for whom the master made the link, or whom the auth helper named,
 *           whatever the web helper says. A link
 *           is good once and for a while; a session ends when it idles, when it is too old, at logout, and
 *           with the master. Time is what the caller says
 * Fails by: NULL; the oldest of a user's own makes room for a new one
 */
#include <bsd/stdlib.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/account/secret.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/msg/web_mac.h"
#include "master/control/control.h"
#include "master/control/control_private.h"

struct web_sessions {
	TAILQ_HEAD(, web_session) links, sessions;	/* the oldest first */
	unsigned char key[WEB_KEY_SIZE];
};

static void
hash_secret(uint8_t hash[SHA256_DIGEST_LENGTH], const unsigned char secret[WEB_SECRET_SIZE])
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, secret, WEB_SECRET_SIZE);
	SHA256Final(hash, &context);
	explicit_bzero(&context, sizeof(context));
}

static void
end_one(struct web_sessions *w, struct web_session *s)
{
	if (s->is_link)
		TAILQ_REMOVE(&w->links, s, link);
	else
		TAILQ_REMOVE(&w->sessions, s, link);
	control_rights_peer_done(&s->peer);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static bool
is_over(const struct web_session *s, uint64_t now)
{
	return s->is_link ? now - s->born_ms >= WEB_LINK_MS :
	    now - s->born_ms >= WEB_SESSION_MS || now - s->used_ms >= WEB_IDLE_MS ||
	    (s->asked_ms != 0 && now - s->asked_ms >= WEB_UNCHECKED_MS);
}

static void
end_old(struct web_sessions *w, uint64_t now)
{
	struct web_session *s, *next;

	TAILQ_FOREACH_SAFE(s, &w->links, link, next)
		if (is_over(s, now))
			end_one(w, s);
	TAILQ_FOREACH_SAFE(s, &w->sessions, link, next)
		if (is_over(s, now))
			end_one(w, s);
}

/* How many from `s` on are of that user; *oldest: the first of them. */
static unsigned
count_own(struct web_session *s, const struct control_peer *peer, struct web_session **oldest)
{
	unsigned n = 0;

	*oldest = NULL;
	for (; s != NULL; s = TAILQ_NEXT(s, link))
		if (control_rights_peer_same(&s->peer, peer) && n++ == 0)
			*oldest = s;
	return n;
}

/*
 * A user cannot end the sessions of others by many of its own, nor can a few users: whoever has most of them
 * gives up its oldest.
 */
static void
make_room(struct web_sessions *w, bool is_link, const struct control_peer *peer)
{
	struct web_session *first = is_link ? TAILQ_FIRST(&w->links) : TAILQ_FIRST(&w->sessions), *oldest,
	    *victim = NULL;
	unsigned all = 0, most = 0, n;

	if (count_own(first, peer, &oldest) >= WEB_SESSIONS_PER_USER) {
		end_one(w, oldest);
		return;
	}
	for (struct web_session *s = first; s != NULL; s = TAILQ_NEXT(s, link)) {
		n = count_own(first, &s->peer, &oldest);
		all++;
		if (n > most) {
			most = n;
			victim = oldest;
		}
	}
	if (all >= WEB_SESSIONS_MAX)
		end_one(w, victim);
}

/* What of the name has room, cut between characters. */
static void
put_name(char dst[WEB_NAME_SIZE], const char *name)
{
	size_t len = 0, left = strlen(name), n;

	while (left > len && (n = utf8_take((const unsigned char *)name + len, left - len, NULL)) > 0 &&
	    len + n < WEB_NAME_SIZE)
		len += n;
	memcpy(dst, name, len);
	dst[len] = '\0';
}

static struct web_session *
add_one(struct web_sessions *w, bool is_link, const struct control_peer *peer, const char *name, uint64_t now,
    unsigned char secret[WEB_SECRET_SIZE])
{
	struct web_session *s = mem_new(struct web_session);

	end_old(w, now);
	make_room(w, is_link, peer);
	web_mac_make(secret, is_link ? WEB_MAC_LINK : WEB_MAC_SESSION, w->key);
	hash_secret(s->hash, secret);
	s->is_link = is_link;
	s->born_ms = s->used_ms = now;
	control_rights_peer_copy(&s->peer, peer);
	s->peer.web = true;
	put_name(s->name, name);
	if (is_link)
		TAILQ_INSERT_TAIL(&w->links, s, link);
	else
		TAILQ_INSERT_TAIL(&w->sessions, s, link);
	return s;
}

/* Each is compared whole, so that the time says nothing of how much was right. */
static struct web_session *
find_one(struct web_session *first, const unsigned char secret[WEB_SECRET_SIZE])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct web_session *found = NULL;

	hash_secret(hash, secret);
	for (struct web_session *s = first; s != NULL; s = TAILQ_NEXT(s, link))
		if (secret_is_same(s->hash, hash, sizeof(hash)))
			found = s;
	return found;
}

uint64_t
web_sessions_person(const struct control_peer *peer)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint64_t number;
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)peer->author, strlen(peer->author));
	SHA256Final(hash, &context);
	memcpy(&number, hash, sizeof(number));
	return number;
}

struct web_sessions *
web_sessions_new(void)
{
	struct web_sessions *w = mem_new(struct web_sessions);

	TAILQ_INIT(&w->links);
	TAILQ_INIT(&w->sessions);
	arc4random_buf(w->key, sizeof(w->key));
	return w;
}

const unsigned char *
web_sessions_key(const struct web_sessions *w)
{
	return w->key;
}

void
web_sessions_free(struct web_sessions *w)
{
	if (w == NULL)
		return;
	web_sessions_end_all(w);
	explicit_bzero(w->key, sizeof(w->key));
	free(w);
}

void
web_sessions_end_all(struct web_sessions *w)
{
	struct web_session *s;

	while ((s = TAILQ_FIRST(&w->links)) != NULL || (s = TAILQ_FIRST(&w->sessions)) != NULL)
		end_one(w, s);
}

void
web_sessions_link(struct web_sessions *w, const struct control_peer *peer, const char *name, uint64_t now,
    unsigned char token[WEB_SECRET_SIZE])
{
	(void)add_one(w, true, peer, name, now, token);
}

struct web_session *
web_sessions_login(struct web_sessions *w, const unsigned char token[WEB_SECRET_SIZE], uint64_t now,
    unsigned char handle[WEB_SECRET_SIZE])
{
	struct web_session *link, *s;

	end_old(w, now);
	link = find_one(TAILQ_FIRST(&w->links), token);
	if (link == NULL)
		return NULL;
	s = add_one(w, false, &link->peer, link->name, now, handle);
	end_one(w, link);
	return s;
}

struct web_session *
web_sessions_begin(struct web_sessions *w, const struct control_peer *peer, const char *name,
    enum msg_web_way way, uint64_t now, unsigned char handle[WEB_SECRET_SIZE])
{
	struct web_session *s = add_one(w, false, peer, name, now, handle);

	s->way = way;
	s->checked_ms = now;
	return s;
}

struct web_session *
web_sessions_by_hash(struct web_sessions *w, const uint8_t hash[SHA256_DIGEST_LENGTH])
{
	struct web_session *s;

	TAILQ_FOREACH(s, &w->sessions, link)
		if (secret_is_same(s->hash, hash, sizeof(s->hash)))
			return s;
	return NULL;
}

bool
web_sessions_is_good(struct web_sessions *w, const uint8_t hash[SHA256_DIGEST_LENGTH], uint64_t now)
{
	end_old(w, now);
	return web_sessions_by_hash(w, hash) != NULL;
}

void
web_sessions_end_way(struct web_sessions *w, enum msg_web_way way)
{
	struct web_session *s, *next;

	TAILQ_FOREACH_SAFE(s, &w->sessions, link, next)
		if (s->way == way)
			end_one(w, s);
}

struct web_session *
web_sessions_find(struct web_sessions *w, const unsigned char handle[WEB_SECRET_SIZE], uint64_t now,
    bool watching)
{
	struct web_session *s;

	end_old(w, now);
	s = find_one(TAILQ_FIRST(&w->sessions), handle);
	if (s != NULL && !watching)
		s->used_ms = now;
	return s;
}

void
web_sessions_end(struct web_sessions *w, struct web_session *s)
{
	end_one(w, s);
}
