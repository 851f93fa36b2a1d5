/*
 * account_hash - what a password file keeps of a password
 *
 * Runs in:  posternctl, auth
 * Owns:     nothing
 * Promise:  the salt is fresh; all that was computed on the way is wiped
 * Fails by: words
 */
#include "common/password/account_hash.h"

#include <crypt.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "common/account/passwd_file.h"
#include "common/base/mem.h"

enum { ITERATIONS = 15000, SALT_SIZE = 16 };

const char *
account_hash_fault(const char *password, size_t len)
{
	if (len == 0)
		return "the password is empty";
	if (len > ACCOUNT_HASH_PASSWORD_MAX)
		return "the password is longer than 510 bytes";
	for (size_t i = 0; i < len; i++)
		if (password[i] == '\0' || password[i] == '\r' || password[i] == '\n')
			return "the password has a NUL or the end of a line in it";
	return NULL;
}

static const char *
hash_scram(struct buf *out, const char *password)
{
	struct passwd_account a = { .iterations = ITERATIONS, .salt_len = SALT_SIZE };
	char salted[PASSWD_KEY_SIZE], client[PASSWD_KEY_SIZE];
	int rc = gsasl_random((char *)a.salt, SALT_SIZE);

	if (rc == GSASL_OK)
		rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, a.iterations,
		    (const char *)a.salt, a.salt_len, salted, client, (char *)a.server, (char *)a.stored);
	if (rc == GSASL_OK)
		passwd_file_format_scram(out, &a);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	explicit_bzero(&a, sizeof(a));
	return rc == GSASL_OK ? NULL : gsasl_strerror(rc);
}

static const char *
hash_yescrypt(struct buf *out, const char *password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = mem_new(struct crypt_data);
	const char *hash = NULL;
	bool good;

	if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) != NULL)
		hash = crypt_r(password, setting, data);
	good = hash != NULL && hash[0] != '*';
	if (good)
		buf_puts(out, hash);
	explicit_bzero(data, sizeof(*data));
	free(data);
	return good ? NULL : "the password cannot be hashed";
}

const char *
account_hash_make(struct buf *out, const char *password, bool yescrypt)
{
	return yescrypt ? hash_yescrypt(out, password) : hash_scram(out, password);
}
