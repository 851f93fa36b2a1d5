/* net_reverse - the DNS name under which the names of an address are found. Pure */
#ifndef COMMON_BASE_NET_REVERSE_H
#define COMMON_BASE_NET_REVERSE_H

struct sockaddr;

#define NET_REVERSE_SIZE 80

/* "1.2.0.192.in-addr.arpa"; `dst` has NET_REVERSE_SIZE bytes. */
void net_reverse_name(char *dst, const struct sockaddr *sa);

#endif
