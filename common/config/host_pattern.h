/* host_pattern - "mx.example.com", "*.example.com", "192.0.2.1", "2001:db8::/32", "*": which hosts */
#ifndef COMMON_CONFIG_HOST_PATTERN_H
#define COMMON_CONFIG_HOST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The pattern as it is kept: in lower case, with A-labels, networks in their short form; owned by the caller.
 * NULL: it is none.
 */
char *host_pattern_parse(const char *text);
/*
 * "mx.example.com:25", "[192.0.2.1]:25", "[2001:db8::1]", as hosts are shown to people, or any pattern: the
 * pattern without its port, and that; 0: all ports. False: a port that is none, or it is too long.
 */
#define HOST_PATTERN_SIZE 600
bool host_pattern_split(const char *text, char *pattern, size_t size, uint16_t *port);
/* Of paused-hosts: whether the item pauses what is written so, or so without its port. */
bool host_pattern_covers(const char *item, const char *text);

#endif
