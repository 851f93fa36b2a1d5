/* policy - MTA-STS policies as hosts have them, and as the file keeps them */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"
#include "t/unit/check_main.h"

#define HEAD "version: STSv1\r\nmode: enforce\r\n"

static const struct { const char *text, *got; } texts[] = {	/* got: "mode max_age mx", or "- why" */
	{ HEAD "mx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
	    "2 604800 mail.example.com *.example.net" },
	{ "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1", "1 1 a.example" },
	{ "max_age:86400\nmx:a.example\nmode:enforce\nversion:STSv1", "2 86400 a.example" },
	{ "version: STSv1\nmode: none\nmax_age: 86400\n", "0 86400 " },
	{ "version: STSv1\nmode: none\nmx: a.example\nmax_age: 0\n", "0 0 a.example" },
	/* the first of several counts; unknown fields, comments and blank lines do not */
	{ HEAD "mode: none\nmax_age: 5\nmax_age: 6\nmx: a.example\nfoo: bar\n\n# x\n", "2 5 a.example" },
	{ HEAD "mx: a.example\nmax_age: 9999999999\n", "2 31557600 a.example" },
	/* patterns in UTF-8, with a last dot, in capitals */
	{ HEAD "mx: *.b\303\274cher.example\nmx: MX.Example.COM.\nmax_age: 5\n",
	    "2 5 *.xn--bcher-kva.example mx.example.com" },
	/* patterns that name nothing are left out */
	{ HEAD "mx: *\nmx: a b\nmx: \nmx: *.*.example\nmx: a.example\nmx: x;y\nmax_age: 5\n", "2 5 a.example" },
	{ HEAD "mx: *\nmax_age: 5\n", "- it names no host" },
	{ HEAD "max_age: 5\n", "- it names no host" },
	{ HEAD "mx: a.example\n", "- it has no max_age" },
	{ HEAD "mx: a.example\nmax_age: x5\n", "- its max_age is no number of seconds" },
	{ HEAD "mx: a.example\nmax_age: -5\n", "- its max_age is no number of seconds" },
	{ HEAD "mx: a.example\nmax_age: 12345678901\n", "- its max_age is no number of seconds" },
	{ "version: STSv1\nmx: a.example\nmax_age: 5\n", "- it has no mode" },
	{ "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 5\n",
	    "- its mode is none of enforce, testing, none" },
	{ "mode: enforce\nmx: a.example\nmax_age: 5\n", "- it has no version" },
	{ "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 5\n", "- its version is not STSv1" },
	{ "<html>404: Not Found</html>", "- it has no version" },
	{ "", "- it has no version" },
};

START_TEST(test_texts)
{
	for (size_t i = 0; i < nitems_of(texts); i++) {
		size_t len = strlen(texts[i].text);
		/* of exactly that size, without an end: the sanitizer sees each byte read beyond */
		char *copy = mem_array(NULL, len + 1, 1), why[128], got[400];
		struct policy p;

		copy = mem_array(copy, len > 0 ? len : 1, 1);
		memcpy(copy, texts[i].text, len);
		if (policy_text_read(&p, copy, len, why, sizeof(why)))
			snprintf(got, sizeof(got), "%u %u %s", p.mode, p.max_age, p.mx);
		else
			snprintf(got, sizeof(got), "- %s", why);
		ck_assert_msg(strcmp(got, texts[i].got) == 0, "row %zu: got \"%s\", wanted \"%s\"", i, got,
		    texts[i].got);
		free(p.mx);
		free(copy);
	}
}
END_TEST

START_TEST(test_too_many_hosts)
{
	struct buf text = BUF_INIT(65536);
	char why[128];
	struct policy p;

	buf_puts(&text, HEAD "max_age: 5\n");
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "mx: host-number-%d.example\n", i);
	ck_assert(!policy_text_read(&p, text.data, text.len, why, sizeof(why)));
	ck_assert_ptr_null(p.mx);
	buf_done(&text);
}
END_TEST

START_TEST(test_file)
{
	struct policy p = { .id = "a7", .mode = POLICY_ENFORCE, .max_age = 100, .fetched = 1000,
	    .mx = (char *)"a.example *.b.example" }, q;
	struct buf line = BUF_INIT(65536);
	char domain[DNS_NAME_SIZE];

	policy_file_format(&line, "d.example", &p);
	ck_assert_int_eq(line.data[line.len - 1], '\n');
	ck_assert(policy_file_parse(&q, domain, line.data, line.len - 1, 1050));
	ck_assert_str_eq(domain, "d.example");
	ck_assert_str_eq(q.id, p.id);
	ck_assert_str_eq(q.mx, p.mx);
	ck_assert(q.mode == p.mode && q.max_age == p.max_age && q.fetched == p.fetched);
	free(q.mx);
	/* fetched under a clock that is ahead of this one: no restart forgets it */
	ck_assert(policy_file_parse(&q, domain, line.data, line.len - 1, 999));
	ck_assert_int_eq(q.fetched, 1000);
	free(q.mx);
	/* over; every cut */
	ck_assert(!policy_file_parse(&q, domain, line.data, line.len - 1, 1100));
	for (size_t i = 0; i + 1 < line.len; i++) {
		char *cut = mem_array(NULL, i + 1, 1);

		memcpy(cut, line.data, i);
		ck_assert(!policy_file_parse(&q, domain, cut, i, 1050));
		free(cut);
	}
	buf_done(&line);
}
END_TEST

UNIT_MAIN("policy", test_texts, test_too_many_hosts, test_file)
