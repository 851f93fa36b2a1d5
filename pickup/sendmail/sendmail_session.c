/*
 * sendmail_session - sendmail -bs: SMTP on standard input and output, spoken by a listener
 *
 * Runs in:  sendmail
 * Owns:     the connection
 * Promise:  the rules are those of every client that comes from this host: this command adds none, and has
 *           given up its group
 * Fails by: EX_UNAVAILABLE, after 421 on standard output; EX_IOERR
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/config/config.h"
#include "pickup/sendmail/sendmail.h"

static int
refuse(const struct config_server *s, const char *why)
{
	printf("421 4.3.2 %s\r\n", why);
	fflush(stdout);
	return sendmail_say(EX_UNAVAILABLE, "-bs: virtual server %s: %s", s->name, why);
}

/* Where every address is listened at, this host is. */
static struct net_address
near_address(const struct net_address *listen)
{
	struct net_address a = *listen;

	if (!net_is_any((const struct sockaddr *)&a.sa))
		return a;
	if (a.sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a.sa)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *)&a.sa)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int
connect_listener(const struct config_server *s)
{
	for (size_t i = 0; i < s->nlisten; i++) {
		struct net_address a = near_address(&s->listen[i].address);
		int fd;

		if (s->listen[i].tls)
			continue;
		fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			continue;
		if (connect(fd, (const struct sockaddr *)&a.sa, a.len) == 0)
			return fd;
		close(fd);
	}
	return -1;
}

/* One piece. 1; 0 at the end; -1. */
static int
copy(int from, int to)
{
	char piece[65536];
	ssize_t n = read(from, piece, sizeof(piece));

	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	if (n == 0)
		return 0;
	return disk_write(to, piece, (size_t)n) == 0 ? 1 : -1;
}

int
sendmail_session_run(const struct config_server *server)
{
	struct pollfd from[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int fd, rc = 1;

	if (server->proxy)
		return refuse(server, "its listener takes connections of proxies alone");
	fd = connect_listener(server);
	if (fd == -1)
		return refuse(server, "its listener does not answer");
	from[1].fd = fd;
	while (rc == 1) {
		if (poll(from, 2, -1) == -1 && errno != EINTR)
			break;
		if (from[1].revents != 0) {
			rc = copy(fd, STDOUT_FILENO);
		} else if (from[0].revents != 0 && copy(STDIN_FILENO, fd) != 1) {
			from[0].fd = -1;
			(void)shutdown(fd, SHUT_WR);
		}
	}
	close(fd);
	return rc == 0 ? EX_OK : EX_IOERR;
}
