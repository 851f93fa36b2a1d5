/* filter_place - "inet:127.0.0.1:8891", "inet:[::1]:8891", "unix:/run/x.sock": where a mail filter listens */
#ifndef COMMON_CONFIG_FILTER_PLACE_H
#define COMMON_CONFIG_FILTER_PLACE_H

#include <sys/socket.h>

struct filter_place { struct sockaddr_storage sa; socklen_t len; };
/* 0; -1 and *why, static, as in "must be WHY". */
int filter_place_parse(struct filter_place *a, const char *text,
    const char **why) __attribute__((warn_unused_result));

#endif
