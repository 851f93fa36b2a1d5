/* net - rows of networks, addresses and host names; an IPv4-mapped IPv6 address equals its IPv4 address */
#include "common/base/net.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "t/unit/check_main.h"

static const struct { const char *text, *want; } entries[] = {	/* want NULL: refused */
	{ "192.0.2.1", "192.0.2.1" }, { "192.0.2.1/32", "192.0.2.1" }, { "192.0.2.0/24", "192.0.2.0/24" },
	{ "192.0.2.77/24", "192.0.2.0/24" }, { "192.0.2.0/255.255.255.0", "192.0.2.0/24" },
	{ "0.0.0.0/0", "0.0.0.0/0" },
	{ "0.0.0.0/0.0.0.0", "0.0.0.0/0" }, { "2001:DB8::/32", "2001:db8::/32" },
	{ "2001:db8::1", "2001:db8::1" }, { "::/0", "::/0" },
	{ "::ffff:192.0.2.1", "192.0.2.1" }, { "::ffff:0:0/96", "0.0.0.0/0" },
	{ "::ffff:192.0.2.0/120", "192.0.2.0/24" },
	{ "::ffff:0:0/95", "::fffe:0:0/95" }, { "Example.COM", "example.com" }, { "host", "host" },
	{ "192.0.2.0/33", NULL }, { "192.0.2.0/-1", NULL }, { "192.0.2.0/", NULL },
	{ "192.0.2.0/255.0.255.0", NULL },
	{ "192.0.2.0/024x", NULL }, { "192.0.2.0/0024", NULL }, { "2001:db8::/129", NULL },
	{ "2001:db8::/ffff::", NULL },
	{ "192.0.2", NULL }, { "192.0.2.256", NULL }, { "1.2.3.4.5", NULL }, { "example.com/24", NULL },
	{ "", NULL }, { "/24", NULL },
	{ "fe80::1%lo", NULL }, { "a b", NULL }, { "*.example.com", NULL }, { "-a.example", NULL },
};

/* shows 2.4p, 2.4q */
START_TEST(test_entry_parse)
{
	for (size_t i = 0; i < nitems_of(entries); i++) {
		struct net_entry e;
		char text[NET_TEXT_SIZE];
		const char *why = NULL;
		int result = net_entry_parse(&e, entries[i].text, &why);

		ck_assert_msg((result == 0) == (entries[i].want != NULL), "%s", entries[i].text);
		if (result == -1) {
			ck_assert_msg(why != NULL, "%s: no reason", entries[i].text);
			continue;
		}
		net_entry_format(text, sizeof(text), &e);
		ck_assert_str_eq(text, entries[i].want);
		net_entry_done(&e);
	}
}
END_TEST

static struct net_address
address(const char *text)
{
	struct net_address a;
	const char *why;

	ck_assert_msg(net_address_parse(&a, text, 25, &why) == 0, "%s: %s", text, why);
	return a;
}

static const struct { const char *entry, *address; bool has; } matches[] = {
	{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
	{ "192.0.2.8/31", "192.0.2.9", true }, { "192.0.2.8/31", "192.0.2.10", false },
	{ "0.0.0.0/0", "203.0.113.1", true },
	{ "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "2001:db8::1", true },
	{ "::/0", "192.0.2.1", false },
	{ "::/0", "::ffff:192.0.2.1", false }, { "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "::ffff:192.0.2.0/120", "192.0.2.1", true }, { "example.com", "192.0.2.1", false },
};

START_TEST(test_entry_has)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };

	for (size_t i = 0; i < nitems_of(matches); i++) {
		struct net_entry e;
		const char *why;
		struct net_address a = address(matches[i].address);

		ck_assert_int_eq(net_entry_parse(&e, matches[i].entry, &why), 0);
		ck_assert_msg(net_entry_has(&e, (struct sockaddr *)&a.sa) == matches[i].has, "%s %s",
		    matches[i].entry, matches[i].address);
		ck_assert(!net_entry_has(&e, (struct sockaddr *)&local));
		net_entry_done(&e);
	}
}
END_TEST

START_TEST(test_entry_is_all)
{
	static const struct { const char *text; bool all; } rows[] = {
		{ "0.0.0.0/0", true }, { "10.0.0.0/0", true }, { "::/0", true }, { "::ffff:0:0/96", true },
		{ "0.0.0.0/1", false },
		{ "0.0.0.0", false }, { "example.com", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_entry e;
		const char *why;

		ck_assert_int_eq(net_entry_parse(&e, rows[i].text, &why), 0);
		ck_assert_msg((e.family != AF_UNSPEC && net_entry_prefix(&e) == 0) == rows[i].all, "%s",
		    rows[i].text);
		net_entry_done(&e);
	}
}
END_TEST

START_TEST(test_literals)
{
	static const struct { const char *text, *want; bool nowhere; } rows[] = {
		{ "[192.0.2.1]", "192.0.2.1:25", false }, { "[IPv6:2001:db8::1]", "[2001:db8::1]:25", false },
		{ "[ipv6:::1]", "[::1]:25", false }, { "[127.0.0.1]", "127.0.0.1:25", false },
		{ "[0.0.0.0]", "0.0.0.0:25", true }, { "[0.1.2.3]", "0.1.2.3:25", true },
		{ "[224.0.0.1]", "224.0.0.1:25", true }, { "[240.0.0.1]", "240.0.0.1:25", true },
		{ "[255.255.255.255]", "255.255.255.255:25", true }, { "[IPv6:::]", "[::]:25", true },
		{ "[IPv6:ff02::1]", "[ff02::1]:25", true }, { "[IPv6:::127.0.0.1]", "[::127.0.0.1]:25", true },
		{ "[IPv6:::ffff:192.0.2.1]", "192.0.2.1:25", true }, { "[2001:db8::1]", NULL, false },
		{ "[IPv6:192.0.2.1]", NULL, false }, { "[192.0.2]", NULL, false }, { "192.0.2.1", NULL, false },
		{ "[192.0.2.1", NULL, false }, { "[]", NULL, false }, { "[", NULL, false }, { "", NULL, false },
		{ "[IPv6:]", NULL, false }, { "[IPv6:2001:db8::1]x", NULL, false },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_address a;
		char text[NET_TEXT_SIZE];

		ck_assert_msg((net_literal_parse(&a, rows[i].text, 25) == 0) == (rows[i].want != NULL), "%s",
		    rows[i].text);
		if (rows[i].want == NULL)
			continue;
		net_format(text, (struct sockaddr *)&a.sa);
		ck_assert_str_eq(text, rows[i].want);
		ck_assert_msg(net_is_nowhere((struct sockaddr *)&a.sa) == rows[i].nowhere, "%s", rows[i].text);
	}
}
END_TEST

static const struct { const char *text; uint16_t port; const char *want; } addresses[] = {
	{ "127.0.0.1:25", 0, "127.0.0.1:25" }, { "[::1]:2525", 0, "[::1]:2525" }, { "*:25", 0, "0.0.0.0:25" },
	{ "[::]:65535", 0, "[::]:65535" },
	{ "192.0.2.1", 53, "192.0.2.1:53" }, { "[2001:db8::1]", 53, "[2001:db8::1]:53" },
	{ "2001:db8::1", 53, "[2001:db8::1]:53" },
	{ "::ffff:192.0.2.1", 1, "192.0.2.1:1" },
	{ "127.0.0.1:0", 0, NULL }, { "127.0.0.1:65536", 0, NULL }, { "127.0.0.1:", 0, NULL },
	{ "127.0.0.1:25x", 0, NULL },
	{ "127.0.0.1:+25", 0, NULL }, { "[127.0.0.1]:25", 0, NULL }, { "[::1", 0, NULL },
	{ "[::1]25", 0, NULL }, { "[]:25", 0, NULL },
	{ ":25", 0, NULL }, { "25", 0, NULL }, { "", 0, NULL }, { "localhost:25", 0, NULL },
	{ "[::1]:25:25", 0, NULL },
	{ "[fe80::1%lo]:25", 0, NULL }, { "[*]:25", 0, NULL },
	{ "1111111111111111111111111111111111111111111111111111111111111111111111:25", 0, NULL },
};

START_TEST(test_address)
{
	for (size_t i = 0; i < nitems_of(addresses); i++) {
		struct net_address a;
		char text[NET_TEXT_SIZE];
		const char *why = NULL;
		int result = net_address_parse(&a, addresses[i].text, addresses[i].port, &why);

		ck_assert_msg((result == 0) == (addresses[i].want != NULL), "%s", addresses[i].text);
		if (result == -1) {
			ck_assert_ptr_nonnull(why);
			continue;
		}
		net_format(text, (struct sockaddr *)&a.sa);
		ck_assert_str_eq(text, addresses[i].want);
		ck_assert_int_eq(a.len, a.sa.ss_family == AF_INET ? 16 : 28);
	}
}
END_TEST

START_TEST(test_format_longest)
{
	struct net_address a = address("[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
	char text[NET_TEXT_SIZE];

	net_format(text, (struct sockaddr *)&a.sa);
	ck_assert_str_eq(text, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
	net_format_ip(text, (struct sockaddr *)&a.sa);
	ck_assert_str_eq(text, "1111:2222:3333:4444:5555:6666:7777:8888");
}
END_TEST

START_TEST(test_kinds_of_address)
{
	static const struct { const char *text; bool loopback, any; } rows[] = {
		{ "127.0.0.1", true, false }, { "127.9.9.9", true, false }, { "128.0.0.1", false, false },
		{ "::1", true, false },
		{ "::ffff:127.0.0.1", true, false }, { "::2", false, false }, { "*", false, true },
		{ "::", false, true },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_address a = address(rows[i].text);

		ck_assert_msg(net_is_loopback((struct sockaddr *)&a.sa) == rows[i].loopback, "%s",
		    rows[i].text);
		ck_assert_msg(net_is_any((struct sockaddr *)&a.sa) == rows[i].any, "%s", rows[i].text);
	}
}
END_TEST

START_TEST(test_equal)
{
	static const struct { const char *a, *b; bool same; } rows[] = {
		{ "192.0.2.1:25", "192.0.2.1:25", true }, { "192.0.2.1:25", "192.0.2.1:26", false },
		{ "192.0.2.1:25", "192.0.2.2:25", false },
		{ "[::ffff:192.0.2.1]:25", "192.0.2.1:25", true }, { "[::]:25", "*:25", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_address a = address(rows[i].a), b = address(rows[i].b);

		ck_assert_msg(net_equal((struct sockaddr *)&a.sa, (struct sockaddr *)&b.sa) == rows[i].same,
		    "%s %s", rows[i].a, rows[i].b);
	}
}
END_TEST

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

START_TEST(test_hostname)
{
	static const char *const good[] = { "a", "host.example", "a-b.example", "_dmarc.example", "1.2.3.4",
	    "xn--mnchen-3ya.example", L63 ".example",
		L63 "." L63 "." L63 "." "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "a b",
	    "m\xc3\xbcnchen", "a/b", "a:b", "[a]",
		L63 "g.example", L63 "." L63 "." L63 "."
		    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg" };
	for (size_t i = 0; i < nitems_of(good); i++)
		ck_assert_msg(net_is_hostname(good[i]), "%s", good[i]);
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(!net_is_hostname(bad[i]), "%s", bad[i]);
}
END_TEST

UNIT_MAIN("net", test_entry_parse, test_entry_has, test_entry_is_all, test_literals, test_address, test_format_longest,
    test_kinds_of_address, test_equal, test_hostname)
