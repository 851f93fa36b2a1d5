/*
 * server_numbers - the numbers (id) of the virtual servers as they were first seen: a line "3 sales" for each
 * in STATE/numbers. A number names a server in protocol logs and signals, so it must not move when a file
 * comes or goes
 */
#ifndef COMMON_CONFIG_SERVER_NUMBERS_H
#define COMMON_CONFIG_SERVER_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct server_number;

struct server_numbers { struct server_number *row; size_t count; };

/* What is written down in `folder`; lines that are none are left out. A file that cannot be read is empty. */
void server_numbers_read(struct server_numbers *n, const char *folder);
void server_numbers_done(struct server_numbers *n);
uint32_t server_numbers_find(const struct server_numbers *n, const char *name);		/* 0: none */
const char *server_numbers_owner(const struct server_numbers *n, uint32_t id);		/* NULL: nobody */
/* `id` 0 forgets. A number that another name had is its no more. True: something has changed. */
bool server_numbers_set(struct server_numbers *n, const char *name, uint32_t id);
/* 0, or -1 and errno. */
int server_numbers_write(const struct server_numbers *n,
    const char *folder) __attribute__((warn_unused_result));
/* Writes down the numbers of all virtual servers of `c` that are not. 0, or -1 and errno. */
int server_numbers_keep(const struct config *c) __attribute__((warn_unused_result));

#endif
