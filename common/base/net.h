/* net - addresses, networks and host:port, as text and as bytes; no look-ups */
#ifndef COMMON_BASE_NET_H
#define COMMON_BASE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_TEXT_SIZE 64

/* One entry of a connection or relay list: a network, or a domain name (then family is AF_UNSPEC). */
struct net_entry {
	int family;		/* AF_INET, AF_INET6, AF_UNSPEC */
	uint8_t bytes[16];
	uint8_t mask[16];
	char *domain;		/* owned; lower case; "example.com" matches itself and below */
};

struct net_address {
	struct sockaddr_storage sa;
	socklen_t len;
};

/*
 * "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/32", "example.com". 0, or -1 and *why a
 * static text.
 */
int net_entry_parse(struct net_entry *e, const char *text,
    const char **why) __attribute__((warn_unused_result));
void net_entry_done(struct net_entry *e);
/* The address as bytes and family, a mapped one as IPv4. The number of bytes; 0: another family. */
size_t net_bytes(const struct sockaddr *sa, int *family, uint8_t bytes[16]);
/* Whether the address is in the network; IPv4-mapped IPv6 counts as IPv4; a domain entry never matches. */
bool net_entry_has(const struct net_entry *e, const struct sockaddr *sa);
/* Whether a domain entry has the name: "example.com" has itself and all below, in any letter case. */
bool net_entry_has_name(const struct net_entry *e, const char *name);
unsigned net_entry_prefix(const struct net_entry *e);	/* bits of its mask; 0 for a domain */
/* "192.0.2.1", "192.0.2.0/24", "example.com". NET_TEXT_SIZE is enough for a network. */
void net_entry_format(char *dst, size_t size, const struct net_entry *e);

/* "127.0.0.1:25", "[::1]:25", "*:25" (0.0.0.0), "192.0.2.1" with `port` as default. 0, or -1 and *why. */
int net_address_parse(struct net_address *a, const char *text, uint16_t port,
    const char **why) __attribute__((warn_unused_result));
/* "192.0.2.1" / "2001:db8::1"; IPv4-mapped IPv6 is written as IPv4. `dst` has NET_TEXT_SIZE bytes. */
/* An IPv6 address without brackets that would be one, too, if its last part were a port: "::1:2525". */
bool net_port_is_unclear(const char *text);
void net_format_ip(char *dst, const struct sockaddr *sa);
/* "192.0.2.1:25" / "[2001:db8::1]:25". */
void net_format(char *dst, const struct sockaddr *sa);
uint16_t net_port(const struct sockaddr *sa);
bool net_is_loopback(const struct sockaddr *sa);
bool net_is_any(const struct sockaddr *sa);	/* 0.0.0.0 or :: */
bool net_equal(const struct sockaddr *a, const struct sockaddr *b); /* address and port */
/* "[192.0.2.1]", "[IPv6:2001:db8::1]" as in a mail address (RFC 5321 4.1.3), any letter case. 0 or -1. */
int net_literal_parse(struct net_address *a, const char *text,
    uint16_t port) __attribute__((warn_unused_result));
/*
 * No mail server has it, though connect(2) may lead some of them to us: unspecified, multicast, broadcast,
 * reserved, an IPv4 address written as IPv6.
 */
bool net_is_nowhere(const struct sockaddr *sa);
/* "host.example", ASCII letters, digits, hyphens, dots, underscore; labels of 1 to 63, at most 253. */
bool net_is_hostname(const char *text);

#endif
