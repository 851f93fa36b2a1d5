/* web_sessions - links and sessions: whose they are, how often and how long they are good, how many there are */
#include <stdio.h>
#include <string.h>

#include "common/command/control_words.h"
#include "master/control/control_private.h"
#include "t/unit/check_main.h"

static gid_t groups[] = { 7, 50 };
static const struct control_peer anna = { .uid = 1001, .gid = groups, .ngid = 2 }, ben = { .uid = 1002 };

static struct web_session *
log_in(struct web_sessions *w, const struct control_peer *who, uint64_t now, unsigned char handle[WEB_SECRET_SIZE])
{
	unsigned char token[WEB_SECRET_SIZE];

	web_sessions_link(w, who, "somebody", now, token);
	return web_sessions_login(w, token, now, handle);
}

START_TEST(a_link_is_good_once)
{
	struct web_sessions *w = web_sessions_new();
	unsigned char token[WEB_SECRET_SIZE], handle[WEB_SECRET_SIZE], other[WEB_SECRET_SIZE];
	const struct web_session *s;

	web_sessions_link(w, &anna, "anna", 1000, token);
	ck_assert_ptr_null(web_sessions_find(w, token, 1000, false));	/* a link is no session */
	memcpy(other, token, sizeof(other));
	other[31] ^= 1;
	ck_assert_ptr_null(web_sessions_login(w, other, 1000, handle));
	s = web_sessions_login(w, token, 1000, handle);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->peer.uid, 1001);
	ck_assert_uint_eq(s->peer.ngid, 2);
	ck_assert_uint_eq(s->peer.gid[1], 50);
	ck_assert_ptr_ne(s->peer.gid, groups);
	ck_assert(s->peer.web);
	ck_assert_str_eq(s->name, "anna");
	ck_assert_ptr_null(web_sessions_login(w, token, 1000, other));
	ck_assert_ptr_null(web_sessions_login(w, handle, 1000, other));	/* and a session no link */
	ck_assert_ptr_eq(web_sessions_find(w, handle, 1000, false), s);
	ck_assert(memcmp(handle, token, sizeof(handle)) != 0);
	ck_assert(memmem(s, sizeof(*s), handle, sizeof(handle)) == NULL);	/* only its hash */
	web_sessions_free(w);
}
END_TEST

START_TEST(times)
{
	struct web_sessions *w = web_sessions_new();
	unsigned char token[WEB_SECRET_SIZE], handle[WEB_SECRET_SIZE];
	uint64_t now = 5;

	web_sessions_link(w, &anna, "anna", now, token);
	ck_assert_ptr_null(web_sessions_login(w, token, now + WEB_LINK_MS, handle));
	web_sessions_link(w, &anna, "anna", now, token);
	ck_assert_ptr_nonnull(web_sessions_login(w, token, now + WEB_LINK_MS - 1, handle));
	now += WEB_LINK_MS - 1;
	/* it idles: who only watches does not keep it */
	ck_assert_ptr_nonnull(web_sessions_find(w, handle, now + WEB_IDLE_MS - 1, true));
	ck_assert_ptr_null(web_sessions_find(w, handle, now + WEB_IDLE_MS, true));
	/* it is used until it is too old */
	ck_assert_ptr_nonnull(log_in(w, &anna, now, handle));
	for (uint64_t age = 0; age < WEB_SESSION_MS; age += WEB_IDLE_MS - 1)
		ck_assert_ptr_nonnull(web_sessions_find(w, handle, now + age, false));
	ck_assert_ptr_null(web_sessions_find(w, handle, now + WEB_SESSION_MS, false));
	web_sessions_free(w);
}
END_TEST

START_TEST(numbers)
{
	struct web_sessions *w = web_sessions_new();
	unsigned char first[WEB_SECRET_SIZE], handle[WEB_SECRET_SIZE], bens[WEB_SECRET_SIZE];
	struct web_session *s;

	ck_assert_ptr_nonnull(log_in(w, &ben, 1, bens));
	ck_assert_ptr_nonnull(log_in(w, &anna, 1, first));
	for (unsigned i = 1; i < WEB_SESSIONS_PER_USER; i++)
		ck_assert_ptr_nonnull(log_in(w, &anna, 1, handle));
	ck_assert_ptr_nonnull(web_sessions_find(w, first, 1, false));
	ck_assert_ptr_nonnull(log_in(w, &anna, 1, handle));	/* the oldest of her own makes room */
	ck_assert_ptr_null(web_sessions_find(w, first, 1, false));
	ck_assert_ptr_nonnull(web_sessions_find(w, bens, 1, false));
	/* whoever has most of them gives one up, not whoever came first: a few users do not end those of others */
	for (unsigned uid = 2000; uid < 2000 + WEB_SESSIONS_MAX - 2; uid++)
		ck_assert_ptr_nonnull(log_in(w, &(struct control_peer){ .uid = uid }, 1, first));
	ck_assert_ptr_nonnull(web_sessions_find(w, bens, 1, false));
	ck_assert_ptr_nonnull(web_sessions_find(w, handle, 1, false));
	ck_assert_ptr_nonnull(log_in(w, &(struct control_peer){ .uid = 3000 }, 1, first));
	ck_assert_ptr_null(web_sessions_find(w, bens, 1, false));	/* as many as there may be */
	s = web_sessions_find(w, first, 1, false);
	ck_assert_ptr_nonnull(s);
	web_sessions_end(w, s);
	ck_assert_ptr_null(web_sessions_find(w, first, 1, false));
	web_sessions_free(w);
}
END_TEST

START_TEST(messages)
{
	struct msg_web_command *c = mem_new(struct msg_web_command);
	struct msg_web_session s = { .result = WEB_OK }, again;
	struct msg_web_login l = { .client = "192.0.2.1" }, l2;
	const size_t fixed = offsetof(struct msg_web_command, words);
	unsigned char secret[WEB_SECRET_SIZE];
	size_t words = 0;

	ck_assert(!msg_web_command_take(c, &words, c, fixed));
	ck_assert(msg_web_command_take(c, &words, "0123456789abcdef0123456789abcdefxxxxq", fixed + 2));
	ck_assert_uint_eq(words, 2);
	ck_assert(msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s) - 1));
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s) + 1));
	s.token_len = WEB_ANSWER_MAX;
	ck_assert(msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	s.token_len++;
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	s = (struct msg_web_session){ .way = WEB_WAYS };
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	s = (struct msg_web_session){ .result = WEB_RESULTS };
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	s = (struct msg_web_session){ .name = "a\nb" };
	ck_assert(!msg_web_session_take(&again, &s, msg_web_session_size(&s)));
	ck_assert(msg_web_login_take(&l2, &l, sizeof(l)));
	memset(l.client, 'x', sizeof(l.client));
	ck_assert(!msg_web_login_take(&l2, &l, sizeof(l)));
	ck_assert(!msg_web_secret_parse(secret, ""));
	ck_assert(!msg_web_secret_parse(secret, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"));
	ck_assert(!msg_web_secret_parse(secret, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"));
	ck_assert(!msg_web_secret_parse(secret, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0"));
	free(c);
}
END_TEST

/* A name that is too long ends with a whole character: the helper has to say it in JSON. */
START_TEST(names)
{
	struct web_sessions *w = web_sessions_new();
	unsigned char token[WEB_SECRET_SIZE], handle[WEB_SECRET_SIZE];
	char name[201], wanted[WEB_NAME_SIZE];

	for (unsigned at = 0; at < 4; at++) {	/* four bytes a character, from each place */
		size_t len = at;

		memset(name, 'x', at);
		for (; len + 4 < sizeof(name); len += 4)
			memcpy(name + len, "\xf0\x9f\x98\x80", 4);
		name[len] = '\0';
		len = at + (WEB_NAME_SIZE - 1 - at) / 4 * 4;
		snprintf(wanted, sizeof(wanted), "%.*s", (int)len, name);
		web_sessions_link(w, &anna, name, 1000, token);
		ck_assert_str_eq(web_sessions_login(w, token, 1000, handle)->name, wanted);
	}
	web_sessions_link(w, &anna, "a\xff", 1000, token);
	ck_assert_str_eq(web_sessions_login(w, token, 1000, handle)->name, "a");
	web_sessions_free(w);
}
END_TEST

UNIT_MAIN("web_sessions", a_link_is_good_once, times, numbers, messages, names)
