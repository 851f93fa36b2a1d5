/*
 * address - rows of paths, mailboxes and lists; each row whole and as
 * each of its prefixes, in a buffer of its exact size
 */
#include "common/mail/address.h"

#include <string.h>

#include "t/unit/check_main.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A240 A60 A60 A60 A60
#define LOCAL256 A240 A10 "aaaaaa"
#define LABEL63 A60 "aaa"
#define DOMAIN255 LABEL63 "." LABEL63 "." LABEL63 "." LABEL63

enum { U = ADDRESS_UTF8, N = ADDRESS_NULL, B = ADDRESS_BARE };

struct row {
	const char *in;
	unsigned flags;
	const char *want;	/* NULL: refused */
	size_t used;		/* paths: 0 is all of it */
};

static const struct row paths[] = {
	{ "<a@b.example>", 0, "a@b.example", 0 },
	{ "<a@b.example> SIZE=1", 0, "a@b.example", 13 },
	{ "a@b.example SIZE=1", 0, "a@b.example", 11 },
	{ "a@b.example", 0, "a@b.example", 0 },
	{ "<A.b+c@EXAMPLE.Com>", 0, "A.b+c@example.com", 0 },
	{ "<!#$%&'*+-/=?^_`{|}~@x>", 0, "!#$%&'*+-/=?^_`{|}~@x", 0 },
	{ "<a@under_score.example>", 0, "a@under_score.example", 0 },
	{ "<>", N, "", 0 },
	{ "<> SIZE=1", N, "", 2 },
	{ "<>", 0, NULL, 0 },
	{ "", N, NULL, 0 },
	{ " ", N | B, NULL, 0 },
	{ "<", N, NULL, 0 },
	{ "<postmaster>", B, "postmaster", 0 },
	{ "postmaster", B, "postmaster", 0 },
	{ "<postmaster>", 0, NULL, 0 },
	{ "<@hop.example:a@b.example>", 0, "a@b.example", 0 },
	{ "<@hop.example,@[192.0.2.1]:a@b.example> X", 0, "a@b.example", 39 },
	{ "<@hop.example a@b.example>", 0, NULL, 0 },
	{ "<@:a@b.example>", 0, NULL, 0 },
	{ "<@hop.example:>", 0, NULL, 0 },
	{ "<\"a b\"@c.example>", 0, "\"a b\"@c.example", 0 },
	{ "\"a b\"@c.example X", 0, "\"a b\"@c.example", 15 },
	{ "<\"a\\\"@\\\\b\"@c.example>", 0, "\"a\\\"@\\\\b\"@c.example", 0 },
	{ "<\"@\"@c.example>", 0, "\"@\"@c.example", 0 },
	{ "<\"\"@c.example>", 0, "\"\"@c.example", 0 },
	{ "<\"a\"b@c.example>", 0, NULL, 0 },
	{ "<\"a@c.example>", 0, NULL, 0 },
	{ "<\"a\\\"@c.example>", 0, NULL, 0 },
	{ "<\"a\tb\"@c.example>", 0, NULL, 0 },
	{ "<\"a\rb\"@c.example>", 0, NULL, 0 },
	{ "<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", 0 },
	{ "<a@[IPv6:2001:DB8::1]>", 0, "a@[ipv6:2001:db8::1]", 0 },
	{ "<a@[IPv6:::ffff:192.0.2.1]>", 0, "a@[ipv6:::ffff:192.0.2.1]", 0 },
	{ "<a@[192.0.2.256]>", 0, NULL, 0 },
	{ "<a@[2001:db8::1]>", 0, NULL, 0 },
	{ "<a@[IPv6:192.0.2.1]>", 0, NULL, 0 },
	{ "<a@[x:y]>", 0, NULL, 0 },
	{ "<a@[]>", 0, NULL, 0 },
	{ "<a@[192.0.2.1>", 0, NULL, 0 },
	{ "<a@[192.0.2.1].example>", 0, NULL, 0 },
	{ "<a@[IPv6:" A60 A60 A60 A60 A60 "]>", 0, NULL, 0 },
	{ "<a@>", 0, NULL, 0 },
	{ "<@b>", 0, NULL, 0 },
	{ "<a@b", 0, NULL, 0 },
	{ "<a@b.>", 0, "a@b", 6 },
	{ "<a@.b>", 0, NULL, 0 },
	{ "<a@b..c>", 0, NULL, 0 },
	{ "<a@-b>", 0, NULL, 0 },
	{ "<a@b->", 0, NULL, 0 },
	{ "<a..b@c>", 0, "a..b@c", 8 },
	{ "<a.@c>", 0, "a.@c", 6 },
	{ "<.a@c>", 0, ".a@c", 6 },
	{ "<..@c>", 0, NULL, 0 },
	{ "<a@b..c>", 0, NULL, 0 },
	{ "<a@b..>", 0, NULL, 0 },
	{ "<a@b.c.>", 0, "a@b.c", 8 },
	{ "a@b.c. SIZE=1", 0, "a@b.c", 6 },
	{ "<a@.>", 0, NULL, 0 },
	{ "<@r.,@s.:a@b.>", 0, "a@b", 14 },
	{ "<a b@c>", 0, NULL, 0 },
	{ "< a@c>", 0, "a@c", 6 },
	{ "<a@c >", 0, "a@c", 6 },
	{ "< \t a@c.\t>", 0, "a@c", 10 },
	{ "< >", N, "", 3 },
	{ "<a @c>", 0, NULL, 0 },
	{ "<a@ c>", 0, NULL, 0 },
	{ "<a@c. d>", 0, NULL, 0 },
	{ "< (c)a@c>", 0, NULL, 0 },
	{ "<a@b@c>", 0, NULL, 0 },
	{ "<a(c)@b>", 0, NULL, 0 },
	{ "<a@b\r\n>", 0, NULL, 0 },
	{ "a@b\rX", 0, NULL, 0 },
	{ "a@b>", 0, NULL, 0 },
	{ "<<a@b>>", 0, NULL, 0 },
	{ "<a@b><c@d>", 0, "a@b", 5 },
	/* limits: RFC 5321 4.5.3.1.1, 4.5.3.1.2 */
	{ "<" LOCAL256 "@b>", 0, LOCAL256 "@b", 0 },
	{ "<a" LOCAL256 "@b>", 0, NULL, 0 },
	{ "<\"" A240 A10 "aaaa\"@b>", 0, "\"" A240 A10 "aaaa\"@b", 0 },
	{ "<\"" A240 A10 "aaaaa\"@b>", 0, NULL, 0 },
	{ "<" LOCAL256 "@" DOMAIN255 ">", 0, LOCAL256 "@" DOMAIN255, 0 },
	{ "<a@" LABEL63 ".b>", 0, "a@" LABEL63 ".b", 0 },
	{ "<a@a" LABEL63 ".b>", 0, NULL, 0 },
	{ "<" A60 "aaaa@" DOMAIN255 ">", 0, A60 "aaaa@" DOMAIN255, 0 },
	{ "<a@" DOMAIN255 ".b>", 0, NULL, 0 },
	/* UTF-8 */
	{ "<j\xc3\xbcrgen@b\xc3\xbc" "cher.example>", U, "j\xc3\xbcrgen@b\xc3\xbc" "cher.example", 0 },
	{ "<\"\xe2\x82\xac \"@b>", U, "\"\xe2\x82\xac \"@b", 0 },
	{ "<\xf0\x9f\x93\xac@b>", U, "\xf0\x9f\x93\xac@b", 0 },
	{ "<j\xc3\xbcrgen@b>", 0, NULL, 0 },
	{ "<a@b\xc3\xbc>", 0, NULL, 0 },
	{ "<\"\xc3\xbc\"@b>", 0, NULL, 0 },
	{ "<\xfc@b>", U, NULL, 0 },			/* Latin-1 */
	{ "<\xc3@b>", U, NULL, 0 },			/* cut */
	{ "<\xc0\xaf@b>", U, NULL, 0 },			/* overlong */
	{ "<\xe0\x80\xaf@b>", U, NULL, 0 },
	{ "<\xed\xa0\x80@b>", U, NULL, 0 },		/* surrogate */
	{ "<\xf4\x90\x80\x80@b>", U, NULL, 0 },		/* past U+10FFFF */
	{ "<\xc2\x85@b>", U, NULL, 0 },			/* C1 control */
	{ "<\xe2\x82@b>", U, NULL, 0 },
	{ "<a@b\xe2\x28\xa1>", U, NULL, 0 },
};

static const struct row mailboxes[] = {
	{ "bounces+31415926-c0de-firstname.lastname=a-rather-long-customer-domain.example@b.example", 0,
	    "bounces+31415926-c0de-firstname.lastname=a-rather-long-customer-domain.example@b.example", 0 },
	{ "Taro <taro..yama@mobile.example>", 0, "taro..yama@mobile.example", 0 },
	{ "hanako.@mobile.example", 0, "hanako.@mobile.example", 0 },
	{ "J. Doe <a@b.example>", 0, "a@b.example", 0 },
	{ "a@b.example", 0, "a@b.example", 0 },
	{ "  a@B.example \t", 0, "a@b.example", 0 },
	{ "<a@b.example>", 0, "a@b.example", 0 },
	{ "Name <a@b.example>", 0, "a@b.example", 0 },
	{ "J. R. Doe <a@b.example>", 0, "a@b.example", 0 },
	{ "\"Doe, J <x>\" <a@b.example> (work)", 0, "a@b.example", 0 },
	{ "\"Na\\\"me\" <a@b.example>", 0, "a@b.example", 0 },
	{ "=?utf-8?B?SsO8cmdlbiwgTS4=?=\r\n <a@b.example>", 0, "a@b.example", 0 },
	{ "=?utf-8?Q?J=C3=BCrgen?= =?utf-8?Q?_M.?= <a@b.example>", 0, "a@b.example", 0 },
	{ "J\xc3\xbcrgen <a@b.example>", 0, "a@b.example", 0 },
	{ "J\xfcrgen <a@b.example>", 0, "a@b.example", 0 },
	{ "a@b.example <a@b.example>", 0, "a@b.example", 0 },
	{ "(c (d (e) \\) ) ) a (x) @ (y) b . example (z)", 0, "a@b.example", 0 },
	{ "a . b @ c . example", 0, "a.b@c.example", 0 },
	{ "Name\r\n\t<a@b.example>", 0, "a@b.example", 0 },
	{ "Name\n <a@b.example>\n", 0, "a@b.example", 0 },
	{ "Name < a@b.example >", 0, "a@b.example", 0 },
	{ "Name < a@b.example. >", 0, "a@b.example", 0 },
	{ "a@b.example. (at work)", 0, "a@b.example", 0 },
	{ "Name <@hop , @hop2 : a@b.example>", 0, "a@b.example", 0 },
	{ "\"a\r\n\tb\"@c", 0, "\"a b\"@c", 0 },
	{ "<j\xc3\xbc@b>", U, "j\xc3\xbc@b", 0 },
	{ "<j\xc3\xbc@b>", 0, NULL, 0 },
	{ "<>", N, "", 0 },
	{ "Mailer <>", N, "", 0 },
	{ "<>", 0, NULL, 0 },
	{ "", N | B, NULL, 0 },
	{ " \r\n ", N | B, NULL, 0 },
	{ "root", B, "root", 0 },
	{ "Root <root>", B, "root", 0 },
	{ "root", 0, NULL, 0 },
	{ "two words", B, NULL, 0 },
	{ "a@b, c@d", 0, NULL, 0 },
	{ "a@b;", 0, NULL, 0 },
	{ "group: a@b;", 0, NULL, 0 },
	{ "Name <a@b> more", 0, NULL, 0 },
	{ "Name <a@b", 0, NULL, 0 },
	{ "Name a@b>", 0, NULL, 0 },
	{ "Na\x01me <a@b>", 0, NULL, 0 },
	{ "a@b c", 0, NULL, 0 },
	{ "a@b (open", 0, NULL, 0 },
	{ "(((((((((((((((( ok )))))))))))))))) a@b", 0, "a@b", 0 },
	{ "((((((((((((((((( deep ))))))))))))))))) a@b", 0, NULL, 0 },
	{ "\"open <a@b>", 0, NULL, 0 },
};

/* In `want`: one word an address, "!" a malformed one. */
static const struct row lists[] = {
	{ "a@b, c@d", 0, "a@b c@d ", 0 },
	{ ",, a@b ,,c@d,", 0, "a@b c@d ", 0 },
	{ "", 0, "", 0 },
	{ " (nobody) ", 0, "", 0 },
	{ "undisclosed-recipients:;", 0, "", 0 },
	{ "undisclosed-recipients: ;", B, "", 0 },
	{ "friends: a@b, \"C\" <c@d>; , e@f", 0, "a@b c@d e@f ", 0 },
	{ "\"my, group\": a@b;, x: y@z;", 0, "a@b y@z ", 0 },
	{ "a@b; c@d", 0, "a@b c@d ", 0 },
	{ "\"A, B\" <a@b>,\r\n\t=?utf-8?Q?C=2C_D?= <c@d> (x, y),\n e@f", 0, "a@b c@d e@f ", 0 },
	{ "a@b, bad bad, c@d", 0, "a@b ! c@d ", 0 },
	{ "<a@b, c@d>, e@f", 0, "! ! e@f ", 0 },
	{ "\"bad, comma\" x, e@f", 0, "! e@f ", 0 },
	{ "bad (a, b) , e@f", 0, "! e@f ", 0 },
	{ "a@b, \"open, c@d", 0, "a@b ! ", 0 },
	{ "a@b, (open, c@d", 0, "a@b ! ", 0 },
	{ "bad (open, c@d", 0, "! ", 0 },
	{ "root, Admin <admin>, x@y", B, "root admin x@y ", 0 },
	{ "root, x@y", 0, "! x@y ", 0 },
	{ "<>, x@y", 0, "! x@y ", 0 },
	{ ": x@y", 0, "! ", 0 },
	{ "<@a,@b:c@d>, e@f", 0, "c@d e@f ", 0 },
	{ "a@b\xc3\xbc, c@d", U, "a@b\xc3\xbc c@d ", 0 },
	{ "a@b\xc3, c@d", U, "! c@d ", 0 },
};

static bool
is_sane(const struct address *a)
{
	struct address again;
	size_t n = strlen(a->text);

	if (n > ADDRESS_MAX || a->at > n || (a->at < n && a->text[a->at] != '@'))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)a->text[i] < ' ' || a->text[i] == 127)
			return false;
	return n == 0 || (address_from_text(&again, a->text) == 0 && strcmp(again.text, a->text) == 0 &&
	    again.at == a->at);
}

/* check's own assertions are too slow for millions of them. */
static void
check_sane(const struct address *a)
{
	if (!is_sane(a))
		ck_abort_msg("not sane: \"%s\" at %zu", a->text, a->at);
}

static void
feed(const char *in, size_t n, unsigned flags)
{
	struct address a;
	size_t pos = 0, before;
	int r;

	if (address_parse_path(&a, in, n, flags, &pos) == 0) {
		if (pos > n)
			ck_abort_msg("path ate %zu of %zu", pos, n);
		check_sane(&a);
	}
	if (address_parse_mailbox(&a, in, n, flags) == 0)
		check_sane(&a);
	pos = 0;
	do {
		before = pos;
		r = address_list_next(&a, in, n, &pos, flags);
		if (r == 1)
			check_sane(&a);
		if (pos > n || (r != 0 && pos <= before))
			ck_abort_msg("list went from %zu to %zu of %zu", before, pos, n);
	} while (r != 0);
}

/* Every prefix through every reader, each in memory of exactly its size. */
static void
feed_prefixes(const char *in, size_t len)
{
	for (size_t n = 0; n <= len; n++) {
		char *copy = malloc(n + (n == 0));

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, in, n);
		for (unsigned flags = 0; flags < 8; flags++)
			feed(copy, n, flags);
		free(copy);
	}
}

/* shows 9.2 */
START_TEST(test_paths)
{
	for (size_t i = 0; i < nitems_of(paths); i++) {
		const struct row *row = &paths[i];
		struct address a;
		size_t used = 0;
		int r = address_parse_path(&a, row->in, strlen(row->in), row->flags, &used);

		ck_assert_msg((r == 0) == (row->want != NULL), "path \"%s\": %d", row->in, r);
		if (r != 0)
			continue;
		ck_assert_str_eq(a.text, row->want);
		ck_assert_uint_eq(used, row->used != 0 ? row->used : strlen(row->in));
		check_sane(&a);
	}
}
END_TEST

START_TEST(test_mailboxes)
{
	for (size_t i = 0; i < nitems_of(mailboxes); i++) {
		const struct row *row = &mailboxes[i];
		struct address a;
		int r = address_parse_mailbox(&a, row->in, strlen(row->in), row->flags);

		ck_assert_msg((r == 0) == (row->want != NULL), "mailbox \"%s\": %d", row->in, r);
		if (r == 0)
			ck_assert_str_eq(a.text, row->want);
	}
}
END_TEST

START_TEST(test_lists)
{
	for (size_t i = 0; i < nitems_of(lists); i++) {
		const struct row *row = &lists[i];
		char got[2000] = "";
		struct address a;
		size_t pos = 0;
		int r;

		while ((r = address_list_next(&a, row->in, strlen(row->in), &pos, row->flags)) != 0) {
			strcat(got, r == 1 ? a.text : "!");
			strcat(got, " ");
		}
		ck_assert_msg(strcmp(got, row->want) == 0, "list \"%s\": \"%s\"", row->in, got);
	}
}
END_TEST

START_TEST(test_prefixes)
{
	for (size_t i = 0; i < nitems_of(paths); i++)
		feed_prefixes(paths[i].in, strlen(paths[i].in));
	for (size_t i = 0; i < nitems_of(mailboxes); i++)
		feed_prefixes(mailboxes[i].in, strlen(mailboxes[i].in));
	for (size_t i = 0; i < nitems_of(lists); i++)
		feed_prefixes(lists[i].in, strlen(lists[i].in));
}
END_TEST

/* Every byte in every place of a small address: nothing but what the flags allow comes through. */
START_TEST(test_every_byte)
{
	char in[] = "\"x\" <ab@cd.e>, (c) f@g";

	for (size_t i = 0; i < sizeof(in) - 1; i++) {
		for (int byte = 0; byte < 256; byte++) {
			char copy[sizeof(in)];

			memcpy(copy, in, sizeof(in));
			copy[i] = (char)byte;
			for (unsigned flags = 0; flags < 8; flags++) {
				feed(copy, sizeof(in) - 1, flags);
				feed(copy + 4, 9, flags);
			}
		}
	}
}
END_TEST

/* One mebibyte of what makes naive parsers slow or deep: linear, or this test runs into its time limit. */
START_TEST(test_hostile)
{
	static const char *const bits[] = { "(", "\"", "<", ",<", "a@b,", "a,", ":", "x:", "a.", "\\", "(a)",
	    "((", "@", "<@a,", "a@", "\"a\" ", ";" };
	size_t size = 1 << 20;
	char *in = malloc(size);

	ck_assert_ptr_nonnull(in);
	for (size_t i = 0; i < nitems_of(bits); i++) {
		struct address a;
		size_t n = strlen(bits[i]), pos = 0, used;

		for (size_t k = 0; k < size; k++)
			in[k] = bits[i][k % n];
		while (address_list_next(&a, in, size, &pos, ADDRESS_BARE | ADDRESS_NULL | ADDRESS_UTF8) != 0)
			;
		(void)!address_parse_mailbox(&a, in, size, 0);
		(void)!address_parse_path(&a, in, size, 0, &used);
	}
	free(in);
}
END_TEST

START_TEST(test_parts)
{
	struct address a;
	char longest[300];

	ck_assert_int_eq(address_from_text(&a, "\"a@b\"@C.example"), 0);
	ck_assert_str_eq(address_domain(&a), "c.example");
	ck_assert_uint_eq(a.at, 5);
	ck_assert(!address_is_bare(&a) && !address_is_null(&a) && !address_is_utf8(&a));
	ck_assert_int_eq(address_from_text(&a, ""), 0);
	ck_assert(address_is_null(&a) && !address_is_bare(&a));
	ck_assert_str_eq(address_domain(&a), "");
	ck_assert_int_eq(address_complete(&a, "x"), 0);
	ck_assert_str_eq(a.text, "");
	ck_assert_int_eq(address_from_text(&a, "root"), 0);
	ck_assert(address_is_bare(&a));
	ck_assert_int_eq(address_complete(&a, ""), -1);
	ck_assert_int_eq(address_complete(&a, "Example.COM"), 0);
	ck_assert_str_eq(a.text, "root@example.com");
	ck_assert(!address_is_bare(&a));
	ck_assert_int_eq(address_complete(&a, "other"), 0);
	ck_assert_str_eq(a.text, "root@example.com");
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	ck_assert_int_eq(address_from_text(&a, "root"), 0);
	ck_assert_int_eq(address_complete(&a, longest), -1);
	ck_assert_int_eq(address_complete(&a, longest + 1), 0);
	ck_assert_int_eq(address_from_text(&a, "j\xc3\xbc@b"), 0);
	ck_assert(address_is_utf8(&a));
	ck_assert_int_eq(address_from_text(&a, "@b"), -1);
	ck_assert_int_eq(address_from_text(&a, "a@"), -1);
	ck_assert_int_eq(address_from_text(&a, "a\n@b"), -1);
	ck_assert_int_eq(address_from_text(&a, "\"a@b"), -1);
	ck_assert_int_eq(address_from_text(&a, longest), 0);
	longest[256] = 'x';
	longest[257] = '\0';
	ck_assert_int_eq(address_from_text(&a, longest), -1);
}
END_TEST

/* What is no address becomes one that an envelope holds, whatever its bytes, and that no parser makes. */
START_TEST(test_malformed)
{
	static const struct { const char *in, *want; } rows[] = {
		{ " not an address\r\n", "\"not an address\"@[malformed]" }, { "", "\"\"@[malformed]" },
		{ "<x@@y>", "\"<x@@y>\"@[malformed]" }, { "\"a\\\tb\xff\x01", "\"?a? b??\"@[malformed]" },
	};
	struct address a, again;
	char bytes[1000];
	size_t used;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		address_malformed(&a, rows[i].in, strlen(rows[i].in));
		ck_assert_str_eq(a.text, rows[i].want);
		check_sane(&a);
		ck_assert_int_eq(address_parse_path(&again, a.text, strlen(a.text), 7, &used), -1);
	}
	memset(bytes, '"', sizeof(bytes));
	address_malformed(&a, bytes, sizeof(bytes));
	ck_assert_uint_eq(strlen(a.text), ADDRESS_MALFORMED_TEXT + 3 + strlen(ADDRESS_MALFORMED));
	check_sane(&a);
}
END_TEST

UNIT_MAIN("address", test_malformed, test_paths, test_mailboxes, test_lists, test_prefixes, test_every_byte, test_hostile,
    test_parts)
