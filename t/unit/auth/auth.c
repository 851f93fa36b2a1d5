/*
 * auth - base64, the password file, password checks, what wrong passwords cost, and turns of a client address
 */
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
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

/* Decoys are the same with the same key, look like the accounts of the file, and hardly change with it. */
START_TEST(decoys)
{
	struct password_check key = { "the key of the service" }, other = { "another one" };
	struct buf text = BUF_INIT(65536);
	struct passwd_account one, two, three;
	struct passwd_account_list *l, *more;
	unsigned many = 0, long_salt = 0, changed = 0;
	char name[40];

	for (unsigned i = 0; i < 90; i++)
		buf_printf(&text, "u%u:{SCRAM-SHA-256}%s," KEY "," KEY "\n", i, i % 3 == 0 ? "10000,QUJDRA==" :
		    "4096,QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w");
	buf_puts(&text, "c:$5$rounds=1000$s$h\n");
	l = passwd_file_list_parse(text.data, text.len, on_fault, NULL);
	buf_printf(&text, "u90:{SCRAM-SHA-256}10000,QUJDRA==," KEY "," KEY "\n");
	more = passwd_file_list_parse(text.data, text.len, on_fault, NULL);
	ck_assert_uint_eq(l->count, 91);
	for (unsigned i = 0; i < 900; i++) {
		snprintf(name, sizeof(name), "Nobody%u", i);
		password_check_decoy(&key, l, name, &one);
		name[0] = 'n';
		password_check_decoy(&key, l, name, &two);
		ck_assert_uint_eq(one.salt_len, two.salt_len);
		ck_assert_mem_eq(one.salt, two.salt, one.salt_len);
		ck_assert(one.iterations == two.iterations);
		password_check_decoy(&other, l, name, &three);
		ck_assert_mem_ne(one.salt, three.salt, 4);
		many += one.iterations == 10000 && one.salt_len == 4;
		long_salt += one.iterations == 4096 && one.salt_len == 42;
		if (one.salt_len == 42)
			ck_assert_mem_ne(one.salt, one.salt + 32, 10);
		password_check_decoy(&key, more, name, &two);
		changed += one.iterations != two.iterations;
	}
	ck_assert_uint_eq(many + long_salt, 900);
	ck_assert(many > 220 && many < 380);
	ck_assert_uint_le(changed, 30);
	passwd_file_list_free(l);
	passwd_file_list_free(more);
	buf_done(&text);
}
END_TEST

static struct auth_throttle_who
who_is(const char *address, const char *account)
{
	struct auth_throttle_who who;

	auth_turn_make_key(who.address, address);
	snprintf(who.account, sizeof(who.account), "%s", account);
	return who;
}

START_TEST(failures)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who alice = who_is("192.0.2.1", "s alice"), bob = who_is("192.0.2.1", "s bob"),
	    away = who_is("192.0.2.2", "s alice");
	static const unsigned delays[] = { 500, 1000, 2000, 4000, 8000, 16000, 16000, 16000 };

	for (size_t i = 0; i < nitems_of(delays); i++)
		ck_assert_uint_eq(auth_throttle_fail(t, &alice, 1000), delays[i]);
	/* Neither others at that address nor that account elsewhere pay for it. */
	ck_assert_uint_eq(auth_throttle_fail(t, &bob, 1000), 500);
	ck_assert_uint_eq(auth_throttle_fail(t, &away, 1000), 500);
	/* Of five, two are left */
	ck_assert_uint_eq(auth_throttle_fail(t, &alice, 1000 + 3 * 60000), 2000);
	auth_throttle_succeed(t, &alice);
	ck_assert_uint_eq(auth_throttle_fail(t, &alice, 1000 + 3 * 60000), 1000);
	ck_assert_uint_eq(auth_throttle_wait(t, &alice, NULL, 1000), 0);
	auth_throttle_free(t);
}
END_TEST

/* One account from ever new addresses; many accounts from one; a device that fails without end. */
START_TEST(spread_failures)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who, away = who_is("198.51.100.1", "s bob");
	char text[40];
	uint64_t now = 1000, worst = 0;

	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		who = who_is(text, "s alice");
		worst = auth_throttle_fail(t, &who, now);
		ck_assert_uint_eq(worst, i <= 16 ? 500 : i < 22 ? 500U << (i - 16) : 16000);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "s user%u", i);
		who = who_is("198.51.100.1", text);
		worst = auth_throttle_fail(t, &who, now);
		ck_assert_uint_le(worst, 8000);
	}
	ck_assert_uint_eq(worst, 8000);
	ck_assert_uint_eq(auth_throttle_fail(t, &away, now + 600000), 500);
	/* Hours of an old password cost neither the account elsewhere nor the office anything. */
	now += 3600000;
	who = who_is("203.0.113.1", "s carol");
	for (unsigned i = 0; i < 1000; i++)
		(void)auth_throttle_fail(t, &who, now += 16000);
	who = who_is("203.0.113.2", "s carol");
	ck_assert_uint_eq(auth_throttle_fail(t, &who, now), 500);
	who = who_is("203.0.113.1", "s dave");
	ck_assert_uint_eq(auth_throttle_fail(t, &who, now), 500);
	auth_throttle_free(t);
}
END_TEST

/* To hang up before the refusal is no way to guess faster; some that do keep nobody waiting. */
START_TEST(leavers)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who alice = who_is("192.0.2.1", "s alice"), bob = who_is("192.0.2.1", "s bob"),
	    away = who_is("192.0.2.2", "s alice");
	uint64_t now = 5000, guesses = 0, wait;

	for (unsigned i = 0; i < 64; i++)
		auth_throttle_leave(t, &alice, auth_throttle_fail(t, &alice, now), now);
	ck_assert_uint_eq(auth_throttle_wait(t, &alice, NULL, now), 0);
	for (uint64_t end = now + 160000; now < end; now += wait, guesses++) {
		wait = auth_throttle_wait(t, &alice, NULL, now);
		ck_assert_uint_le(wait, AUTH_THROTTLE_LAST_MS / 128 + 1);
		if (wait == 0)
			auth_throttle_leave(t, &alice, auth_throttle_fail(t, &alice, now), now);
	}
	ck_assert_uint_le(guesses, 2 * 128 * 11);
	ck_assert_uint_eq(auth_throttle_wait(t, &bob, NULL, now), 0);
	ck_assert_uint_eq(auth_throttle_wait(t, &away, NULL, now), 0);
	auth_throttle_free(t);
}
END_TEST

/*
 * One account, 200 addresses, a guess each, again and again: some at once, then one a second. An address from
 * which the account logged in, other accounts, and the right password elsewhere do not pay for it.
 */
START_TEST(many_addresses)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who, owner = who_is("198.51.100.1", "s alice"),
	    other = who_is("198.51.100.2", "s bob"), away = who_is("203.0.113.3", "s alice");
	struct auth_throttle_guess one = { 0 }, g[200] = { 0 };
	char text[40];
	uint64_t now = 5000, wait;
	unsigned checked = 0;

	auth_throttle_succeed(t, &owner);
	for (unsigned tick = 0; tick < 1200; tick++, now += 100) {
		for (unsigned i = 0; i < 200; i++) {
			snprintf(text, sizeof(text), "192.0.2.%u", i);
			who = who_is(text, "s alice");
			wait = auth_throttle_wait(t, &who, &g[i], now);
			ck_assert(wait <= AUTH_THROTTLE_TURNS_MS || wait == AUTH_THROTTLE_NEVER);
			if (wait > 0)
				continue;
			(void)auth_throttle_fail(t, &who, now);
			auth_throttle_decide(t, &who, &g[i]);
			g[i] = (struct auth_throttle_guess){ 0 };
			checked++;
		}
		ck_assert_uint_eq(auth_throttle_wait(t, &owner, &(struct auth_throttle_guess){ 0 }, now), 0);
		ck_assert_uint_eq(auth_throttle_wait(t, &other, &one, now), 0);
		auth_throttle_decide(t, &other, &one);
	}
	ck_assert_uint_eq(auth_throttle_fail(t, &owner, now), 500);
	ck_assert_uint_le(checked, 16 + 121);
	ck_assert_uint_ge(checked, 100);
	/* A new address of the owner gets its turn beside them, and is known from then on. */
	while ((wait = auth_throttle_wait(t, &away, &one, now)) > 0)
		now += wait;
	auth_throttle_succeed(t, &away);
	auth_throttle_decide(t, &away, &one);
	ck_assert_uint_eq(auth_throttle_wait(t, &away, &(struct auth_throttle_guess){ 0 }, now), 0);
	auth_throttle_free(t);
}
END_TEST

/* All at once, none decided: they are counted while they are checked. One address has one turn at a time. */
START_TEST(guesses_at_once)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who;
	struct auth_throttle_guess g[40] = { 0 }, second = { 0 };
	char text[40];
	unsigned at_once = 0;

	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		who = who_is(text, "s alice");
		at_once += auth_throttle_wait(t, &who, &g[i], 1000) == 0;
	}
	ck_assert_uint_eq(at_once, 16);
	/* They were right: the others are looked at. */
	for (unsigned i = 0; i < 16; i++)
		auth_throttle_decide(t, &who, &g[i]);
	ck_assert_uint_eq(auth_throttle_wait(t, &who, &g[39], 1050), 0);
	for (unsigned i = 0; i < 16; i++)
		(void)auth_throttle_fail(t, &who, 1050);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		who = who_is(text, "s alice");
		(void)auth_throttle_fail(t, &who, 1050);
	}
	who = who_is("203.0.113.1", "s alice");
	ck_assert_uint_eq(auth_throttle_wait(t, &who, &(struct auth_throttle_guess){ 0 }, 1050), 0);
	who = who_is("203.0.113.2", "s alice");
	ck_assert_uint_gt(auth_throttle_wait(t, &who, &second, 1050), 0);
	ck_assert_uint_gt(auth_throttle_wait(t, &who, &second, 1049 + AUTH_THROTTLE_TURN_MS), 0);
	ck_assert_uint_eq(auth_throttle_wait(t, &who, &(struct auth_throttle_guess){ 0 }, 1050),
	    AUTH_THROTTLE_NEVER);
	auth_throttle_free(t);
}
END_TEST

/* Names without end push out the oldest only, and the memory is bounded. */
START_TEST(many_names)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who;
	char text[40];

	for (unsigned i = 0; i < 3 * AUTH_THROTTLE_MAX; i++) {
		snprintf(text, sizeof(text), "s name%u", i);
		who = who_is("192.0.2.1", text);
		(void)auth_throttle_fail(t, &who, 1000);
	}
	who = who_is("192.0.2.7", text);
	ck_assert_uint_eq(auth_throttle_fail(t, &who, 1000), 500);
	who = who_is("192.0.2.7", text);
	ck_assert_uint_eq(auth_throttle_fail(t, &who, 1000), 1000);
	auth_throttle_free(t);
}
END_TEST

static struct auth_turn *
enter_as(struct auth_turn_table *t, const char *ip)
{
	uint8_t key[16];

	auth_turn_make_key(key, ip);
	return auth_turn_enter(t, key);
}

START_TEST(turns)
{
	struct auth_turn_table *t = mem_new(struct auth_turn_table);
	struct auth_request idle[3] = { 0 };
	struct auth_turn *one, *two, *six, *greedy = NULL;
	struct ctl_server *here = (struct ctl_server *)&idle[0], *there = (struct ctl_server *)&idle[1];
	uint8_t key[16];

	auth_turn_table_init(t);
	one = enter_as(t, "192.0.2.1");
	two = enter_as(t, "192.0.2.2");
	six = enter_as(t, "2001:db8::1");
	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(enter_as(t, "2001:db8::ffff:1"), six);	/* the same /64 */
	auth_turn_make_key(key, "192.0.2.9");
	ck_assert_ptr_null(auth_turn_find_victim(t, key, here));
	for (size_t i = 0; i < 3; i++) {
		idle[i].open.server = i == 2 ? there : here;
		TAILQ_INSERT_TAIL(i == 0 ? &one->resting : &six->resting, &idle[i], in_turn);
	}
	/* The address that has most pays, with the one that rests longest, of the worker that is full. */
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, here), &idle[1]);
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, there), &idle[2]);
	/* Of two that have as many, the older one; of one address, who waits for its client before a refusal. */
	ck_assert_ptr_eq(enter_as(t, "192.0.2.1"), one);
	idle[0].since_ms = 2;
	idle[1].since_ms = 1;
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, here), &idle[1]);
	idle[0].since_ms = 0;
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, here), &idle[0]);
	idle[1].state = AUTH_REQUEST_DELAYED;
	idle[2].state = AUTH_REQUEST_IDLE;
	idle[2].open.server = here;
	TAILQ_REMOVE(&one->resting, &idle[0], in_turn);
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, here), &idle[2]);
	/* Where all work, the last in the queue of the address that has more than the one that comes. */
	TAILQ_REMOVE(&six->resting, &idle[1], in_turn);
	TAILQ_REMOVE(&six->resting, &idle[2], in_turn);
	TAILQ_INSERT_TAIL(&one->waiting, &idle[0], in_turn);
	TAILQ_INSERT_TAIL(&one->waiting, &idle[2], in_turn);
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, here), &idle[2]);
	auth_turn_make_key(key, "192.0.2.2");
	ck_assert_ptr_null(auth_turn_find_victim(t, key, here));
	TAILQ_REMOVE(&one->waiting, &idle[0], in_turn);
	TAILQ_REMOVE(&one->waiting, &idle[2], in_turn);
	TAILQ_INSERT_TAIL(&one->resting, &idle[0], in_turn);
	/* An address that has all its places pays itself. */
	while ((greedy = enter_as(t, "192.0.2.1")) != NULL)
		ck_assert_ptr_eq(greedy, one);
	ck_assert_uint_eq(one->users, AUTH_TURN_PLACES_MAX);
	auth_turn_make_key(key, "192.0.2.1");
	ck_assert_ptr_eq(auth_turn_find_victim(t, key, there), &idle[0]);
	while (one->users > 1)
		auth_turn_leave(one);
	auth_turn_leave(one);
	auth_turn_leave(two);
	auth_turn_leave(six);
	auth_turn_leave(six);
	free(t);
}
END_TEST

UNIT_MAIN("auth", base64, lines, list, passwords, decoys, failures, spread_failures, leavers, many_addresses,
    guesses_at_once, many_names, turns)
