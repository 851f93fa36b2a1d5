/*
 * web_ask - questions to the master on behalf of browsers, and their answers
 *
 * Runs in:  web
 * Owns:     the open questions; the hashes of handles that the master has called good
 * Promise:  each question is answered once, at the latest when the helper ends. Handles and tokens that are
 *           not known to be good are asked for slowly, so that a flood of them costs the master nothing and
 *           does not end the helper as one that sends too much. A flood of one kind, by one client, or in
 *           sessions of those who do not operate the service, does not hold up the others
 * Fails by: false: too many questions are open, or came in this second
 */
#include <bsd/sys/queue.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "common/account/secret.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/web/web.h"

#define OPEN_MAX 192U
#define TEXT_MAX (4U << 20)
#define OPEN_KEPT 64U		/* of these, for logins and those who operate the service */
#define OPEN_KEPT_LOGINS 16U	/* of these, for the latter */
#define KNOWN_MAX 64U
#define KNOWN_BURST 800U
#define KNOWN_KEPT 200U		/* of these, for those who operate the service */

/* Tokens that come back with time. */
struct bucket { unsigned left, most, per_second; uint64_t at; };

struct web_asks {
	TAILQ_HEAD(web_ask_list, web_ask) open;
	unsigned count;
	uint32_t number;
	/* together less than what the master takes of a helper */
	struct bucket known, unknown, links, proofs;
	struct known {
		unsigned char hash[SHA256_DIGEST_LENGTH];
		bool serves;			/* that person operates the service */
	} good[KNOWN_MAX];
	unsigned next;				/* of `good`, that is replaced */
};

/* False: no more than `kept` are left. */
static bool
take_token(struct bucket *b, unsigned kept)
{
	uint64_t now = clock_mono_ms(), more = (now - b->at) * b->per_second / 1000;

	if (more > 0) {
		b->left = more > b->most - b->left ? b->most : b->left + (unsigned)more;
		b->at = now;
	}
	if (b->left <= kept)
		return false;
	b->left--;
	return true;
}

/* NULL: it is not known to be good. Each is looked at, so that the time does not say which it is. */
static struct known *
find_good(struct web_asks *a, const unsigned char hash[SHA256_DIGEST_LENGTH])
{
	struct known *found = NULL;

	for (unsigned i = 0; i < KNOWN_MAX; i++)
		if (secret_is_same(a->good[i].hash, hash, SHA256_DIGEST_LENGTH))
			found = &a->good[i];
	return found;
}

void
web_ask_trust(struct web *w, const unsigned char handle[WEB_SECRET_SIZE], bool good)
{
	struct web_asks *a = w->asks;
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct known *known;

	SHA256(handle, WEB_SECRET_SIZE, hash);
	known = find_good(a, hash);
	if (!good && known != NULL) {
		*known = (struct known){ .serves = false };
	} else if (good && known == NULL) {
		known = &a->good[a->next++ % KNOWN_MAX];
		*known = (struct known){ .serves = false };
		memcpy(known->hash, hash, sizeof(hash));
	}
}

void
web_ask_know(struct web *w, const unsigned char handle[WEB_SECRET_SIZE], const struct msg_web_session *s)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	web_ask_trust(w, handle, true);
	SHA256(handle, WEB_SECRET_SIZE, hash);
	find_good(w->asks, hash)->serves = s->serves != 0;
}

static bool
may_ask(struct web *w, enum ctl_type type, const unsigned char *handle, const char *client)
{
	struct web_asks *a = w->asks;
	unsigned char hash[SHA256_DIGEST_LENGTH];
	const struct known *known;

	if (handle == NULL && a->count >= OPEN_MAX - OPEN_KEPT_LOGINS)
		return false;
	if (type == CTL_WEB_LOGIN)	/* not a forged one */
		return take_token(&a->links, 0);
	if (type == CTL_WEB_PASSWORD || type == CTL_WEB_TICKET)
		return web_throttle_take(w->logins, client, clock_mono_ms()) && take_token(&a->proofs, 0);
	SHA256(handle, WEB_SECRET_SIZE, hash);
	known = find_good(a, hash);
	if (a->count >= (known != NULL && known->serves ? OPEN_MAX : OPEN_MAX - OPEN_KEPT))
		return false;
	if (known != NULL)
		return take_token(&a->known, known->serves ? 0 : KNOWN_KEPT);
	return web_throttle_take(w->strangers, client, clock_mono_ms()) && take_token(&a->unknown, 0);
}

bool
web_ask_hand(struct web *w, enum ctl_type type, const void *data, size_t len, int fd,
    const unsigned char *handle, const char *client, web_ask_done *done, void *arg)
{
	struct web_asks *a = w->asks;
	struct web_ask *q;

	if (!may_ask(w, type, handle, client) ||
	    ctl_send(w->boot->master, type, a->number + 1, data, len, fd) == -1)
		return false;
	q = mem_new(struct web_ask);
	*q = (struct web_ask){ .number = ++a->number, .done = done, .arg = arg, .text = BUF_INIT(TEXT_MAX) };
	TAILQ_INSERT_TAIL(&a->open, q, link);
	a->count++;
	return true;
}

bool
web_ask_send(struct web *w, enum ctl_type type, const void *data, size_t len, const unsigned char *handle,
    const char *client, web_ask_done *done, void *arg)
{
	return web_ask_hand(w, type, data, len, -1, handle, client, done, arg);
}

static void
end_ask(struct web_asks *a, struct web_ask *q, const struct msg_web_session *s, int status)
{
	TAILQ_REMOVE(&a->open, q, link);
	a->count--;
	q->done(q->arg, s, status, &q->text);
	buf_done(&q->text);
	free(q);
}

void
web_ask_take(struct web *w, const struct ctl_message *m)
{
	struct web_asks *a = w->asks;
	struct msg_web_session s;
	struct web_ask *q;
	int32_t status = 0;

	TAILQ_FOREACH(q, &a->open, link)
		if (q->number == m->request)
			break;
	if (q == NULL)
		return;
	if (m->type == CTL_TEXT) {
		buf_add(&q->text, m->data, m->len);
	} else if (m->type == CTL_WEB_EVENTS) {
		if (q->take_fd != NULL && m->fd != -1)
			q->take_fd(q->arg, ctl_take_fd(m));
	} else if (m->type == CTL_END) {
		memcpy(&status, m->data, sizeof(status));
		end_ask(a, q, NULL, status);
	} else if (m->type == CTL_WEB_SESSION && msg_web_session_take(&s, m->data, m->len)) {
		end_ask(a, q, &s, 0);
		explicit_bzero(&s, sizeof(s));
	}
}

void
web_ask_expect_fd(struct web *w, void (*take)(void *arg, int fd))
{
	TAILQ_LAST(&w->asks->open, web_ask_list)->take_fd = take;
}

struct web_asks *
web_ask_new(void)
{
	struct web_asks *a = mem_new(struct web_asks);
	uint64_t now = clock_mono_ms();

	TAILQ_INIT(&a->open);
	a->known = (struct bucket){ KNOWN_BURST, KNOWN_BURST, 400, now };
	a->unknown = (struct bucket){ 200, 200, 100, now };
	a->links = (struct bucket){ 200, 200, 100, now };
	a->proofs = (struct bucket){ 200, 200, 100, now };
	return a;
}

void
web_ask_free(struct web_asks *a)
{
	static const struct msg_web_session gone = { .result = WEB_BUSY };
	struct web_ask *q;

	while ((q = TAILQ_FIRST(&a->open)) != NULL)
		end_ask(a, q, &gone, 0);
	free(a);
}
