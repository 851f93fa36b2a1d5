/*
 * net_reverse - the DNS name under which the names of an address are found; pure
 *
 * Runs in:  posternctl, listener
 * Owns:     nothing
 * Promise:  an IPv4-mapped IPv6 address is treated as the IPv4 address
 * Fails by: never
 */
#include "common/base/net_reverse.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/net.h"

void
net_reverse_name(char *dst, const struct sockaddr *sa)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];
	int family;
	size_t len = net_bytes(sa, &family, b);

	if (len == 4) {
		snprintf(dst, NET_REVERSE_SIZE, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
		return;
	}
	for (size_t i = len; i-- > 0; ) {
		*dst++ = hex[b[i] & 15];
		*dst++ = '.';
		*dst++ = hex[b[i] >> 4];
		*dst++ = '.';
	}
	strcpy(dst, "ip6.arpa");
}
