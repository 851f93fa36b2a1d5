/*
 * ptr_name - names of addresses: what to ask the DNS, and whether an answer confirms a name; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  an IPv4-mapped IPv6 address is treated as the IPv4 address
 * Fails by: never
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/ipc/msg_dns.h"
#include "listener/accept/accept.h"

/* The address in network order; 4 or 16 bytes. */
static size_t
bytes_of(const struct sockaddr *sa, uint8_t bytes[16])
{
	const struct in6_addr *six;

	if (sa->sa_family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
		return 4;
	}
	six = &((const struct sockaddr_in6 *)sa)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(bytes, six->s6_addr + 12, 4);
		return 4;
	}
	memcpy(bytes, six, 16);
	return 16;
}

void
ptr_name_format(char *dst, const struct sockaddr *sa)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];

	if (bytes_of(sa, b) == 4) {
		snprintf(dst, PTR_NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
		return;
	}
	for (size_t i = 16; i-- > 0; ) {
		*dst++ = hex[b[i] & 15];
		*dst++ = '.';
		*dst++ = hex[b[i] >> 4];
		*dst++ = '.';
	}
	strcpy(dst, "ip6.arpa");
}

uint16_t
ptr_name_type(const struct sockaddr *sa)
{
	uint8_t b[16];

	return bytes_of(sa, b) == 4 ? DNS_A : DNS_AAAA;
}

bool
ptr_name_confirms(const struct msg_dns_answer *a, const struct sockaddr *sa)
{
	uint8_t b[16];
	size_t len = bytes_of(sa, b);

	for (size_t i = 0; a->result == DNS_FOUND && i < a->count; i++)
		if (a->record[i].len == len && memcmp(a->record[i].data, b, len) == 0)
			return true;
	return false;
}
