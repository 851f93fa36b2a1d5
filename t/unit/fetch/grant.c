/*
 * grant - what a token endpoint is asked, and rows of its answers; the file of a kept refresh token; answers on their way to deliver
 */
#include <stdio.h>
#include <string.h>

#include "deliver/fetch/fetch.h"
#include "t/unit/unit.h"

START_TEST(test_request)
{
	struct config_oauth o = { .name = "p", .client_id = "id", .scope = "https://a.example/.default b", .flow = CONFIG_FLOW_CLIENT };
	struct buf b = BUF_INIT(1000);

	grant_request(&b, &o, "a&b=c d+%\xc3\xa9", NULL);
	ck_assert_str_eq(buf_text(&b), "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%20d%2B%25%C3%A9"
	    "&scope=https%3A%2F%2Fa.example%2F.default%20b");
	buf_clear(&b);
	o.flow = CONFIG_FLOW_REFRESH;
	o.scope = NULL;
	grant_request(&b, &o, NULL, "1//x");
	ck_assert_str_eq(buf_text(&b), "grant_type=refresh_token&client_id=id&refresh_token=1%2F%2Fx");
	buf_done(&b);
}
END_TEST

static const struct {
	long status;
	const char *body;
	enum grant_result result;
	const char *says;		/* token, or the beginning of the text */
	uint64_t lifetime;
} answers[] = {
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a.b-c_d~e+/f==\",\"expires_in\":3599}", GRANT_TOKEN, "a.b-c_d~e+/f==", 3599 },
	{ 200, "{\"token_type\":\"bearer\",\"access_token\":\"a\",\"expires_in\":\"3599\"}", GRANT_TOKEN, "a", 3599 },
	{ 200, "{\"token_type\":\"BEARER\",\"access_token\":\"a\",\"expires_in\":59.9}", GRANT_TOKEN, "a", 59 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", GRANT_TOKEN, "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-5}", GRANT_TOKEN, "a", 1 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":9223372036854775807}", GRANT_TOKEN, "a", 86400 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":1e300}", GRANT_TOKEN, "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-1e300}", GRANT_TOKEN, "a", 600 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":0.5}", GRANT_TOKEN, "a", 1 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":\"soon\"}", GRANT_TOKEN, "a", 1 },
	{ 201, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", GRANT_TROUBLE, "HTTP status 201", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"\"}", GRANT_TROUBLE, "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}", GRANT_TROUBLE, "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\"}", GRANT_TROUBLE, "the token is longer", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"access_token\":7}", GRANT_TROUBLE, "the answer has neither", 0 },
	{ 200, "{\"access_token\":\"a\"}", GRANT_TROUBLE, "the token's type", 0 },
	{ 200, "{\"access_token\":\"a\\u0000b\",\"token_type\":\"Bearer\"}", GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 200, "null", GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 200, "", GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 200, "{\"a\":1} trailing", GRANT_TROUBLE, "the answer is no JSON", 0 },
	{ 400, "{\"error\":\"invalid_grant\",\"error_description\":\"a\\r\\n\\tb \\u001b[0m\"}", GRANT_REFUSED, "invalid_grant: a b [0m", 0 },
	{ 401, "{\"error\":\"invalid_client\"}", GRANT_REFUSED, "invalid_client", 0 },
	{ 200, "{\"error\":\"invalid_scope\"}", GRANT_REFUSED, "invalid_scope", 0 },
	{ 429, "{\"error\":\"too_many\"}", GRANT_TROUBLE, "HTTP status 429, too_many", 0 },
	{ 500, "{\"error\":\"server_error\",\"error_description\":\"x\"}", GRANT_TROUBLE, "HTTP status 500, server_error: x", 0 },
	{ 400, "{\"error\":\"\"}", GRANT_REFUSED, "an error without a name", 0 },
	{ 400, "{\"error\":\"\\u00fc\",\"error_description\":\"x\"}", GRANT_REFUSED, "an error without a name: x", 0 },
	{ 503, "{\"error\":\" \"}", GRANT_TROUBLE, "HTTP status 503, an error without a name", 0 },
	{ 429, "", GRANT_TROUBLE, "HTTP status 429 (too many requests)", 0 },
	{ 404, "<html>", GRANT_TROUBLE, "HTTP status 404", 0 },
	{ 302, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", GRANT_TROUBLE, "HTTP status 302: ", 0 },
};

START_TEST(test_answers)
{
	for (size_t i = 0; i < nitems_of(answers); i++) {
		struct grant g;
		char *body = mem_strdup(answers[i].body);
		grant_read(&g, answers[i].status, body, strlen(body));
		free(body);
		ck_assert_msg(g.result == answers[i].result, "%s: %d %s", answers[i].body, g.result, g.text);
		ck_assert_uint_eq(g.lifetime, answers[i].lifetime);
		ck_assert((g.token != NULL) == (g.result == GRANT_TOKEN));
		const char *said = g.result == GRANT_TOKEN ? g.token : g.text;
		ck_assert_msg(strncmp(said, answers[i].says, strlen(answers[i].says)) == 0, "%s: %s", answers[i].body, said);
		grant_done(&g);
	}
}
END_TEST

START_TEST(test_limits)
{
	for (size_t len = BEARER_TOKEN_MAX; len <= BEARER_TOKEN_MAX + 1; len++) {
		struct grant g;
		char *token = mem_zalloc(len + 1);
		memset(token, 'x', len);
		char *body = mem_printf("{\"token_type\":\"Bearer\",\"access_token\":\"%s\"}", token);
		grant_read(&g, 200, body, strlen(body));
		ck_assert_int_eq(g.result, len <= BEARER_TOKEN_MAX ? GRANT_TOKEN : GRANT_TROUBLE);
		grant_done(&g);
		free(body);
		free(token);
	}
	static const struct { size_t len; const char *more; bool taken; } rows[] = {
		{ GRANT_REFRESH_MAX, "", true }, { GRANT_REFRESH_MAX + 1, "", false }, { 5, "\\n", false }, { 5, " ", false }, { 0, "", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct grant g;
		char *refresh = mem_zalloc(rows[i].len + 1);
		memset(refresh, 'r', rows[i].len);
		char *body = mem_printf("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"refresh_token\":\"%s%s\"}", refresh, rows[i].more);
		grant_read(&g, 200, body, strlen(body));
		ck_assert_int_eq(g.result, GRANT_TOKEN);
		ck_assert((g.refresh != NULL) == rows[i].taken);
		grant_done(&g);
		free(body);
		free(refresh);
	}
}
END_TEST

START_TEST(test_secrets_are_hidden)
{
	static const struct { const char *text, *secret, *left; } rows[] = {
		{ "a s3cret! b", "s3cret!", "a  b" }, { "s3cret!s3cret!", "s3cret!", "" }, { "the end is s3cre", "s3cret!", "the end is " },
		{ "ss3cret!3cret!x", "s3cret!", "x" }, { "the end is s3c", "s3cret!", "the end is s3c" }, { "abc", "abc", "abc" }, { "abcd", "", "abcd" },
		{ "", "s3cret!", "" }, { "nothing", NULL, "nothing" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct grant g = { 0 };
		strcpy(g.text, rows[i].text);
		strcpy(g.scope, rows[i].text);
		strncpy(g.error, rows[i].text, sizeof(g.error) - 1);
		grant_hide(&g, rows[i].secret);
		bool all = *rows[i].left == '\0' && *rows[i].text != '\0';
		ck_assert_str_eq(g.text, all ? "the answer repeats what we sent, and is not shown" : rows[i].left);
		ck_assert_str_eq(g.scope, rows[i].left);
		ck_assert_str_eq(g.error, rows[i].left);
	}
}
END_TEST

START_TEST(test_kept)
{
	char mark[KEPT_MARK_SIZE], other[KEPT_MARK_SIZE];
	struct buf b = BUF_INIT(10000);

	kept_mark(mark, "abc");
	ck_assert_str_eq(mark, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	kept_mark(other, "abd");
	kept_format(&b, mark, "1//new");
	char *token = kept_parse(buf_text(&b), mark);
	ck_assert_str_eq(token, "1//new");
	free(token);
	ck_assert_ptr_null(kept_parse(buf_text(&b), other));
	char *text = mem_strdup(buf_text(&b));
	for (size_t len = strlen(text); len-- > 0; ) {	/* cut anywhere: not used */
		text[len] = '\0';
		ck_assert_ptr_null(kept_parse(text, mark));
	}
	free(text);
	buf_puts(&b, "x");
	ck_assert_ptr_null(kept_parse(buf_text(&b), mark));
	buf_done(&b);
}
END_TEST

START_TEST(test_payloads)
{
	struct bearer_answer a = { .serial = 1, .len = 3, .result = BEARER_OK, .token = "abc" }, b;
	struct bearer_ask ask = { .profile = "p" }, ask2;
	struct bearer_keep keep = { .profile = "p", .len = 4, .text = "text" }, keep2;

	ck_assert(bearer_answer_take(&b, &a, bearer_answer_size(&a)) && b.len == 3 && memcmp(b.token, "abc", 3) == 0);
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a) - 1) && !bearer_answer_take(&b, &a, bearer_answer_size(&a) + 1));
	ck_assert(!bearer_answer_take(&b, &a, 3) && !bearer_answer_take(&b, &a, sizeof(a)));
	a.token[1] = '\1';
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	a = (struct bearer_answer){ .serial = 0, .len = 3, .result = BEARER_OK, .token = "abc" };
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	a = (struct bearer_answer){ .result = BEARER_LATER, .text = "why" };
	ck_assert(bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	a.text[1] = '\n';
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	memset(a.text, 'x', sizeof(a.text));
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	a = (struct bearer_answer){ .result = 2 };
	ck_assert(!bearer_answer_take(&b, &a, bearer_answer_size(&a)));
	ck_assert(bearer_ask_take(&ask2, &ask, sizeof(ask)) && !bearer_ask_take(&ask2, &ask, sizeof(ask) - 1));
	memset(ask.profile, 'x', sizeof(ask.profile));
	ck_assert(!bearer_ask_take(&ask2, &ask, sizeof(ask)));
	ck_assert(bearer_keep_take(&keep2, &keep, bearer_keep_size(&keep)) && !bearer_keep_take(&keep2, &keep, bearer_keep_size(&keep) + 1));
	keep.len = BEARER_KEEP_MAX + 1;
	ck_assert(!bearer_keep_take(&keep2, &keep, sizeof(keep)));
	ck_assert(bearer_is_token("a", 1) && !bearer_is_token("", 0) && !bearer_is_token("a\0b", 3));
}
END_TEST

UNIT_MAIN("grant", test_request, test_answers, test_limits, test_secrets_are_hidden, test_kept, test_payloads)
