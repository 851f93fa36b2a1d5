/* config_listeners - how many listeners a virtual server has */
#ifndef COMMON_CONFIG_CONFIG_LISTENERS_H
#define COMMON_CONFIG_CONFIG_LISTENERS_H

#include <stddef.h>

struct config_server;

/* Where so many virtual servers share so many processors. */
unsigned config_listeners(const struct config_server *s, size_t servers, unsigned processors);

#endif
