/*
 * oauth_grant - requests to a token endpoint, and rows of its answers; the
 * file of a stored refresh token; answers to deliver
 */
#include <stdio.h>
#include <string.h>

#include "deliver/fetch/fetch.h"
#include "t/unit/check_main.h"

START_TEST(test_request)
{
	struct config_oauth o = { .name = "p", .client_id = "id", .scope = "https://a.example/.default b",
	    .flow = CONFIG_FLOW_CLIENT };
	struct buf b = BUF_INIT(1000);

	oauth_grant_request(&b, &o, &(struct oauth_grant_proof){ .secret = "a&b=c d+%\xc3\xa9" });
	ck_assert_str_eq(buf_text(&b),
	    "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%20d%2B%25%C3%A9"
	    "&scope=https%3A%2F%2Fa.example%2F.default%20b");
	buf_clear(&b);
	o.flow = CONFIG_FLOW_REFRESH;
	o.scope = NULL;
	oauth_grant_request(&b, &o, &(struct oauth_grant_proof){ .refresh = "1//x" });
	ck_assert_str_eq(buf_text(&b), "grant_type=refresh_token&client_id=id&refresh_token=1%2F%2Fx");
	buf_done(&b);
}
END_TEST

static const struct {
	long status;
	const char *body;
	enum oauth_grant_result result;
	const char *says;		/* token, or the beginning of the text */
	uint64_t lifetime;
} answers[] = {
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a.b-c_d~e+/f==\",\"expires_in\":3599}",
	    OAUTH_GRANT_TOKEN, "a.b-c_d~e+/f==", 3599 },
	{ 200, "{\"token_type\":\"bearer\",\"access_token\":\"a\",\"expires_in\":\"3599\"}",
	    OAUTH_GRANT_TOKEN, "a", 3599 },
	{ 200, "{\"token_type\":\"BEARER\",\"access_token\":\"a\",\"expires_in\":59.9}", OAUTH_GRANT_TOKEN,
	    "a", 59 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", OAUTH_GRANT_TOKEN, "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-5}", OAUTH_GRANT_TOKEN, "a",
	    1 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":9223372036854775807}",
	    OAUTH_GRANT_TOKEN, "a", 86400 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":1e300}", OAUTH_GRANT_TOKEN,
	    "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-1e300}", OAUTH_GRANT_TOKEN,
	    "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":0.5}", OAUTH_GRANT_TOKEN,
	    "a", 1 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":\"soon\"}",
	    OAUTH_GRANT_TOKEN, "a", 1 },
	{ 201, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", OAUTH_GRANT_TROUBLE, "HTTP status 201",
	    0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"\"}", OAUTH_GRANT_TROUBLE,
	    "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}", OAUTH_GRANT_TROUBLE,
	    "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\"}", OAUTH_GRANT_TROUBLE,
	    "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":7}", OAUTH_GRANT_TROUBLE,
	    "the answer has neither", 0 },
	{ 200, "{\"access_token\":\"a\"}", OAUTH_GRANT_TROUBLE, "the token's type", 0 },
	{ 200, "{\"access_token\":\"a\\u0000b\",\"token_type\":\"Bearer\"}", OAUTH_GRANT_TROUBLE,
	    "the answer is no JSON", 0 },
	{ 200, "null", OAUTH_GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 200, "", OAUTH_GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 200, "{\"a\":1} trailing", OAUTH_GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 400, "{\"error\":\"invalid_grant\",\"error_description\":\"a\\r\\n\\tb \\u001b[0m\"}",
	    OAUTH_GRANT_REFUSED, "invalid_grant: a b [0m", 0 },
	{ 401, "{\"error\":\"invalid_client\"}", OAUTH_GRANT_REFUSED, "invalid_client", 0 },
	{ 200, "{\"error\":\"invalid_scope\"}", OAUTH_GRANT_REFUSED, "invalid_scope", 0 },
	{ 429, "{\"error\":\"too_many\"}", OAUTH_GRANT_TROUBLE, "HTTP status 429, too_many", 0 },
	{ 500, "{\"error\":\"server_error\",\"error_description\":\"x\"}", OAUTH_GRANT_TROUBLE,
	    "HTTP status 500, server_error: x", 0 },
	{ 400, "{\"error\":\"\"}", OAUTH_GRANT_REFUSED, "an error without a name", 0 },
	{ 400, "{\"error\":\"\\u00fc\",\"error_description\":\"x\"}", OAUTH_GRANT_REFUSED,
	    "an error without a name: x", 0 },
	{ 503, "{\"error\":\" \"}", OAUTH_GRANT_TROUBLE, "HTTP status 503, an error without a name", 0 },
	{ 429, "", OAUTH_GRANT_TROUBLE, "HTTP status 429 (too many requests)", 0 },
	{ 404, "<html>", OAUTH_GRANT_TROUBLE, "HTTP status 404", 0 },
	{ 302, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", OAUTH_GRANT_TROUBLE, "HTTP status 302: ",
	    0 },
};

START_TEST(test_answers)
{
	for (size_t i = 0; i < nitems_of(answers); i++) {
		struct oauth_grant g;
		char *body = mem_strdup(answers[i].body);
		const char *said;

		oauth_grant_read(&g, answers[i].status, body, strlen(body));
		free(body);
		ck_assert_msg(g.result == answers[i].result, "%s: %d %s", answers[i].body, g.result, g.text);
		ck_assert_uint_eq(g.lifetime, answers[i].lifetime);
		ck_assert((g.token != NULL) == (g.result == OAUTH_GRANT_TOKEN));
		said = g.result == OAUTH_GRANT_TOKEN ? g.token : g.text;
		ck_assert_msg(strncmp(said, answers[i].says, strlen(answers[i].says)) == 0, "%s: %s",
		    answers[i].body, said);
		oauth_grant_done(&g);
	}
}
END_TEST

START_TEST(test_limits)
{
	for (size_t len = TOKEN_MAX; len <= TOKEN_MAX + 1; len++) {
		struct oauth_grant g;
		char *token = mem_zalloc(len + 1);
		char *body;

		memset(token, 'x', len);
		body = mem_printf("{\"token_type\":\"Bearer\",\"access_token\":\"%s\"}", token);
		oauth_grant_read(&g, 200, body, strlen(body));
		ck_assert_int_eq(g.result, len <= TOKEN_MAX ? OAUTH_GRANT_TOKEN : OAUTH_GRANT_TROUBLE);
		oauth_grant_done(&g);
		free(body);
		free(token);
	}
	static const struct { size_t len; const char *more; bool taken; } rows[] = {
		{ OAUTH_GRANT_REFRESH_MAX, "", true }, { OAUTH_GRANT_REFRESH_MAX + 1, "", false },
		{ 5, "\\n", false }, { 5, " ", false }, { 0, "", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct oauth_grant g;
		char *refresh = mem_zalloc(rows[i].len + 1);
		char *body;

		memset(refresh, 'r', rows[i].len);
		body = mem_printf(
		    "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"refresh_token\":\"%s%s\"}",
		    refresh, rows[i].more);
		oauth_grant_read(&g, 200, body, strlen(body));
		ck_assert_int_eq(g.result, OAUTH_GRANT_TOKEN);
		ck_assert((g.refresh != NULL) == rows[i].taken);
		oauth_grant_done(&g);
		free(body);
		free(refresh);
	}
}
END_TEST

START_TEST(test_secrets_are_hidden)
{
	static const struct { const char *text, *secret, *left; } rows[] = {
		{ "a s3cret! b", "s3cret!", "a  b" }, { "s3cret!s3cret!", "s3cret!", "" },
		{ "the end is s3cre", "s3cret!", "the end is " },
		{ "ss3cret!3cret!x", "s3cret!", "x" }, { "the end is s3c", "s3cret!", "the end is s3c" },
		{ "abc", "abc", "abc" }, { "abcd", "", "abcd" },
		{ "", "s3cret!", "" }, { "nothing", NULL, "nothing" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct oauth_grant g = { 0 };
		bool all;

		strcpy(g.text, rows[i].text);
		strcpy(g.scope, rows[i].text);
		strncpy(g.error, rows[i].text, sizeof(g.error) - 1);
		oauth_grant_hide(&g, rows[i].secret);
		all = *rows[i].left == '\0' && *rows[i].text != '\0';
		ck_assert_str_eq(g.text, all ? "the answer repeats what we sent, and is not shown" :
		    rows[i].left);
		ck_assert_str_eq(g.scope, rows[i].left);
		ck_assert_str_eq(g.error, rows[i].left);
	}
}
END_TEST

START_TEST(test_kept)
{
	char mark[REFRESH_FILE_MARK_SIZE], other[REFRESH_FILE_MARK_SIZE], *text, *token;
	struct buf b = BUF_INIT(10000);

	refresh_file_mark(mark, "abc");
	ck_assert_str_eq(mark, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	refresh_file_mark(other, "abd");
	refresh_file_format(&b, mark, "1//new");
	token = refresh_file_parse(buf_text(&b), mark);
	ck_assert_str_eq(token, "1//new");
	free(token);
	ck_assert_ptr_null(refresh_file_parse(buf_text(&b), other));
	text = mem_strdup(buf_text(&b));
	for (size_t len = strlen(text); len-- > 0; ) {	/* cut anywhere: not used */
		text[len] = '\0';
		ck_assert_ptr_null(refresh_file_parse(text, mark));
	}
	free(text);
	buf_puts(&b, "x");
	ck_assert_ptr_null(refresh_file_parse(buf_text(&b), mark));
	buf_done(&b);
}
END_TEST

START_TEST(test_payloads)
{
	struct msg_token_answer a = { .serial = 1, .len = 3, .result = TOKEN_OK, .token = "abc" }, b;
	struct msg_token_ask ask = { .profile = "p" }, ask2;
	struct msg_token_keep keep = { .profile = "p", .len = 4, .text = "text" }, keep2;

	ck_assert(msg_token_answer_take(&b, &a, msg_token_answer_size(&a)) && b.len == 3 &&
	    memcmp(b.token, "abc", 3) == 0);
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a) - 1) && !msg_token_answer_take(&b,
	    &a, msg_token_answer_size(&a) + 1));
	ck_assert(!msg_token_answer_take(&b, &a, 3) && !msg_token_answer_take(&b, &a, sizeof(a)));
	a.token[1] = '\1';
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	a = (struct msg_token_answer){ .serial = 0, .len = 3, .result = TOKEN_OK, .token = "abc" };
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	a = (struct msg_token_answer){ .result = TOKEN_LATER, .text = "why" };
	ck_assert(msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	a.text[1] = '\n';
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	memset(a.text, 'x', sizeof(a.text));
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	a = (struct msg_token_answer){ .result = 2 };
	ck_assert(!msg_token_answer_take(&b, &a, msg_token_answer_size(&a)));
	ck_assert(msg_token_ask_take(&ask2, &ask, sizeof(ask)) && !msg_token_ask_take(&ask2, &ask,
	    sizeof(ask) - 1));
	memset(ask.profile, 'x', sizeof(ask.profile));
	ck_assert(!msg_token_ask_take(&ask2, &ask, sizeof(ask)));
	ck_assert(msg_token_keep_take(&keep2, &keep, msg_token_keep_size(&keep)) &&
	    !msg_token_keep_take(&keep2, &keep, msg_token_keep_size(&keep) + 1));
	keep.len = TOKEN_KEEP_MAX + 1;
	ck_assert(!msg_token_keep_take(&keep2, &keep, sizeof(keep)));
	ck_assert(msg_token_is_token("a", 1) && !msg_token_is_token("", 0) && !msg_token_is_token("a\0b", 3));
}
END_TEST

UNIT_MAIN("oauth_grant", test_request, test_answers, test_limits, test_secrets_are_hidden, test_kept,
    test_payloads)
