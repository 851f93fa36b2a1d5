/* host_pattern - "mx.example.com", "*.example.com", "192.0.2.1", "2001:db8::/32", "*": which hosts */
#ifndef COMMON_CONFIG_HOST_PATTERN_H
#define COMMON_CONFIG_HOST_PATTERN_H

/*
 * The pattern as it is kept: in lower case, with A-labels, networks in their short form; owned by the caller.
 * NULL: it is none.
 */
char *host_pattern_parse(const char *text);

#endif
