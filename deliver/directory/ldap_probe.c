/*
 * ldap_probe - why TLS with a directory server fails: one handshake of our own, as libldap does not say
 *
 * Runs in:  directory, a pool thread: blocks, but no longer than the time limit of [ldap]
 * Owns:     nothing
 * Promise:  the same server, authorities and name as the connection that failed; nothing is asked in it
 * Fails by: false: no reason was found
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/tls/tls.h"
#include "deliver/directory/directory.h"

#define ANSWER_MAX 1024

/* ExtendedRequest 1.3.6.1.4.1.1466.20037, message 1 (RFC 4511 4.14). */
static const char start_tls[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037";

/* False: the time is over. */
static bool
wait_for(int fd, short what, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = what };
	uint64_t now = clock_mono_ms();

	return now < deadline && poll(&p, 1, (int)(deadline - now)) == 1;
}

static int
connect_to(const struct addrinfo *a, uint64_t deadline)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t len = sizeof(error);

	if (fd == -1)
		return -1;
	if ((connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) &&
	    wait_for(fd, POLLOUT, deadline) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == 0)
		return fd;
	close(fd);
	return -1;
}

static int
connect_any(const char *host, unsigned port, uint64_t deadline)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char service[8];
	int fd = -1;

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *a = list; a != NULL && fd == -1; a = a->ai_next)
		fd = connect_to(a, deadline);
	freeaddrinfo(list);
	return fd;
}

/* Asks for TLS, and takes one answer of whatever result: the handshake shows the rest. */
static bool
begin_tls(int fd, uint64_t deadline)
{
	char answer[ANSWER_MAX];
	ssize_t n = send(fd, start_tls, sizeof(start_tls) - 1, MSG_NOSIGNAL);

	if (n != (ssize_t)sizeof(start_tls) - 1 || !wait_for(fd, POLLIN, deadline))
		return false;
	return recv(fd, answer, sizeof(answer), 0) > 0;
}

/* True: it has failed for a reason of TLS. */
static bool
shake_hands(struct tls_out *t, int fd, const char *host, uint64_t deadline, char why[LDAP_CONN_WHY_SIZE])
{
	unsigned char ip[16];
	bool literal = inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
	struct tls_wish wish = { .ask = literal ? NULL : host, .proof = TLS_PROOF_NAME, .name = { host },
	    .names = !literal, .ip = literal ? host : NULL };
	struct ssl_st *link = tls_out_link(t, fd, &wish);
	enum tls_want want = TLS_BROKEN;

	if (link == NULL)
		return false;
	while ((want = tls_link_shake(link)) == TLS_WANT_READ || want == TLS_WANT_WRITE)
		if (!wait_for(fd, want == TLS_WANT_READ ? POLLIN : POLLOUT, deadline))
			break;
	if (want == TLS_BROKEN)
		snprintf(why, LDAP_CONN_WHY_SIZE, "TLS: %.140s", tls_link_reason());
	else if (want == TLS_ENDED)
		snprintf(why, LDAP_CONN_WHY_SIZE, "TLS: the server ends the connection in the handshake");
	tls_link_free(link);
	return want == TLS_BROKEN || want == TLS_ENDED;
}

static bool
trust_file(struct tls_out *t, const char *path)
{
	struct buf text = BUF_INIT(TLS_FILE_MAX), why = BUF_INIT(CTL_REASON_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC), count = -1;
	ssize_t n = fd == -1 ? -1 : 1;

	while (n > 0) {
		char *room = buf_room(&text, 65536);

		n = room != NULL ? read(fd, room, 65536) : -1;
		text.len += n > 0 ? (size_t)n : 0;
	}
	if (n == 0)
		count = tls_out_trust(t, &(struct tls_text){ path, buf_text(&text), text.len }, &why);
	if (fd != -1)
		close(fd);
	buf_done(&text);
	buf_done(&why);
	return count != -1;
}

bool
ldap_probe_tls(const struct ldap_probe *p, char why[LDAP_CONN_WHY_SIZE])
{
	uint64_t deadline = clock_mono_ms() + p->limit_ms;
	struct tls_out *t = tls_out_new();
	bool found = false;
	int fd = -1;

	if (trust_file(t, p->ca))
		fd = connect_any(p->host, p->port, deadline);
	if (fd != -1 && (!p->start_tls || begin_tls(fd, deadline)))
		found = shake_hands(t, fd, p->host, deadline, why);
	if (fd != -1)
		close(fd);
	tls_out_free(t);
	return found;
}
