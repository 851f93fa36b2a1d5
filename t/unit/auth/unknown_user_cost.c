/*
 * unknown_user_cost - an unknown user name costs as much work as a wrong password (no user enumeration by
 * timing). The hash functions are replaced by wrappers that count their calls.
 */
#include <crypt.h>
#include <dlfcn.h>
#include <gsasl.h>
#include <stdio.h>
#include <string.h>

#include "listener/auth/auth.h"
#include "t/unit/check_main.h"

static unsigned long crypts, rounds, calls;
static struct password_check check;

char *
crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	char *(*real)(const char *, const char *, struct crypt_data *) = (char *(*)(const char *,
	    const char *, struct crypt_data *))dlsym(RTLD_NEXT, "crypt_r");
	crypts++;
	return real(phrase, setting, data);
}

int
gsasl_scram_secrets_from_password(Gsasl_hash hash, const char *password, unsigned int count, const char *salt,
    size_t len, char *salted, char *client, char *server, char *stored)
{
	typedef int function(Gsasl_hash, const char *, unsigned int, const char *, size_t, char *, char *,
	    char *, char *);
	function *real = (function *)dlsym(RTLD_NEXT, "gsasl_scram_secrets_from_password");
	calls++;
	rounds += count;
	return real(hash, password, count, salt, len, salted, client, server, stored);
}

static void
no_fault(void *arg, unsigned line, const char *why)
{
	ck_abort_msg("line %u: %s", line, why);
}

/* RFC 7677 section 3; the password is "pencil". */
#define VERIFIER "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define HASH "$5$rounds=1000$salt$"

static enum msg_auth_in_result
attempt(const struct secret_file *file, enum msg_auth_in_mechanism m, const char *first, size_t first_len,
    const char *second)
{
	struct msg_auth_in_start *start = mem_new(struct msg_auth_in_start);
	struct msg_auth_in_token *in = mem_new(struct msg_auth_in_token);
	struct msg_auth_in_answer *out = mem_new(struct msg_auth_in_answer);
	enum msg_auth_in_result result;
	struct sasl_server *p;

	start->mechanism = (uint8_t)m;
	p = sasl_server_new(start, file);
	in->len = (uint16_t)first_len;
	memcpy(in->data, first, first_len);
	crypts = rounds = calls = 0;
	sasl_server_step(p, in, out);
	if (second != NULL && out->result == AUTH_IN_CHALLENGE) {
		in->len = (uint16_t)strlen(second);
		memcpy(in->data, second, in->len);
		sasl_server_step(p, in, out);
	}
	result = (enum msg_auth_in_result)out->result;
	sasl_server_free(p);
	free(start);
	free(in);
	free(out);
	return result;
}

static void
plain(const struct secret_file *file, const char *name, const char *password, enum msg_auth_in_result wanted)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "%c%s%c%s", 0, name, 0, password);

	ck_assert_int_eq(attempt(file, AUTH_IN_PLAIN, text, (size_t)n, NULL), wanted);
}

static struct secret_file
file_of(const char *text)
{
	password_check_init(&check);
	return (struct secret_file){ .users = 1, .check = &check,
	    .accounts = passwd_file_list_parse(text, strlen(text), no_fault, NULL), .keytab.fd = -1 };
}

/* Each attempt: one draw of a decoy, and one hash of an entry of the file. */
START_TEST(one_kind)
{
	struct secret_file file = file_of("alice:" VERIFIER "\nbob:" VERIFIER "\n");

	static const char *const names[] = { "alice", "bob", "nobody", "ALICE", "a", "", "x:y" };
	for (size_t i = 0; i < nitems_of(names); i++) {
		plain(&file, names[i], "wrong", AUTH_IN_FAILED);
		ck_assert_msg(calls == 2 && rounds == 4096 + 1 && crypts == 0,
		    "%s: %lu calls, %lu rounds, %lu crypts", names[i], calls, rounds, crypts);
		ck_assert_int_eq(attempt(&file, AUTH_IN_LOGIN, names[i], strlen(names[i]), "wrong"),
		    AUTH_IN_FAILED);
		ck_assert_uint_eq(rounds, 4096 + 1);
	}
	plain(&file, "alice", "pencil", AUTH_IN_OK);
	ck_assert_uint_eq(rounds, 4096 + 1);
	passwd_file_list_free(file.accounts);
}
END_TEST

/* In a mixed file some entry is checked, for one name always the same one: asking again tells nothing. */
START_TEST(mixed)
{
	struct secret_file file = file_of("alice:" VERIFIER "\nbob:" HASH "\n");
	char name[16];
	unsigned seen[2] = { 0, 0 };

	for (unsigned i = 0; i < 40; i++) {
		unsigned long first;

		snprintf(name, sizeof(name), "nobody%u", i);
		plain(&file, name, "wrong", AUTH_IN_FAILED);
		first = crypts;
		ck_assert_uint_eq(crypts + (rounds - 1) / 4096, 1);
		plain(&file, name, "wrong again", AUTH_IN_FAILED);
		ck_assert_uint_eq(crypts, first);
		seen[first]++;
	}
	ck_assert(seen[0] > 0 && seen[1] > 0);
	passwd_file_list_free(file.accounts);
}
END_TEST

/*
 * SCRAM: a challenge for every name, with a salt and rounds like those of the file: two draws, which decoy and
 * its salt, whether there is an account or not.
 */
START_TEST(scram)
{
	struct secret_file file = file_of("alice:" VERIFIER "\nbob:" HASH "\n");

	static const char *const names[] = { "alice", "bob", "nobody" };
	for (size_t i = 0; i < nitems_of(names); i++) {
		char first[64];
		int n = snprintf(first, sizeof(first), "n,,n=%s,r=rOprNGfwEbeRWgbNEkqO", names[i]);

		ck_assert_int_eq(attempt(&file, AUTH_IN_SCRAM, first, (size_t)n,
		    "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=AAAA"), AUTH_IN_FAILED);
		ck_assert_msg(calls == 2 && rounds == 2 && crypts == 0,
		    "%s: %lu calls, %lu rounds, %lu crypts", names[i], calls, rounds, crypts);
	}
	passwd_file_list_free(file.accounts);
}
END_TEST

UNIT_MAIN("unknown_user_cost", one_kind, mixed, scram)
