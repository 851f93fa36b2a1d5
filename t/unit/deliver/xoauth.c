/*
 * xoauth - the SASL text that carries a token, the answer to a challenge, and what is read from a challenge
 */
#include <string.h>

#include "common/msg/msg_token.h"
#include "deliver/auth_out/auth_out.h"
#include "t/unit/check_main.h"

START_TEST(test_words)
{
	static const struct { enum msg_auth_out_mechanism mechanism; const char *user, *word; } rows[] = {
		{ AUTH_OUT_XOAUTH2, "someuser@example.com",
		    "user=someuser@example.com\001auth=Bearer "
		    "ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\001\001" },
		{ AUTH_OUT_OAUTHBEARER, "user@example.com",
		    "n,a=user@example.com,\001host=server.example.com\001port=587\001"
		    "auth=Bearer "
		    "ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\001\001" },	/* RFC 7628 4.1 */
		{ AUTH_OUT_OAUTHBEARER, "a,b=c@example.com",
		    "n,a=a=2Cb=3Dc@example.com,\001host=server.example.com\001port=587\001"
		    "auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\001\001" },
	};
	static const char token[] = "ya29.vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg";
	struct msg_auth_in_token *t = mem_new(struct msg_auth_in_token);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct xoauth_request w = { rows[i].mechanism, rows[i].user, "server.example.com", 587, token,
		    strlen(token) };

		ck_assert(xoauth_first(t, &w));
		ck_assert_uint_eq(t->len, strlen(rows[i].word));
		ck_assert_mem_eq(t->data, rows[i].word, t->len);
	}
	xoauth_last(t, AUTH_OUT_OAUTHBEARER);
	ck_assert(t->len == 1 && t->data[0] == 1 && !t->absent);
	xoauth_last(t, AUTH_OUT_XOAUTH2);
	ck_assert(t->len == 0 && !t->absent);
	free(t);
}
END_TEST

/* The longest token fits; with a name that is too long nothing is said at all. */
START_TEST(test_long)
{
	struct msg_auth_in_token *t = mem_new(struct msg_auth_in_token);
	char *token = mem_zalloc(TOKEN_MAX + 1), *user = mem_zalloc(1001);
	struct xoauth_request w;

	memset(token, 'x', TOKEN_MAX);
	memset(user, ',', 1000);
	w = (struct xoauth_request){ AUTH_OUT_OAUTHBEARER, "user@example.com", "server.example.com", 587,
	    token, TOKEN_MAX };
	ck_assert(xoauth_first(t, &w));
	w.user = user;
	ck_assert(!xoauth_first(t, &w));
	ck_assert_uint_eq(t->len, 0);
	free(token);
	free(user);
	free(t);
}
END_TEST

START_TEST(test_status)
{
	static const struct { const char *challenge, *status; } rows[] = {
		{ "{\"status\":\"401\",\"schemes\":\"bearer mac\",\"scope\":\"https://mail.google.com/\"}",
		    "401" },
		{ "{\"scope\":\"x\", \"status\" : \"invalid_token\"}", "invalid_token" },
		{ "{\"status\":401}", "" }, { "", "" }, { "\"status\"", "" },
		{ "\"status\":", "" }, { "\"status\":\"", "" }, { "{\"status\":\"a\r\n\033b", "ab" },
		{ "{\"status\":\"0123456789abcdefg", "0123456789abcde" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		char status[16], *copy = mem_strdup(rows[i].challenge);

		xoauth_status(status, sizeof(status), copy, strlen(copy));
		ck_assert_str_eq(status, rows[i].status);
		free(copy);
	}
}
END_TEST

UNIT_MAIN("xoauth", test_words, test_long, test_status)
