/* tls_tally - what is counted of TLS sessions: limits, the file and back, and files that are damaged */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/tls_report/tls_report.h"
#include "t/unit/check_main.h"

static void
add(struct tls_tally *t, const char *domain, enum tls_applied_type type, enum tls_result result, const char *reason)
{
	struct tls_applied *a = tls_applied_new(domain, type);
	struct tls_session s = { .applied = a, .result = result, .source = "192.0.2.1", .host = "mx.example",
	    .helo = "m\tx", .ip = "2001:db8::1", .reason = reason };

	if (type == TLS_APPLIED_STS)
		tls_applied_sts(a, "enforce", "mx.example *.example.net", 86400);
	(void)tls_tally_add(t, &s);
	tls_applied_put(a);
}

START_TEST(test_rows)
{
	struct tls_tally *t = tls_tally_new(20000);
	struct tls_domain *d;

	add(t, "a.example", TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
	add(t, "A.example", TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
	add(t, "a.example", TLS_APPLIED_STS, TLS_RESULT_NAME, "x");
	add(t, "a.example", TLS_APPLIED_STS, TLS_RESULT_NAME, "x");
	add(t, "a.example", TLS_APPLIED_STS, TLS_RESULT_NAME, "y");
	ck_assert_uint_eq(t->count, 1);
	d = tls_tally_find(t, "a.example");
	ck_assert_uint_eq(d->npolicies, 2);
	ck_assert_uint_eq(tls_tally_sums(d).good, 2);
	ck_assert_uint_eq(tls_tally_sums(d).failed, 3);
	ck_assert_uint_eq(STAILQ_NEXT(STAILQ_FIRST(&d->policies), link)->ndetails, 2);
	tls_tally_remove(d);
	ck_assert_uint_eq(t->bytes, 0);
	tls_tally_free(t);
}
END_TEST

/* More reasons than are kept: the sum has them all. More domains than there is room for: that is counted. */
START_TEST(test_limits)
{
	struct tls_tally *t = tls_tally_new(20000);
	char text[5000];
	struct tls_domain *d;

	for (unsigned i = 0; i < TLS_TALLY_DETAILS_MAX + 10; i++) {
		snprintf(text, sizeof(text), "reason %u", i);
		add(t, "a.example", TLS_APPLIED_NONE, TLS_RESULT_OTHER, text);
	}
	d = tls_tally_find(t, "a.example");
	ck_assert_uint_eq(STAILQ_FIRST(&d->policies)->ndetails, TLS_TALLY_DETAILS_MAX);
	ck_assert_uint_eq(tls_tally_sums(d).failed, TLS_TALLY_DETAILS_MAX + 10);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	add(t, "b.example", TLS_APPLIED_NONE, TLS_RESULT_OTHER, text);
	ck_assert_uint_eq(strlen(STAILQ_FIRST(&STAILQ_FIRST(&tls_tally_find(t, "b.example")->policies)->details)->reason),
	    255);
	for (unsigned i = 0; i < TLS_TALLY_DOMAINS_MAX + 5; i++) {
		snprintf(text, sizeof(text), "d%u.example", i);
		add(t, text, TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
	}
	ck_assert_uint_eq(t->count, TLS_TALLY_DOMAINS_MAX);
	ck_assert_uint_eq(t->left_out, 7);
	ck_assert_uint_le(t->bytes, TLS_TALLY_BYTES_MAX);
	tls_tally_free(t);
}
END_TEST

/* Policies that change all day: the later ones count for the last of their kind. */
START_TEST(test_policies)
{
	struct tls_tally *t = tls_tally_new(20000);
	struct tls_domain *d;

	for (uint32_t i = 0; i < TLS_TALLY_POLICIES_MAX + 3; i++) {
		struct tls_applied *a = tls_applied_new("a.example", TLS_APPLIED_STS);
		struct tls_session s = { .applied = a, .source = "", .host = "", .helo = "", .ip = "", .reason = "" };

		tls_applied_sts(a, "enforce", "mx.example", 86400 + i);
		ck_assert(tls_tally_add(t, &s));
		tls_applied_put(a);
	}
	d = tls_tally_find(t, "a.example");
	ck_assert_uint_eq(d->npolicies, TLS_TALLY_POLICIES_MAX);
	ck_assert_uint_eq(tls_tally_sums(d).good, TLS_TALLY_POLICIES_MAX + 3);
	/* there is none of that type to count it for: it has a row all the same, and the next one counts there */
	add(t, "a.example", TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
	add(t, "a.example", TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
	ck_assert_uint_eq(t->left_out, 0);
	ck_assert_uint_eq(d->npolicies, TLS_TALLY_POLICIES_MAX + 1);
	ck_assert_uint_eq(tls_tally_sums(d).good, TLS_TALLY_POLICIES_MAX + 5);
	/* there is room for a domain, and none for its policy */
	t->bytes += TLS_TALLY_BYTES_MAX - t->bytes - 300;
	add(t, "b.example", TLS_APPLIED_STS, TLS_RESULT_GOOD, "");
	ck_assert_ptr_null(tls_tally_find(t, "b.example"));
	ck_assert_uint_eq(t->left_out, 1);
	tls_tally_free(t);
}
END_TEST

static void
fill(struct tls_tally_list *days)
{
	TAILQ_INIT(days);
	for (int64_t day = 20000; day < 20003; day++) {
		struct tls_tally *t = tls_tally_new(day);

		TAILQ_INSERT_TAIL(days, t, link);
		add(t, "a.example", TLS_APPLIED_NONE, TLS_RESULT_GOOD, "");
		add(t, "a.example", TLS_APPLIED_STS, TLS_RESULT_EXPIRED, "its certificate\r\nhas expired \xff");
		add(t, "b.example", TLS_APPLIED_STS, TLS_RESULT_OTHER, "");
		tls_tally_find(t, "a.example")->due = 1728000000 + day;
		tls_tally_find(t, "a.example")->tries = 3;
		t->left_out = 7;
	}
}

START_TEST(test_file)
{
	struct tls_tally_list days, again;
	struct buf text = BUF_INIT(TLS_TALLY_FILE_MAX), second = BUF_INIT(TLS_TALLY_FILE_MAX);

	fill(&days);
	tls_tally_file_format(&text, &days);
	TAILQ_INIT(&again);
	ck_assert(tls_tally_file_parse(&again, buf_text(&text), text.len));
	tls_tally_file_format(&second, &again);
	ck_assert_str_eq(buf_text(&text), buf_text(&second));
	ck_assert_int_eq(tls_tally_find(TAILQ_FIRST(&again), "a.example")->due, 1728020000);
	tls_tally_file_done(&again);
	/* cut anywhere, or with any byte changed: nothing of it is taken */
	for (size_t i = 0; i < text.len; i++) {
		ck_assert(!tls_tally_file_parse(&again, buf_text(&text), i));
		text.data[i] ^= 1;
		ck_assert(!tls_tally_file_parse(&again, buf_text(&text), text.len));
		text.data[i] ^= 1;
	}
	ck_assert(TAILQ_EMPTY(&again));
	tls_tally_file_done(&days);
	buf_done(&text);
	buf_done(&second);
}
END_TEST

/* With a right sum, and lines that are none. */
START_TEST(test_lines)
{
	static const char *const bad[] = {
		"what\t1\t2\n", "domain\ta.example\t0\t0\t0\n", "day\t1\n", "day\tx\t0\n", "day\t-1\t0\n",
		"day\t1\t0\nday\t1\n", "day\t1\t0\t0\n", "day\t1\t0\npolicy\t0\t1\t1\t\n",
		"day\t1\t0\ndomain\ta b\t0\t0\t0\n", "day\t1\t0\ndomain\ta.example\t0\t0\t0\n", "day\t1\t0\ndomain\ta.example\t0\t0\n",
		"day\t1\t0\ndomain\ta.example\t0\t0\t0\ndomain\ta.example\t0\t0\t0\n",
		"day\t1\t0\ndomain\ta.example\t0\t0\t0\npolicy\t9\t1\t1\t\n",
		"day\t1\t0\ndomain\ta.example\t0\t0\t0\npolicy\t0\t1\t1\t\ndetail\t0\t1\ta\tb\tc\td\te\n",
		"day\t1\t0\ndomain\ta.example\t0\t0\t0\npolicy\t0\t1\t1\t\ndetail\t1\t1\ta\tb\tc\td\n", "day", "\n",
	};
	struct tls_tally_list days, none;
	struct buf head = BUF_INIT(1000);

	TAILQ_INIT(&none);
	tls_tally_file_format(&head, &none);
	TAILQ_INIT(&days);
	ck_assert(tls_tally_file_parse(&days, buf_text(&head), head.len));
	for (size_t i = 0; i < nitems_of(bad); i++) {
		struct buf text = BUF_INIT(10000);
		unsigned long sum = 0xffffffffUL;

		buf_printf(&text, "postern-tls-reports 1\n%s", bad[i]);
		for (size_t at = 0; at < text.len; at++) {
			sum ^= (unsigned char)text.data[at];
			for (int bit = 0; bit < 8; bit++)
				sum = sum & 1 ? (sum >> 1) ^ 0xedb88320UL : sum >> 1;
		}
		buf_printf(&text, "end %08lx\n", sum ^ 0xffffffffUL);
		ck_assert_msg(!tls_tally_file_parse(&days, buf_text(&text), text.len), "%s", bad[i]);
		buf_done(&text);
	}
	ck_assert(TAILQ_EMPTY(&days));
	buf_done(&head);
}
END_TEST

/* A policy with more hosts than there is room for has whole lines. */
START_TEST(test_long_policy)
{
	struct tls_applied *a = tls_applied_new("a.example", TLS_APPLIED_STS);
	struct buf mx = BUF_INIT(100000);

	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&mx, "%smx%u.example", i == 0 ? "" : " ", i);
	tls_applied_sts(a, "testing", buf_text(&mx), 1);
	ck_assert_uint_le(a->text.len, TLS_APPLIED_TEXT_MAX);
	ck_assert(buf_ok(&a->text));
	ck_assert_int_eq(a->text.data[a->text.len - 1], '\n');
	ck_assert_ptr_nonnull(strstr(a->text.data, "max_age: 1\n"));
	ck_assert_ptr_nonnull(tls_applied_get(a));
	tls_applied_put(a);
	tls_applied_put(a);
	buf_done(&mx);
}
END_TEST

UNIT_MAIN("tls_tally", test_rows, test_limits, test_policies, test_file, test_lines, test_long_policy)
