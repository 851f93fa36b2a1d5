/* secret - compared in a time that says nothing of where they differ; the line of a file that is one. Pure */
#ifndef COMMON_ACCOUNT_SECRET_H
#define COMMON_ACCOUNT_SECRET_H

#include <stdbool.h>
#include <stddef.h>

bool secret_is_same(const void *a, const void *b, size_t len);

#define SECRET_LINE_MAX 1024
/*
 * The one line of a file, with or without its end; the byte order mark that editors of Windows put first is
 * no part of it. NULL, or why there is none.
 */
const char *secret_line_find(const char *data, size_t size, const char **line, size_t *len);
/* Bytes of that mark: 3 or 0. */
size_t secret_mark(const char *data, size_t size);

#endif
