/*
 * tls_session - TLS sessions of hosts, resumed by the next connection that wants the same of the same host
 *
 * Runs in:  posternctl, deliver, directory
 * Owns:     the sessions of one context of a client
 * Promise:  a session is resumed only at the same address, with the same name asked for, the same proof
 *           wanted and the same certificate shown; what was proved then counts for an hour, however often it
 *           is resumed, and not beyond the end of the host's certificate. New authorities: all are forgotten
 * Fails by: a full handshake
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/tls/tls_private.h"

enum {
	KEY_SIZE = 32,
	SESSIONS = 128,		/* some 8 KiB each, with the host's certificates */
	SESSIONS_OF_ONE = 4,	/* a host gives two tickets a handshake, and several connections are open */
	LIFE_S = 3600,
};

struct kept {
	unsigned char key[KEY_SIZE];
	SSL_SESSION *session;
	enum tls_proof proof;
	bool shown;
	uint64_t until;		/* monotonic ms */
};

struct tls_sessions {
	enum tls_proof (*proof)(const SSL *link);
	bool (*shown)(const SSL *link);
	unsigned generation;		/* another one with each tls_session_forget() */
	struct kept kept[SESSIONS];	/* the oldest first */
	size_t count;
};

/* What a connection carries; freed with it. */
struct link_session {
	struct tls_sessions *sessions;
	unsigned char key[KEY_SIZE];
	unsigned generation;
	/* Of the session that was offered: until when what was proved counts, also in the next one */
	uint64_t until;
	enum tls_proof proof;
	bool shown;
};

/* --- what a connection carries --- */

static void
free_link_session(void *parent, void *carried, CRYPTO_EX_DATA *data, int index, long number, void *arg)
{
	free(carried);
}

static int
link_index(void)
{
	static int index = -1;

	if (index == -1)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_link_session);
	return index;
}

/* --- the sessions that are kept --- */

static void
drop(struct tls_sessions *k, size_t i)
{
	SSL_SESSION_free(k->kept[i].session);
	k->count--;
	memmove(&k->kept[i], &k->kept[i + 1], (k->count - i) * sizeof(k->kept[0]));
}

void
tls_session_forget(struct tls_sessions *k)
{
	k->generation++;
	while (k->count > 0)
		drop(k, k->count - 1);
}

/* One that is over gives its place, then one of the same host where it has its share, then the oldest. */
static void
make_room(struct tls_sessions *k, const unsigned char key[KEY_SIZE])
{
	uint64_t now = clock_mono_ms();
	size_t same = 0, oldest = 0;

	for (size_t i = k->count; i-- > 0;) {
		if (k->kept[i].until <= now) {
			drop(k, i);
		} else if (memcmp(k->kept[i].key, key, KEY_SIZE) == 0) {
			oldest = i;
			same++;
		}
	}
	if (same >= SESSIONS_OF_ONE)
		drop(k, oldest);
	else if (k->count == SESSIONS)
		drop(k, 0);
}

/* A session whose certificate ends before it does not outlive it. */
static bool
outlives(SSL_SESSION *session)
{
	X509 *host = SSL_SESSION_get0_peer(session);
	time_t until = (time_t)(clock_wall_us() / 1000000) + LIFE_S;

	return host == NULL || X509_cmp_time(X509_get0_notAfter(host), &until) < 0;
}

/* A copy: OpenSSL spoils the session of a connection of TLS 1.2 that is freed without its end. */
static void
keep(const SSL *link, const SSL_SESSION *seen)
{
	const struct link_session *s = SSL_get_ex_data(link, link_index());
	SSL_SESSION *session;
	struct kept *new;

	if (s == NULL || s->generation != s->sessions->generation || SSL_SESSION_is_resumable(seen) != 1)
		return;
	session = SSL_SESSION_dup(seen);
	if (session == NULL || outlives(session)) {
		SSL_SESSION_free(session);
		ERR_clear_error();
		return;
	}
	make_room(s->sessions, s->key);
	new = &s->sessions->kept[s->sessions->count++];
	*new = (struct kept){ .session = session, .proof = s->sessions->proof(link),
		.shown = s->sessions->shown(link), .until = SSL_session_reused(link) == 1 ? s->until :
		clock_mono_ms() + LIFE_S * 1000U };
	memcpy(new->key, s->key, KEY_SIZE);
}

/* A session has come, which stays OpenSSL's. */
static int
on_new(SSL *link, SSL_SESSION *session)
{
	keep(link, session);
	return 0;
}

/* One of TLS 1.2 that was good once more serves again; the host need not send it anew. */
static void
on_step(const SSL *link, int where, int result)
{
	if ((where & SSL_CB_HANDSHAKE_DONE) && SSL_version(link) < TLS1_3_VERSION &&
	    SSL_session_reused(link) == 1)
		keep(link, SSL_get_session(link));
}

struct tls_sessions *
tls_session_new(SSL_CTX *context, enum tls_proof (*proof)(const SSL *link), bool (*shown)(const SSL *link))
{
	struct tls_sessions *k = mem_new(struct tls_sessions);

	k->proof = proof;
	k->shown = shown;
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_new);
	SSL_CTX_set_info_callback(context, on_step);
	return k;
}

void
tls_session_free(struct tls_sessions *k)
{
	tls_session_forget(k);
	free(k);
}

/* --- one connection --- */

static void
add(EVP_MD_CTX *hash, const void *data, size_t len)
{
	EVP_DigestUpdate(hash, &len, sizeof(len));
	EVP_DigestUpdate(hash, data, len);
}

static void
add_text(EVP_MD_CTX *hash, const char *text)
{
	add(hash, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 0);
}

/* All that is wanted, and what is shown: of that connection, which has its certificate already. */
static bool
hash_wish(unsigned char key[KEY_SIZE], const SSL *link, const struct tls_wish *w)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	const X509 *own = SSL_get_certificate(link);
	unsigned char print[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool good = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

	if (good && own != NULL)
		good = X509_digest(own, EVP_sha256(), print, &len) == 1;
	if (good) {
		add_text(hash, w->peer);
		add_text(hash, w->ask);
		add_text(hash, w->ip);
		add(hash, &w->proof, sizeof(w->proof));
		add(hash, &w->names, sizeof(w->names));
		for (size_t i = 0; i < w->names; i++)
			add_text(hash, w->name[i]);
		add(hash, print, len);
		for (size_t i = 0; i < w->records; i++)
			add(hash, w->record[i].data, w->record[i].len);
		good = EVP_DigestFinal_ex(hash, key, NULL) == 1;
	}
	EVP_MD_CTX_free(hash);
	return good;
}

void
tls_session_offer(struct tls_sessions *k, SSL *link, const struct tls_wish *w)
{
	struct link_session *s;

	if (w->peer == NULL)
		return;
	s = mem_new(struct link_session);
	s->sessions = k;
	s->generation = k->generation;
	if (!hash_wish(s->key, link, w) || SSL_set_ex_data(link, link_index(), s) != 1) {
		free(s);
		return;
	}
	for (size_t i = k->count; i-- > 0;) {
		if (memcmp(k->kept[i].key, s->key, KEY_SIZE) != 0 || k->kept[i].until <= clock_mono_ms())
			continue;
		s->until = k->kept[i].until;
		s->proof = k->kept[i].proof;
		s->shown = k->kept[i].shown;
		(void)SSL_set_session(link, k->kept[i].session);
		drop(k, i);	/* RFC 8446 C.4; and one that makes trouble does so once */
		break;
	}
}

bool
tls_session_proved(const SSL *link, enum tls_proof *proof, bool *shown)
{
	const struct link_session *s = SSL_get_ex_data(link, link_index());

	if (s == NULL || SSL_session_reused(link) != 1)
		return false;
	*proof = s->proof;
	*shown = s->shown;
	return true;
}
