/* account_hash - what a password file keeps of a password, made with fresh salt; needs libgsasl, libcrypt */
#ifndef COMMON_PASSWORD_ACCOUNT_HASH_H
#define COMMON_PASSWORD_ACCOUNT_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define ACCOUNT_HASH_PASSWORD_MAX 510	/* bytes */

/* NULL: it may be one; else why not, static. */
const char *account_hash_fault(const char *password, size_t len);
/*
 * Adds it to `out`. NULL, or why not, static. Takes some milliseconds, with `yescrypt` (crypt(3), instead of
 * SCRAM-SHA-256) some tens of them.
 */
const char *account_hash_make(struct buf *out, const char *password, bool yescrypt);

#endif
