/*
 * ptr_name - names of addresses: whether an answer of the DNS confirms a name; pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  an IPv4-mapped IPv6 address is treated as the IPv4 address
 * Fails by: never
 */
#include <netinet/in.h>
#include <string.h>

#include "common/msg/msg_dns.h"
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
