/*
 * passwd_file - the password file: one account a line, "name:hash"; further fields, empty lines and # lines
 * are ignored
 *
 * A hash is one of crypt(3) ($y$ yescrypt, $gy$, $7$ scrypt, $2a$ $2b$ $2y$ bcrypt, $6$ SHA-512, $5$
 * SHA-256), perhaps behind a word like {CRYPT}, or a SCRAM verifier:
 * {SCRAM-SHA-256}iterations,salt,stored-key,server-key (the last three in base64). These are the forms of
 * Dovecot. Names are told apart without regard to ASCII letter case.
 */
#ifndef COMMON_ACCOUNT_PASSWD_FILE_H
#define COMMON_ACCOUNT_PASSWD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define PASSWD_NAME_MAX 255
#define PASSWD_FILE_MAX (16U << 20)
#define PASSWD_KEY_SIZE 32		/* SHA-256 */
#define PASSWD_SALT_MAX 64
#define PASSWD_ITERATIONS_MAX 1000000U	/* what a file may make us compute: about half a second */
#define PASSWD_ITERATIONS_MIN 1000U

struct passwd_account {
	char *name;			/* as written */
	char *hash;			/* crypt(3); NULL: a SCRAM verifier, below */
	uint32_t iterations;
	size_t salt_len;
	uint8_t salt[PASSWD_SALT_MAX];
	uint8_t stored[PASSWD_KEY_SIZE], server[PASSWD_KEY_SIZE];
};

struct passwd_account_list {
	struct passwd_account *account;	/* sorted by name */
	size_t count;
};

/* 1 an account (passwd_file_done frees), 0 a line without one, -1 and *why a static text. */
int passwd_file_parse(struct passwd_account *a, const char *line, size_t len,
    const char **why) __attribute__((warn_unused_result));
void passwd_file_done(struct passwd_account *a);		/* wipes and frees */
/* "{SCRAM-SHA-256}4096,...": what is behind the colon of a line. */
void passwd_file_format_scram(struct buf *out, const struct passwd_account *a);
/* 1 to 255 bytes, no colon, no control byte, no blank at either end, not beginning with #. */
bool passwd_file_name_is_good(const char *name, size_t len);

/* A whole file. `fault` is called for each bad line, which is left out. */
struct passwd_account_list *passwd_file_list_parse(const char *text, size_t len,
    void (*fault)(void *arg, unsigned line, const char *why), void *arg);
void passwd_file_list_free(struct passwd_account_list *l);	/* NULL is fine */
/* NULL: there is no account of that name. */
const struct passwd_account *passwd_file_find(const struct passwd_account_list *l, const char *name);

#endif
