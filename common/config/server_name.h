/* server_name - what a virtual server may be called; pure */
#ifndef COMMON_CONFIG_SERVER_NAME_H
#define COMMON_CONFIG_SERVER_NAME_H

#include <stdbool.h>

/* [a-z0-9][a-z0-9-]* of at most CONFIG_NAME_MAX bytes. */
bool server_name_is_good(const char *name);

#endif
