/*
 * accounts - the text of a password file with one account changed, what a password may be, its hash, the message
 * that asks for it, and when accounts have logged in
 */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/msg/msg_accounts.h"
#include "common/password/account_hash.h"
#include "common/password/account_lines.h"
#include "listener/auth/auth.h"
#include "t/unit/check_main.h"

#define STR(text) (text), sizeof(text) - 1

START_TEST(lines)
{
	static const struct { const char *before, *name, *hash, *after; bool found; } rows[] = {
		{ "", "bob", "H", "bob:H\n", false }, { "", "bob", "", "", false },
		{ "bob:x\n", "bob", "H", "bob:H\n", true }, { "bob:x", "BOB", "H", "BOB:H\n", true },
		{ "bob:x:1000:\n", "bob", "", "", true }, { "bobby:x\n", "bob", "", "bobby:x\n", false },
		{ "#bob:x\nbob:x\n", "bob", "H", "#bob:x\nbob:H\n", true },
		{ "a:1\nbob:x\nb:2\nBob:y\n", "bob", "H", "a:1\nbob:H\nb:2\n", true },
		{ "a:1\nbob:x\nb:2\nBob:y", "bob", "", "a:1\nb:2\n", true },
		{ "broken\n\n:\nbob", "bob", "", "broken\n\n:\nbob\n", false },
		{ "a:1\r\nbob:x\r\n", "bob", "H", "a:1\r\nbob:H\n", true },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf out = BUF_INIT(4096);

		ck_assert_int_eq(account_lines_change(&out, rows[i].before, strlen(rows[i].before),
		    rows[i].name, rows[i].hash), rows[i].found);
		ck_assert_str_eq(buf_text(&out), rows[i].after);
		buf_done(&out);
	}
}
END_TEST

START_TEST(too_large)
{
	struct buf out = BUF_INIT(8);

	(void)account_lines_change(&out, STR("alice:x\n"), "bob", "H");
	ck_assert(!buf_ok(&out));
	buf_done(&out);
}
END_TEST

START_TEST(passwords)
{
	char longest[ACCOUNT_HASH_PASSWORD_MAX + 1];

	memset(longest, 'p', sizeof(longest));
	ck_assert_ptr_null(account_hash_fault(longest, ACCOUNT_HASH_PASSWORD_MAX));
	ck_assert_ptr_nonnull(account_hash_fault(longest, ACCOUNT_HASH_PASSWORD_MAX + 1));
	ck_assert_ptr_nonnull(account_hash_fault("", 0));
	ck_assert_ptr_null(account_hash_fault(STR("p\tw\xc3\xb6rt")));
	ck_assert_ptr_nonnull(account_hash_fault(STR("p\n")));
	ck_assert_ptr_nonnull(account_hash_fault(STR("p\r")));
	ck_assert_ptr_nonnull(account_hash_fault(STR("p\0q")));
	for (int i = 0; i < 2; i++) {	/* what is made is read again, and its salt is fresh */
		struct buf line = BUF_INIT(1024), other = BUF_INIT(1024);
		struct passwd_account a;
		const char *why = NULL;

		buf_puts(&line, "bob:");
		buf_puts(&other, "bob:");
		ck_assert_ptr_null(account_hash_make(&line, "secret", i == 1));
		ck_assert_ptr_null(account_hash_make(&other, "secret", i == 1));
		ck_assert_str_ne(buf_text(&line), buf_text(&other));
		ck_assert_int_eq(passwd_file_parse(&a, buf_text(&line), line.len, &why), 1);
		passwd_file_done(&a);
		buf_done(&line);
		buf_done(&other);
	}
}
END_TEST

START_TEST(messages)
{
	struct msg_accounts a = { .verb = ACCOUNTS_SET, .server = "default", .name = "bob" }, b, bad;

	ck_assert(msg_accounts_take(&b, &a, sizeof(a)));
	ck_assert_str_eq(b.name, "bob");
	ck_assert(!msg_accounts_take(&b, &a, sizeof(a) - 1));
	bad = a;
	bad.verb = ACCOUNTS_VERBS;
	ck_assert(!msg_accounts_take(&b, &bad, sizeof(bad)));
	bad = a;
	bad.name[0] = '#';
	ck_assert(!msg_accounts_take(&b, &bad, sizeof(bad)));
	bad = a;
	memset(bad.name, 'x', sizeof(bad.name));
	ck_assert(!msg_accounts_take(&b, &bad, sizeof(bad)));
	bad = a;
	memset(bad.server, 'x', sizeof(bad.server));
	ck_assert(!msg_accounts_take(&b, &bad, sizeof(bad)));
	bad = (struct msg_accounts){ .verb = ACCOUNTS_LIST };
	ck_assert(msg_accounts_take(&b, &bad, sizeof(bad)));
}
END_TEST

START_TEST(seen)
{
	struct auth_seen *v = auth_seen_new();
	char name[32];

	ck_assert_int_eq(auth_seen_get(v, "default", "bob"), 0);
	auth_seen_note(v, "default", "bob", 7);
	auth_seen_note(v, "default", "Bob", 8);
	auth_seen_note(v, "", "bob", 5);
	ck_assert_int_eq(auth_seen_get(v, "default", "BOB"), 8);
	ck_assert_int_eq(auth_seen_get(v, "", "bob"), 5);
	ck_assert_int_eq(auth_seen_get(v, "other", "bob"), 0);
	for (int i = 0; i < 100000; i++) {	/* it stays as large as it is, and keeps the latest */
		snprintf(name, sizeof(name), "user%d", i);
		auth_seen_note(v, "default", name, 100 + i);
		ck_assert_int_eq(auth_seen_get(v, "default", name), 100 + i);
	}
	auth_seen_free(v);
}
END_TEST

UNIT_MAIN("accounts", lines, too_large, passwords, messages, seen)
