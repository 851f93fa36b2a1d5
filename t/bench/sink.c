/*
 * sink PORT - takes mail on 127.0.0.1 and throws it away: one dot on standard output for each message
 *
 * One thread. It looks at each command and for the end of the data, and at nothing else.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MOST 2048
#define EVENTS 64
#define END_OF_DATA "\r\n.\r\n"
#define END_LEN 5

struct client {
	int fd;
	bool in_data;
	size_t matched;		/* bytes of END_OF_DATA that were just seen */
	size_t len;		/* of `line` */
	char line[LINE_MOST];	/* a command that is not whole yet */
};

static char space[1 << 18];

static int
say(const struct client *c, const char *reply)
{
	size_t len = strlen(reply);

	return send(c->fd, reply, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

/* Bytes of `data` that belong to the content; then in_data says whether all of it was. */
static size_t
skip_content(struct client *c, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (c->matched == 0) {
			const char *next = memchr(data + at, '\r', len - at);

			if (next == NULL)
				return len;
			at = (size_t)(next - data) + 1;
			c->matched = 1;
		} else if (data[at] == END_OF_DATA[c->matched]) {
			at++;
			if (++c->matched == END_LEN) {
				c->in_data = false;
				return at;
			}
		} else if (data[at] == '\r') {
			c->matched = 1;
			at++;
		} else {
			c->matched = 0;
		}
	}
	return len;
}

/* -1: the connection is over. */
static int
obey(struct client *c, const char *line)
{
	if (strncasecmp(line, "DATA", 4) == 0) {
		c->in_data = true;
		c->matched = 2;		/* a dot at once is the end, too */
		return say(c, "354 go on\r\n");
	}
	if (strncasecmp(line, "EHLO", 4) == 0)
		return say(c, "250-sink.example\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n");
	if (strncasecmp(line, "QUIT", 4) == 0) {
		(void)say(c, "221 bye\r\n");
		return -1;
	}
	if (strncasecmp(line, "MAIL", 4) == 0 || strncasecmp(line, "RCPT", 4) == 0 ||
	    strncasecmp(line, "RSET", 4) == 0 || strncasecmp(line, "NOOP", 4) == 0 ||
	    strncasecmp(line, "HELO", 4) == 0)
		return say(c, "250 ok\r\n");
	return say(c, "500 not known here\r\n");
}

static int
take(struct client *c, const char *data, size_t len)
{
	while (len > 0) {
		const char *end;
		size_t more;

		if (c->in_data) {
			more = skip_content(c, data, len);
			if (!c->in_data && (write(STDOUT_FILENO, ".", 1) != 1 || say(c, "250 2.0.0 ok\r\n") == -1))
				return -1;
		} else {
			end = memchr(data, '\n', len);
			more = end != NULL ? (size_t)(end - data) + 1 : len;
			if (c->len + more >= LINE_MOST)
				return -1;
			memcpy(c->line + c->len, data, more);
			c->len += more;
			c->line[c->len] = '\0';
			if (end != NULL) {
				c->len = 0;
				if (obey(c, c->line) == -1)
					return -1;
			}
		}
		data += more;
		len -= more;
	}
	return 0;
}

static void
read_from(struct client *c)
{
	ssize_t n = recv(c->fd, space, sizeof(space), 0);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && take(c, space, (size_t)n) == 0)
		return;
	close(c->fd);
	free(c);
}

static void
accept_from(int listener, int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct client *c;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;

	if (fd == -1)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		err(1, NULL);
	c->fd = fd;
	event.data.ptr = c;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "a connection");
	(void)say(c, "220 sink.example\r\n");	/* one that is gone is seen by recv */
}

static int
listen_on(const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(fd, 1000) == -1)
		err(1, "127.0.0.1:%s", port);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS] = { { .events = EPOLLIN } };
	int listener, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc != 2)
		errx(1, "usage: sink PORT");
	listener = listen_on(argv[1]);
	if (epoll == -1 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) == -1)	/* NULL is the listener */
		err(1, "epoll");
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_from(listener, epoll);
			else
				read_from(events[i].data.ptr);
		}
	}
}
