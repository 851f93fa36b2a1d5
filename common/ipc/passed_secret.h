/* passed_secret - a password that goes to another process as a descriptor: in no word, message or log */
#ifndef COMMON_IPC_PASSED_SECRET_H
#define COMMON_IPC_PASSED_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* A file in memory that nobody can change any more, for the caller to close; -1 and errno. */
int passed_secret_make(const char *data, size_t len) __attribute__((warn_unused_result));
/*
 * Whether the descriptor is such a file, of at most `most` bytes. Then no read of it waits: not a pipe, not a
 * file of a file system that a user serves.
 */
bool passed_secret_is_one(int fd, size_t most);

#endif
