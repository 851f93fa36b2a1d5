/* account_lines - the text of a password file with one account changed; pure */
#ifndef COMMON_PASSWORD_ACCOUNT_LINES_H
#define COMMON_PASSWORD_ACCOUNT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

/*
 * Copies all lines but those of `name`; the new line with `hash` ("": none) comes in the place of the first
 * of them, else at the end. True: there was a line of that name. A text that is too large fails in `out`.
 */
bool account_lines_change(struct buf *out, const char *text, size_t len, const char *name, const char *hash);

#endif
