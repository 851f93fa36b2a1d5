/* secret - secrets are compared in a time that says nothing of where they differ */
#ifndef COMMON_BASE_SECRET_H
#define COMMON_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

bool secret_is_same(const void *a, const void *b, size_t len);

#endif
