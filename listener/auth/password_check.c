/*
 * password_check - a password against an account
 *
 * Runs in:  auth, on any thread
 * Owns:     nothing
 * Promise:  a name without an account takes as much time: an entry of the file, for one name always the same,
 *           is checked instead; what was computed is wiped; comparisons take the same time wherever the
 *           difference is
 * Fails by: false
 */
#include <crypt.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

void
password_check_init(struct password_check *c)
{
	if (getrandom(c->secret, sizeof(c->secret), 0) != sizeof(c->secret))
		die(71, "no random bytes");
}

enum { DRAW_ACCOUNT = 'a', DRAW_SALT = 's' };
#define ACCOUNT_TEXT_MAX 1024U

static bool
is_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < len; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

static bool
check_crypt(const char *hash, const char *password)
{
	struct crypt_data *data = mem_new(struct crypt_data);
	const char *got = crypt_r(password, hash, data);
	bool same = got != NULL && got[0] != '*' && strlen(got) == strlen(hash) &&
	    is_equal(got, hash, strlen(hash));

	explicit_bzero(data, sizeof(*data));
	free(data);
	return same;
}

static bool
check_scram(const struct passwd_account *a, const char *password)
{
	char salted[PASSWD_KEY_SIZE], client[PASSWD_KEY_SIZE], server[PASSWD_KEY_SIZE],
	    stored[PASSWD_KEY_SIZE];
	bool done = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, a->iterations,
	    (const char *)a->salt, a->salt_len, salted, client, server, stored) == GSASL_OK;
	bool same = done && is_equal(stored, a->stored, sizeof(stored));

	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	explicit_bzero(server, sizeof(server));
	explicit_bzero(stored, sizeof(stored));
	return same;
}

/* 32 bytes for one use: always the same for a name, and not to be known without the secret. */
static void
draw_decoy(const struct password_check *c, uint8_t bytes[PASSWD_KEY_SIZE], char use, const char *name)
{
	char salted[PASSWD_KEY_SIZE], client[PASSWD_KEY_SIZE], server[PASSWD_KEY_SIZE];
	char lower[PASSWD_NAME_MAX + 2] = { use };
	size_t n = 1;

	for (; *name != '\0' && n < sizeof(lower) - 1; name++, n++)
		lower[n] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name >= ' ' && *name <= '~' ?
		    *name : '?';
	lower[n] = '\0';
	if (gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, lower, 1,
	    (const char *)c->secret, sizeof(c->secret), salted, client, server, (char *)bytes) != GSASL_OK)
		memcpy(bytes, c->secret, PASSWD_KEY_SIZE);
}

static uint32_t
number_of(const uint8_t bytes[PASSWD_KEY_SIZE])
{
	uint32_t n;

	memcpy(&n, bytes, sizeof(n));
	return n;
}

bool
password_check_password(const struct password_check *c, const struct passwd_account_list *l,
    const struct passwd_account *a, const char *name, const char *password)
{
	static const struct passwd_account no_account = { .iterations = 4096, .salt_len = 16 };
	uint8_t bytes[PASSWD_KEY_SIZE];
	const struct passwd_account *checked = a;
	bool same;

	/* Also when it is not needed: the same work for every name. */
	draw_decoy(c, bytes, DRAW_ACCOUNT, name);
	if (a == NULL)
		checked = l->count > 0 ? &l->account[number_of(bytes) % l->count] : &no_account;
	same = checked->hash != NULL ? check_crypt(checked->hash, password) : check_scram(checked, password);
	return same && a != NULL;
}

void
password_check_mark(const struct password_check *c, const struct passwd_account *a,
    uint8_t mark[AUTH_IN_MARK_SIZE])
{
	char salted[PASSWD_KEY_SIZE], client[PASSWD_KEY_SIZE], server[PASSWD_KEY_SIZE];
	struct buf text = BUF_INIT(ACCOUNT_TEXT_MAX);

	_Static_assert(AUTH_IN_MARK_SIZE == PASSWD_KEY_SIZE, "a mark is a key");
	if (a->hash != NULL)
		buf_puts(&text, a->hash);
	else
		passwd_file_format_scram(&text, a);
	if (gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, buf_text(&text), 1,
	    (const char *)c->secret, sizeof(c->secret), salted, client, server, (char *)mark) != GSASL_OK)
		memcpy(mark, a->stored, AUTH_IN_MARK_SIZE);
	buf_wipe(&text);
	explicit_bzero(salted, sizeof(salted));
}

/* What SCRAM shows of accounts; some differ, as tools do. */
struct look {
	uint32_t iterations;
	size_t salt_len, accounts;
};
enum { LOOKS_MAX = 16 };

/* Sorted, so that the order of lines in the file does not count. The number of looks. */
static size_t
find_looks(struct look look[LOOKS_MAX], const struct passwd_account_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct passwd_account *a = &l->account[i];
		size_t at = 0;

		if (a->hash != NULL)
			continue;
		while (at < n && (look[at].iterations < a->iterations ||
		    (look[at].iterations == a->iterations && look[at].salt_len < a->salt_len)))
			at++;
		if (at == n || look[at].iterations != a->iterations || look[at].salt_len != a->salt_len) {
			if (n == LOOKS_MAX)
				continue;
			memmove(look + at + 1, look + at, (n++ - at) * sizeof(*look));
			look[at] = (struct look){ .iterations = a->iterations, .salt_len = a->salt_len };
		}
		look[at].accounts++;
	}
	return n;
}

void
password_check_decoy(const struct password_check *c, const struct passwd_account_list *l, const char *name,
    struct passwd_account *decoy)
{
	struct look look[LOOKS_MAX] = { { .iterations = 4096, .salt_len = 16, .accounts = 1 } };
	uint8_t bytes[PASSWD_KEY_SIZE];
	size_t n = find_looks(look, l), all = 0, i = 0;
	uint64_t at;

	draw_decoy(c, bytes, DRAW_ACCOUNT, name);
	for (size_t k = 0; k < n; k++)
		all += look[k].accounts;
	/* The number is a place in the file: one account more moves the looks of a few names only. */
	at = (uint64_t)number_of(bytes) * all >> 32;
	for (; i + 1 < n && at >= look[i].accounts; i++)
		at -= look[i].accounts;
	*decoy = (struct passwd_account){ .iterations = look[i].iterations, .salt_len = look[i].salt_len };
	for (size_t k = 0; k < decoy->salt_len; k++) {
		if (k % sizeof(bytes) == 0)
			draw_decoy(c, bytes, (char)(DRAW_SALT + k / sizeof(bytes)), name);
		decoy->salt[k] = bytes[k % sizeof(bytes)];
	}
	gsasl_random((char *)decoy->stored, sizeof(decoy->stored));
	gsasl_random((char *)decoy->server, sizeof(decoy->server));
}
