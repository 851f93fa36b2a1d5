/*
 * verify - a password against an account
 *
 * Runs in:  auth, on any thread
 * Owns:     the secret that decoys are drawn with
 * Promise:  takes as long for a name that is not there: an entry of the file chosen by the name, the same one each time, is checked
 *           instead; what was computed is wiped; comparisons take the same time wherever the difference is
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

static uint8_t verify_secret[32];

void
verify_set_up(void)
{
	if (getrandom(verify_secret, sizeof(verify_secret), 0) != sizeof(verify_secret))
		die(71, "no random bytes");
}

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
	bool same = got != NULL && got[0] != '*' && strlen(got) == strlen(hash) && is_equal(got, hash, strlen(hash));
	explicit_bzero(data, sizeof(*data));
	free(data);
	return same;
}

static bool
check_scram(const struct account *a, const char *password)
{
	char salted[ACCOUNT_KEY_SIZE], client[ACCOUNT_KEY_SIZE], server[ACCOUNT_KEY_SIZE], stored[ACCOUNT_KEY_SIZE];
	bool done = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, a->iterations, (const char *)a->salt, a->salt_len,
	    salted, client, server, stored) == GSASL_OK;
	bool same = done && is_equal(stored, a->stored, sizeof(stored));
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	explicit_bzero(server, sizeof(server));
	explicit_bzero(stored, sizeof(stored));
	return same;
}

/* 32 bytes that follow from the name and cannot be foreseen. */
static void
draw(uint8_t bytes[ACCOUNT_KEY_SIZE], const char *name)
{
	char salted[ACCOUNT_KEY_SIZE], client[ACCOUNT_KEY_SIZE], server[ACCOUNT_KEY_SIZE];
	char lower[ACCOUNT_NAME_MAX + 1];
	size_t n = 0;
	for (; name[n] != '\0' && n < sizeof(lower) - 1; n++)
		lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] + 32) : name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
	lower[n] = '\0';
	if (gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, lower, 1, (const char *)verify_secret, sizeof(verify_secret), salted,
	    client, server, (char *)bytes) != GSASL_OK)
		memcpy(bytes, verify_secret, ACCOUNT_KEY_SIZE);
}

static uint32_t
number_of(const uint8_t bytes[ACCOUNT_KEY_SIZE])
{
	uint32_t n;
	memcpy(&n, bytes, sizeof(n));
	return n;
}

bool
verify_password(const struct account_list *l, const struct account *a, const char *name, const char *password)
{
	static const struct account nobody = { .name = "", .iterations = 4096, .salt_len = 16 };
	uint8_t bytes[ACCOUNT_KEY_SIZE];
	const struct account *checked = a;

	draw(bytes, name); /* also when it is not needed */
	if (a == NULL)
		checked = l->count > 0 ? &l->account[number_of(bytes) % l->count] : &nobody;
	bool same = checked->hash != NULL ? check_crypt(checked->hash, password) : check_scram(checked, password);
	return same && a != NULL;
}

void
verify_decoy(const struct account_list *l, const char *name, struct account *decoy)
{
	uint8_t bytes[ACCOUNT_KEY_SIZE];
	const struct account *like = NULL;

	draw(bytes, name);
	for (size_t i = 0; i < l->count && like == NULL; i++) {
		const struct account *a = &l->account[(number_of(bytes) + i) % l->count];
		if (a->hash == NULL)
			like = a;
	}
	*decoy = (struct account){ .iterations = like != NULL ? like->iterations : 4096, .salt_len = like != NULL ? like->salt_len : 16 };
	for (size_t i = 0; i < decoy->salt_len; i++)
		decoy->salt[i] = bytes[i % sizeof(bytes)];
	gsasl_random((char *)decoy->stored, sizeof(decoy->stored));
	gsasl_random((char *)decoy->server, sizeof(decoy->server));
}
