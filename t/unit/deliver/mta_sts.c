/* mta_sts - the TXT record, the order of questions, which hosts a policy covers (RFC 8461) */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/hosts/hosts.h"
#include "t/unit/check_main.h"

static const struct { const char *text, *id; } records[] = {	/* id NULL: it is no record */
	{ "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
	{ "v=STSv1; id=20160831085700Z", "20160831085700Z" },
	{ "v=STSv1;id=1", "1" },
	{ "v=STSv1 ;\t id=1 ; ", "1" },
	{ "v=STSv1; other=x; id=a; id=b;", "a" },
	{ "v=STSv1; id=a; ext=a-b_c.d!", "a" },
	{ "v=STSv1; id=12345678901234567890123456789012", "12345678901234567890123456789012" },
	{ "v=STSv1; id=123456789012345678901234567890123", NULL },
	{ "v=STSv1; id=a-b", NULL },
	{ "v=STSv1; id=", NULL },
	{ "v=STSv1; id", NULL },
	{ "v=STSv1; id=a b", NULL },
	{ "v=STSv1;; id=a", NULL },
	{ "v=STSv1;", NULL },
	{ "v=STSv1", NULL },
	{ "v=STSv2; id=a", NULL },
	{ "V=STSv1; id=a", NULL },
	{ " v=STSv1; id=a", NULL },
	{ "v=STSv1 id=a", NULL },
	{ "v=STSv1x; id=a", NULL },
	{ "", NULL },
};

START_TEST(test_records)
{
	for (size_t i = 0; i < nitems_of(records); i++) {
		size_t len = strlen(records[i].text);
		char *text = mem_strdup(records[i].text), id[POLICY_ID_SIZE];
		bool good = mta_sts_record_id(text, len, id);

		ck_assert_msg(good == (records[i].id != NULL), "row %zu", i);
		if (good)
			ck_assert_str_eq(id, records[i].id);
		free(text);
	}
}
END_TEST

static struct config_nets never;

static struct msg_dns_answer *
found(struct msg_dns_answer *a, const char *const *text, size_t count)
{
	*a = (struct msg_dns_answer){ .result = DNS_FOUND, .ttl = 60 };
	for (size_t i = 0; i < count; i++) {
		struct msg_dns_record *r = &a->record[a->count++];

		r->len = (uint16_t)strlen(text[i]);
		memcpy(r->data, text[i], r->len);
	}
	return a;
}

/* The question that comes next: "TXT _mta-sts.d.example", "-": none. */
static const char *
next(struct mta_sts *s)
{
	static char text[400];
	uint16_t type;
	const char *name;

	if (!mta_sts_ask(s, &type, &name))
		return "-";
	snprintf(text, sizeof(text), "%s %s", type == DNS_TXT ? "TXT" : type == DNS_A ? "A" : "AAAA", name);
	return text;
}

START_TEST(test_order)
{
	static struct msg_dns_answer a;
	struct mta_sts *s = mta_sts_new("d.example", false, &never);
	const struct msg_policy_ask *ask;

	ck_assert_str_eq(next(s), "TXT _mta-sts.d.example");
	ck_assert_str_eq(next(s), "-");
	ck_assert_ptr_null(mta_sts_wants(s));
	mta_sts_answer(s, found(&a, (const char *[]){ "something else", "v=STSv1; id=a7" }, 2));
	ck_assert_str_eq(next(s), "AAAA mta-sts.d.example");
	ck_assert_str_eq(next(s), "A mta-sts.d.example");
	ck_assert_str_eq(next(s), "-");
	a = (struct msg_dns_answer){ .result = DNS_TROUBLE };
	mta_sts_answer(s, &a);
	ck_assert_ptr_null(mta_sts_wants(s));
	mta_sts_answer(s, found(&a, (const char *[]){ "\300\250\001\002", "\177\001\001\003" }, 2));
	ask = mta_sts_wants(s);
	ck_assert_ptr_nonnull(ask);
	ck_assert_str_eq(ask->domain, "d.example");
	ck_assert_str_eq(ask->id, "a7");
	ck_assert_uint_eq(ask->addresses, 2);
	ck_assert_ptr_null(mta_sts_wants(s));
	ck_assert(!mta_sts_is_over(s));
	mta_sts_fail(s, "the helper is away");
	ck_assert(mta_sts_is_over(s));
	ck_assert_ptr_nonnull(strstr(mta_sts_trouble(s), "the helper is away"));
	ck_assert(!mta_sts_enforces(s));
	mta_sts_free(s);
}
END_TEST

/* Without one good record: nothing is asked, but where policies are kept. */
START_TEST(test_no_record)
{
	static const char *const twice[] = { "v=STSv1; id=a", "v=STSv1; id=b" }, *const bad[] = { "v=STSv1; id=!" },
	    *const other[] = { "v=spf1 -all" };
	const struct { const char *const *text; size_t count; enum msg_dns_result result; } rows[] = {
		{ twice, 2, DNS_FOUND }, { bad, 1, DNS_FOUND }, { other, 1, DNS_FOUND },
		{ NULL, 0, DNS_NO_DATA }, { NULL, 0, DNS_NO_NAME }, { NULL, 0, DNS_TROUBLE },
	};
	static struct msg_dns_answer a;

	for (size_t i = 0; i < nitems_of(rows) * 2; i++) {
		bool known = i % 2 != 0;
		struct mta_sts *s = mta_sts_new("d.example", known, &never);
		const struct msg_policy_ask *ask;

		(void)next(s);
		found(&a, rows[i / 2].text, rows[i / 2].count);
		a.result = (uint8_t)rows[i / 2].result;
		mta_sts_answer(s, &a);
		ck_assert_str_eq(next(s), "-");
		ask = mta_sts_wants(s);
		ck_assert_msg((ask != NULL) == known && mta_sts_is_over(s) != known, "row %zu", i);
		if (ask != NULL)
			ck_assert_str_eq(ask->id, "");
		mta_sts_free(s);
	}
}
END_TEST

/* A name that the prefix makes too long has no policy. */
START_TEST(test_long_name)
{
	char name[DNS_NAME_SIZE];
	struct mta_sts *s;

	memset(name, 'a', 250);
	for (size_t i = 50; i < 250; i += 51)
		name[i] = '.';
	name[250] = '\0';
	s = mta_sts_new(name, true, &never);
	ck_assert_str_eq(next(s), "-");
	ck_assert(mta_sts_is_over(s));
	mta_sts_free(s);
}
END_TEST

static const struct { const char *mx, *host; bool covered; } covers[] = {
	{ "mx.d.example", "mx.d.example", true },
	{ "mx.d.example", "MX.D.Example", true },
	{ "MX.D.Example", "mx.d.example", true },
	{ "mx.d.example", "mx2.d.example", false },
	{ "mx.d.example", "x.mx.d.example", false },
	{ "*.d.example", "mx.d.example", true },
	{ "*.d.example", "d.example", false },
	{ "*.d.example", "a.mx.d.example", false },
	{ "*.d.example", ".d.example", false },
	{ "*.d.example", "mxd.example", false },
	{ "*", "mx.d.example", false },
	{ "*.", "mx.", false },
	{ "mx*.d.example", "mx1.d.example", false },
	{ "a.example *.d.example c.example", "mx.d.example", true },
	{ "a.example *.d.example c.example", "c.example", true },
	{ "a.example *.d.example c.example", "a.exampl", false },
	{ "", "mx.d.example", false },
};

START_TEST(test_covers)
{
	struct msg_policy_answer *a = mem_zalloc(sizeof(*a));

	for (size_t i = 0; i < nitems_of(covers); i++) {
		struct mta_sts *s = mta_sts_new("d.example", true, &never);

		a->mode = POLICY_ENFORCE;
		a->len = (uint16_t)strlen(covers[i].mx);
		memcpy(a->mx, covers[i].mx, a->len);
		mta_sts_decide(s, a);
		ck_assert(mta_sts_enforces(s));
		ck_assert_msg(mta_sts_covers(s, covers[i].host) == covers[i].covered, "row %zu", i);
		mta_sts_free(s);
	}
	free(a);
	mta_sts_free(NULL);
	ck_assert(!mta_sts_enforces(NULL));
	ck_assert_ptr_null(mta_sts_trouble(NULL));
}
END_TEST

UNIT_MAIN("mta_sts", test_records, test_order, test_no_record, test_long_name, test_covers)
