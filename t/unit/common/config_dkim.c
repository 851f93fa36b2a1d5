/* config_dkim - items of dkim-key: form, days, which domain they serve */
#include "t/unit/check_main.h"

#include <string.h>

#include "common/config/config_dkim.h"
#include "common/config/key.h"

static const struct { const char *item; const char *domain, *selector, *file; int64_t from, until; } good[] = {
	{ "example.com s1 /k", "example.com", "s1", "/k", INT64_MIN, INT64_MAX },
	{ "Example.COM  S1.mail\t/a b/k", "example.com", "s1.mail", "/a b/k", INT64_MIN, INT64_MAX },
	{ "a.b 2026 1970-01-02..1970-01-02 /k", "a.b", "2026", "/k", 86400, 2 * 86400 },
	{ "a.b s 2024-02-29.. /k", "a.b", "s", "/k", 1709164800, INT64_MAX },
	{ "a.b s ..2026-12-31 /k", "a.b", "s", "/k", INT64_MIN, 1798761600 },
};
static const char *const bad[] = {
	"", "example.com", "example.com s1", "example.com /k", "example.com s1 k", "example.com s1 2026-01-01 /k",
	"example.com s1 .. /k", "example.com s1 2026-02-30.. /k", "example.com s1 2026-13-01.. /k",
	"example.com s1 2026-01-02..2026-01-01 /k", "example.com s1 2026-1-1.. /k", "example.com s1 26-01-01.. /k",
	"example.com s1 2026-01-01.. ", "example.com s_!1 /k", "com s1 /k", "-a.b s1 /k", "a..b s1 /k",
	"b\xc3\xbc.example s1 /k", "example.com s1 2026-01-01...2026-01-05 /k",
	"example.com aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /k",
};

START_TEST(forms)
{
	struct config_dkim k;
	const char *why;

	for (size_t i = 0; i < nitems_of(good); i++) {
		ck_assert_msg(config_dkim_parse(&k, good[i].item, &why) == 0, "%s", good[i].item);
		ck_assert_str_eq(k.domain, good[i].domain);
		ck_assert_str_eq(k.selector, good[i].selector);
		ck_assert_str_eq(k.file, good[i].file);
		ck_assert_int_eq(k.from, good[i].from);
		ck_assert_int_eq(k.until, good[i].until);
	}
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(config_dkim_parse(&k, bad[i], &why) == -1, "%s", bad[i]);
	ck_assert_int_eq(key_check_dkim("example.com s1 /a/../k", &why), -1);
}
END_TEST

START_TEST(days)
{
	struct config_dkim k = { .from = 100, .until = 200 };

	ck_assert(!config_dkim_is_valid(&k, 99) && config_dkim_is_valid(&k, 100));
	ck_assert(config_dkim_is_valid(&k, 199) && !config_dkim_is_valid(&k, 200));
}
END_TEST

START_TEST(domains)
{
	struct config_dkim k = { .domain = "example.com" };

	ck_assert(config_dkim_serves(&k, "example.com") && config_dkim_serves(&k, "a.b.example.com"));
	ck_assert(!config_dkim_serves(&k, "notexample.com") && !config_dkim_serves(&k, "com"));
	ck_assert(!config_dkim_serves(&k, "") && !config_dkim_serves(&k, "example.com.org"));
}
END_TEST

UNIT_MAIN("config_dkim", forms, days, domains)
