/*
 * auth - base64, the password file, password checks, and how long a
 * client address waits after wrong passwords
 */
#include <crypt.h>
#include <string.h>

#include "common/base/base64.h"
#include "listener/auth/auth.h"
#include "t/unit/check_main.h"

START_TEST(base64)
{
	static const struct { const char *plain, *text; } rows[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "\xff\xfe\xfd", "//79" },
	};
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=", "====", "Z===",
	    "Zm 8", "Zm9v\n", "Zg==Zg==", "Zm-_" };
	char text[64], plain[64];
	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t len = base64_encode(text, rows[i].plain, strlen(rows[i].plain));

		ck_assert_str_eq(text, rows[i].text);
		ck_assert_int_eq(base64_decode(plain, sizeof(plain), text, len),
		    (ssize_t)strlen(rows[i].plain));
		ck_assert_mem_eq(plain, rows[i].plain, strlen(rows[i].plain));
	}
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(base64_decode(plain, sizeof(plain), bad[i], strlen(bad[i])) == -1, "%s",
		    bad[i]);
	ck_assert_int_eq(base64_decode(plain, 3, "Zm9v", 4), 3);
	ck_assert_int_eq(base64_decode(plain, 2, "Zm9v", 4), -1);
}
END_TEST

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

START_TEST(lines)
{
	static const struct { const char *line; int rc; } rows[] = {
		{ "", 0 }, { "# alice:x", 0 }, { "\r", 0 }, { "alice", -1 }, { ":$6$a$b", -1 },
		{ " a:$6$a$b", -1 }, { "a :$6$a$b", -1 },
		{ "a\tb:$6$a$b", -1 }, { "alice:$6$salt$hash", 1 }, { "alice:$6$salt$hash\r", 1 },
		{ "alice:{CRYPT}$6$salt$hash:1000::", 1 },
		{ "DOMAIN\\alice:$5$rounds=1000000$salt$hash", 1 },
		{ "alice:$5$rounds=1000001$salt$hash", -1 }, { "alice:$6$rounds=x$", -1 },
		{ "a:$y$j9T$salt$hash", 1 }, { "a:$y$jBT$salt$hash", 1 }, { "a:$y$jCT$salt$hash", -1 },
		{ "a:$y$jFT$salt$hash", -1 },
		{ "a:$2b$14$salthash", 1 }, { "a:$2b$15$salthash", -1 }, { "a:$2b$31$salthash", -1 },
		{ "a:$7$CU..../....salt$hash", 1 },
		{ "a:$7$FU..../....salt$hash", -1 }, { "a:$1$salt$hash", -1 }, { "a:secret", -1 },
		{ "a:", -1 }, { "a:*", -1 }, { "a:$6$a b$c", -1 },
		{ "a:{SCRAM-SHA-256}4096,QUJDRA==," KEY "," KEY, 1 },
		{ "a:{SCRAM-SHA-256}1000,QUJDRA==," KEY "," KEY, 1 },
		{ "a:{SCRAM-SHA-256}999,QUJDRA==," KEY "," KEY, -1 },
		{ "a:{SCRAM-SHA-256}1000000,QUJDRA==," KEY "," KEY, 1 },
		{ "a:{SCRAM-SHA-256}1000001,QUJDRA==," KEY "," KEY, -1 },
		{ "a:{SCRAM-SHA-256}4096,QUJD," KEY "," KEY, -1 },
		{ "a:{SCRAM-SHA-256}4096,QUJDRA==," KEY, -1 },
		{ "a:{SCRAM-SHA-256}4096,QUJDRA==," KEY "," KEY ",", 1 },
		{ "a:{SCRAM-SHA-256}4096,QUJDRA==," KEY "," KEY ",x", -1 },
		{ "a:{SCRAM-SHA-256}-1,QUJDRA==," KEY "," KEY, -1 },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct passwd_account a;
		const char *why = NULL;
		int rc = passwd_file_parse(&a, rows[i].line, strlen(rows[i].line), &why);

		ck_assert_msg(rc == rows[i].rc, "%s: %d %s", rows[i].line, rc, why != NULL ? why : "");
		ck_assert((why != NULL) == (rc == -1));
		if (rc == 1)
			passwd_file_done(&a);
	}
}
END_TEST

static unsigned faults;

static void
on_fault(void *arg, unsigned line, const char *why)
{
	faults = faults * 10 + line;
}

START_TEST(list)
{
	static const char text[] = "bob:$6$s$h\nbad\n\nAlice:$5$s$h\nalice:$6$s$h\ncarol:$6$s$h";
	struct passwd_account_list *l = passwd_file_list_parse(text, sizeof(text) - 1, on_fault, NULL);

	ck_assert_uint_eq(l->count, 3);
	ck_assert_uint_eq(faults, 25);	/* line 2, then the second alice */
	ck_assert_str_eq(passwd_file_find(l, "ALICE")->hash, "$5$s$h");
	ck_assert_str_eq(passwd_file_find(l, "carol")->name, "carol");
	ck_assert_ptr_null(passwd_file_find(l, "caro"));
	ck_assert_ptr_null(passwd_file_find(l, ""));
	passwd_file_list_free(l);
	l = passwd_file_list_parse("", 0, on_fault, NULL);
	ck_assert_ptr_null(passwd_file_find(l, "x"));
	passwd_file_list_free(l);
}
END_TEST

/* RFC 7677 section 3: user "user", password "pencil". */
START_TEST(passwords)
{
	struct buf text = BUF_INIT(4096);
	struct crypt_data data = { 0 };
	struct passwd_account one, two;
	struct password_check check;
	struct passwd_account_list *l;

	buf_printf(&text,
	    "user:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
	    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\nbob:%s\n",
	    crypt_r("pencil", "$5$rounds=1000$salt$", &data));
	l = passwd_file_list_parse(text.data, text.len, on_fault, NULL);
	ck_assert_uint_eq(l->count, 2);
	password_check_init(&check);
	for (size_t i = 0; i < 2; i++) {
		const struct passwd_account *a = &l->account[i];

		ck_assert(password_check_password(&check, l, a, a->name, "pencil"));
		ck_assert(!password_check_password(&check, l, a, a->name, "pencils"));
		ck_assert(!password_check_password(&check, l, NULL, "nobody", "pencil"));
	}
	password_check_decoy(&check, l, "Nobody", &one);
	password_check_decoy(&check, l, "nobody", &two);
	ck_assert_uint_eq(one.iterations, 4096);
	ck_assert_uint_eq(one.salt_len, 16);
	ck_assert_mem_eq(one.salt, two.salt, 16);	/* the same salt each time it is asked */
	ck_assert_mem_ne(one.stored, two.stored, 32);
	passwd_file_list_free(l);
	buf_done(&text);
}
END_TEST

START_TEST(throttles)
{
	struct auth_throttle_table *t = auth_throttle_table_new();
	struct auth_throttle *v = auth_throttle_enter(t, "192.0.2.1");
	static const unsigned delays[] = { 500, 1000, 2000, 4000, 8000, 16000, 16000, 16000 };
	struct auth_throttle *nine, *greedy, *two, *other, *six;

	for (size_t i = 0; i < nitems_of(delays); i++)
		ck_assert_uint_eq(auth_throttle_fail(v, 1000), delays[i]);
	/* Of five, two are left */
	ck_assert_uint_eq(auth_throttle_fail(v, 1000 + 3 * AUTH_THROTTLE_FORGIVE_MS), 2000);
	auth_throttle_succeed(v);
	ck_assert_ptr_eq(auth_throttle_enter(t, "192.0.2.1"), v);
	ck_assert_ptr_ne(auth_throttle_enter(t, "192.0.2.2"), v);
	six = auth_throttle_enter(t, "2001:db8::1");
	ck_assert_ptr_eq(auth_throttle_enter(t, "2001:db8::ffff:1"), six);	/* the same /64 */
	ck_assert_ptr_ne(auth_throttle_enter(t, "2001:db8:0:1::1"), six);
	auth_throttle_leave(t, v);
	auth_throttle_leave(t, v);
	auth_throttle_leave(t, six);
	auth_throttle_leave(t, six);
	two = auth_throttle_enter(t, "192.0.2.2");
	other = auth_throttle_enter(t, "2001:db8:0:1::1");
	while (two->users > 0)
		auth_throttle_leave(t, two);
	while (other->users > 0)
		auth_throttle_leave(t, other);
	/* One address alone cannot take all places. */
	greedy = NULL;
	for (unsigned i = 0; i < AUTH_THROTTLE_USERS_MAX; i++)
		ck_assert_ptr_nonnull(greedy = auth_throttle_enter(t, "192.0.2.9"));
	ck_assert_ptr_null(auth_throttle_enter(t, "192.0.2.9"));
	nine = auth_throttle_enter(t, "192.0.2.8");
	ck_assert_ptr_nonnull(nine);
	auth_throttle_leave(t, nine);
	for (unsigned i = 0; i < AUTH_THROTTLE_USERS_MAX; i++)
		auth_throttle_leave(t, greedy);
	auth_throttle_table_free(t);
}
END_TEST

UNIT_MAIN("auth", base64, lines, list, passwords, throttles)
