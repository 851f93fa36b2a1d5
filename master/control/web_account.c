/*
 * web_account - logins to the manager by password and with Kerberos: the auth helper judges them, the master
 * makes the session
 *
 * Runs in:  master
 * Owns:     the channel to the auth helper; a record of each login under way. The password is in it until the
 *           auth helper has it
 * Promise:  each login is answered once, within WEB_ACCOUNT_MS, and is an event. A wrong password and an
 *           unknown name have the same answer. However many one client begins, others have their turn
 * Fails by: WEB_LATER, WEB_BUSY
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_client.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define PREFIX_BYTES 8U			/* of an IPv6 address: a /64 */
#define CLAIMED_SIZE (LOG_SAFE_SIZE + 40)	/* "name=NAME unreported=NUMBER" */

struct web_account {
	struct ctl_client_question base;	/* first */
	TAILQ_ENTRY(web_account) link;
	struct master *m;
	struct msg_auth_in_start *start;	/* NULL: the helper has it */
	struct child *web;			/* waits for the answer; NULL: dead, or this is a check */
	uint32_t request;
	enum msg_web_way way;
	char client[64], name[WEB_NAME_MAX + 1];
	bool is_check;				/* of a session, which that hash tells */
	uint8_t session[32];
};

static void
forget_start(struct web_account *a)
{
	if (a->start != NULL)
		explicit_bzero(a->start, msg_auth_in_start_size(a->start));
	free(a->start);
	a->start = NULL;
}

/* --- the outcome --- */

static void
log_outcome(const struct web_account *a, const char *who, const char *result, const char *why)
{
	log_event(why == NULL ? LOG_FACT : LOG_WARN, NULL, "operator",
	    "server=- %s by=web command=login way=%s result=%s client=%s%s%s", who,
	    msg_web_way_names[a->way], result, log_safe(a->client), why != NULL ? " reason=" : "",
	    why != NULL ? log_safe(why) : "");
}

/* Who failed is only claimed: it stands in its own field. */
static void
refuse_login(struct web_account *a, enum msg_web_result result, const char *why)
{
	struct msg_web_session answer = { .result = (uint8_t)result, .way = (uint8_t)a->way };
	char claimed[CLAIMED_SIZE], left_out[REFUSAL_EVENT_SIZE] = "";
	/* The auth helper judges so many a second; those that it did not judge come as fast as sent. */
	bool tell = result == WEB_UNKNOWN || refusal_event_may_tell(a->client, left_out);

	snprintf(claimed, sizeof(claimed), "name=%s%s", log_safe(a->name[0] != '\0' ? a->name : NULL),
	    left_out);
	if (tell)
		log_outcome(a, claimed, "refused", why);
	if (a->web != NULL)
		web_answer_send(a->web, a->request, &answer);
}

static void
begin_session(struct web_account *a, const struct msg_auth_in_answer *good)
{
	struct msg_web_session *answer = mem_new(struct msg_web_session);
	struct control_peer peer;
	char login[LOGIN_NAME_SIZE];
	struct web_session *s;

	if (!login_name_format(login, a->way == WEB_WAY_PASSWORD ? LOGIN_NAME_ACCOUNT : LOGIN_NAME_KERBEROS,
	    good->user)) {
		free(answer);
		refuse_login(a, WEB_LATER, "the name is too long");
		return;
	}
	control_rights_peer_login(&peer, login);
	s = web_sessions_begin(a->m->web_sessions, &peer, good->user, a->way, clock_mono_ms(),
	    answer->handle);
	if (a->way == WEB_WAY_PASSWORD && good->token.len == sizeof(s->mark))
		memcpy(s->mark, good->token.data, sizeof(s->mark));
	web_answer_describe(answer, a->m, s);
	if (a->way == WEB_WAY_KERBEROS && good->token.len <= sizeof(answer->token)) {
		memcpy(answer->token, good->token.data, good->token.len);
		answer->token_len = good->token.len;
	}
	log_outcome(a, peer.author, answer->result == WEB_OK ? "ok" : "refused",
	    answer->result == WEB_OK ? NULL : "neither operator nor viewer of anything");
	if (answer->result != WEB_OK || a->web == NULL)
		web_sessions_end(a->m->web_sessions, s);
	if (answer->result != WEB_OK)
		explicit_bzero(answer->handle, sizeof(answer->handle));
	if (a->web != NULL)
		web_answer_send(a->web, a->request, answer);
	explicit_bzero(answer, sizeof(*answer));
	free(answer);
}

static void
end_check(const struct web_account *a, enum msg_auth_in_result result)
{
	struct web_session *s = web_sessions_by_hash(a->m->web_sessions, a->session);

	if (s == NULL)
		return;
	s->checked_ms = clock_mono_ms();
	if (result == AUTH_IN_OK)
		s->asked_ms = 0;
	if (result != AUTH_IN_FAILED)
		return;
	log_event(LOG_FACT, NULL, "operator", "server=- %s by=web command=logout result=ok reason=%s",
	    s->peer.author, log_safe("the account is gone, or its password was changed"));
	web_sessions_end(a->m->web_sessions, s);
}

static void
forget_account(struct web_account *a)
{
	if (!a->is_check)
		TAILQ_REMOVE(&a->m->logins, a, link);
	forget_start(a);
	ctl_client_forget(&a->base);
}

static void
end_account(struct web_account *a, const struct msg_auth_in_answer *answer, const char *why)
{
	if (a->is_check)
		end_check(a, (enum msg_auth_in_result)answer->result);
	else if (answer->result == AUTH_IN_OK)
		begin_session(a, answer);
	else if (answer->result == AUTH_IN_FAILED)
		refuse_login(a, WEB_UNKNOWN, a->way == WEB_WAY_PASSWORD ? "wrong name or password" :
		    "no good ticket");
	else
		refuse_login(a, WEB_LATER, why);
}

/* --- the question --- */

static int
send_start(struct ctl_client_question *q, struct ctl *c)
{
	struct web_account *a = (struct web_account *)q;

	if (ctl_send(c, CTL_AUTH_IN_START, q->request, a->start, msg_auth_in_start_size(a->start), -1) == -1)
		return -1;
	forget_start(a);
	return 0;
}

static bool
on_answer(struct ctl_client_question *q, const struct ctl_message *message)
{
	struct web_account *a = (struct web_account *)q;
	struct msg_auth_in_answer *answer = mem_new(struct msg_auth_in_answer);
	bool good = msg_auth_in_answer_take(answer, message->data, message->len) &&
	    answer->result != AUTH_IN_CHALLENGE;

	if (good) {
		end_account(a, answer, "the auth helper cannot check it now");
		forget_account(a);
	}
	explicit_bzero(answer, sizeof(*answer));
	free(answer);
	return good;
}

static void
on_failure(struct ctl_client_question *q, const char *why)
{
	static const struct msg_auth_in_answer later = { .result = AUTH_IN_LATER };
	struct web_account *a = (struct web_account *)q;

	end_account(a, &later, why);
	forget_account(a);
}

static const struct ctl_client_kind kind = {
	.part = "auth", .answer = CTL_AUTH_IN_ANSWER, .cancel = CTL_AUTH_IN_CANCEL,
	.silent = "the auth helper gave no answer in time", .ended = "the auth helper ended",
	.send = send_start, .answered = on_answer, .failed = on_failure,
};

static void
on_need(void *arg)
{
	helper_want_auth(arg);
}

void
web_account_open(struct master *m)
{
	TAILQ_INIT(&m->logins);
	m->auth = ctl_client_new(m->loop, &kind, WEB_ACCOUNT_MS, on_need, m);
}

void
web_account_close(struct master *m)
{
	struct web_account *a;

	while ((a = TAILQ_FIRST(&m->logins)) != NULL)
		forget_account(a);
	ctl_client_free(m->auth);
	m->auth = NULL;
}

void
web_account_cut(struct master *m)
{
	struct web_account *a;

	while ((a = TAILQ_FIRST(&m->logins)) != NULL) {
		refuse_login(a, WEB_LATER, "an upgrade of the service came first");
		ctl_client_drop(&a->base);
		forget_account(a);
	}
}

static struct web_account *
new_account(struct master *m, enum msg_auth_in_mechanism mechanism, size_t token)
{
	struct web_account *a = ctl_client_add(m->auth, sizeof(*a));

	a->m = m;
	a->start = mem_zalloc(offsetof(struct msg_auth_in_start, token.data) + token);
	a->start->mechanism = (uint8_t)mechanism;
	return a;
}

/* --- logins --- */

/* Of one address; for IPv6 of one /64, as one client has as many addresses as it wants. */
static bool
is_same_client(const struct web_account *a, const struct web_account *b)
{
	struct in6_addr x, y;

	if (inet_pton(AF_INET6, a->client, &x) == 1 && !IN6_IS_ADDR_V4MAPPED(&x) &&
	    inet_pton(AF_INET6, b->client, &y) == 1)
		return memcmp(&x, &y, PREFIX_BYTES) == 0;
	return strcmp(a->client, b->client) == 0;
}

/* Logins under way: all, or those of the client that has this one. */
static unsigned
count_logins(const struct master *m, const struct web_account *like)
{
	const struct web_account *a;
	unsigned n = 0;

	TAILQ_FOREACH(a, &m->logins, link)
		n += like == NULL || is_same_client(a, like);
	return n;
}

/* Of too many the oldest goes of those who have most: no client keeps the others out. */
static struct web_account *
one_too_many(const struct master *m)
{
	struct web_account *a, *found = NULL;
	unsigned most = 0;

	TAILQ_FOREACH(a, &m->logins, link) {
		unsigned n = count_logins(m, a);

		if (n <= most)
			continue;
		most = n;
		found = a;
	}
	return found;
}

/* Whose turn it is the auth helper says: it knows which are refused already, and only wait to hear it. */
static void
begin_login(struct web_account *a, struct child *c, uint32_t request, const char *client)
{
	a->web = c;
	a->request = request;
	snprintf(a->client, sizeof(a->client), "%s", client);
	snprintf(a->start->client, sizeof(a->start->client), "%s", client);
	TAILQ_INSERT_TAIL(&a->m->logins, a, link);
	ctl_client_ask(&a->base);
	if (count_logins(c->m, NULL) <= WEB_ACCOUNT_OPEN_MAX)
		return;
	a = one_too_many(c->m);
	refuse_login(a, WEB_BUSY, "too many logins at a time");
	ctl_client_drop(&a->base);
	forget_account(a);
}

void
web_account_password(struct child *c, uint32_t request, const struct msg_web_password *p)
{
	size_t name = strlen(p->name), password = strlen(p->password);
	struct web_account *a = new_account(c->m, AUTH_IN_PASSWORD, name + password + 2);
	uint8_t *data = a->start->token.data;

	a->way = WEB_WAY_PASSWORD;
	snprintf(a->name, sizeof(a->name), "%s", p->name);
	/* As PLAIN has it: nobody, NUL, the name, NUL, the password */
	memcpy(data + 1, p->name, name);
	memcpy(data + 2 + name, p->password, password);
	a->start->token.len = (uint16_t)(name + password + 2);
	begin_login(a, c, request, p->client);
}

/* The words of a list, a blank between two. */
static void
put_list(char *dst, size_t size, const struct config_strings *list)
{
	size_t at = 0;

	for (size_t i = 0; i < list->count && at < size; i++)
		at += (size_t)snprintf(dst + at, size - at, "%s%s", i > 0 ? " " : "", list->text[i]);
}

void
web_account_ticket(struct child *c, uint32_t request, const struct msg_web_ticket *t)
{
	struct web_account *a = new_account(c->m, AUTH_IN_NEGOTIATE, t->token.len);
	const struct config_service *s = &c->m->snapshot->config->service;
	const char *host = s->manager.hosts.count > 0 ? s->manager.hosts.text[0] : s->hostname;
	struct msg_auth_in_start *start = a->start;

	a->way = WEB_WAY_KERBEROS;
	memcpy(&start->token, &t->token, msg_auth_in_token_size(&t->token));
	start->endpoint_len = t->endpoint_len;
	memcpy(start->endpoint_data, t->endpoint, sizeof(t->endpoint));
	start->kerberos_binding = t->endpoint_len > 0 ? CONFIG_BINDING_WHEN_OFFERED : CONFIG_BINDING_NONE;
	if (s->manager.service_principal != NULL)
		snprintf(start->principal, sizeof(start->principal), "%s", s->manager.service_principal);
	else
		snprintf(start->principal, sizeof(start->principal), "HTTP/%s", host);
	put_list(start->realms, sizeof(start->realms), &s->manager.kerberos_realms);
	begin_login(a, c, request, t->client);
}

void
web_account_gone(struct child *c)
{
	struct web_account *a;

	TAILQ_FOREACH(a, &c->m->logins, link)
		if (a->web == c)
			a->web = NULL;
}

/* --- sessions that go on --- */

void
web_account_check(struct master *m, struct web_session *s)
{
	uint64_t now = clock_mono_ms();
	size_t len = strlen(s->peer.login);
	struct web_account *a;
	const char *name;

	if (s->way != WEB_WAY_PASSWORD || now - s->checked_ms < WEB_CHECK_MS ||
	    login_name_kind(s->peer.login, &name) == LOGIN_NAME_KINDS)
		return;
	s->checked_ms = now;
	s->asked_ms = s->asked_ms != 0 ? s->asked_ms : now;
	len = strlen(name);
	a = new_account(m, AUTH_IN_ACCOUNT, sizeof(s->mark) + len);
	a->is_check = true;
	memcpy(a->session, s->hash, sizeof(a->session));
	memcpy(a->start->token.data, s->mark, sizeof(s->mark));
	memcpy(a->start->token.data + sizeof(s->mark), name, len);
	a->start->token.len = (uint16_t)(sizeof(s->mark) + len);
	ctl_client_ask(&a->base);
}
