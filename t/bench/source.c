/*
 * source PORT SESSIONS MESSAGES SIZE TO KEEP - sends mail to 127.0.0.1 from so many sessions at once
 *
 * One thread. KEEP 0: a connection for each message; 1: one for each session. Each reply is waited for and has
 * to be the one that is expected, or all ends with status 1 and what was said. Ends when all was taken.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MOST 4096
#define EVENTS 64

/* What was sent last, and so whose reply is awaited. */
enum step { CONNECTED, EHLO, MAIL, RCPT, DATA, CONTENT, QUIT, STEPS };

static const char *const code_of[STEPS] = { "220", "250", "250", "250", "354", "250", "221" };

struct session {
	int fd;
	enum step step;
	const char *out;	/* what is still to be sent */
	size_t out_len;
	size_t len;		/* of `reply` */
	char reply[REPLY_MOST];	/* lines that came for this step */
};

struct load {
	struct sockaddr_in to;
	unsigned long left, open;	/* messages not begun; sessions */
	bool keep;
	int epoll;
	char command[STEPS][512];
	size_t command_len[STEPS];
	char *content;
	size_t content_len;
};

static void
connect_session(const struct load *l, struct session *s)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s };
	int on = 1;

	memset(s, 0, sizeof(*s));
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd == -1 || connect(s->fd, (const struct sockaddr *)&l->to, sizeof(l->to)) == -1 ||
	    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    fcntl(s->fd, F_SETFL, O_NONBLOCK) == -1 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &event) == -1)
		err(1, "a connection");
}

static void
send_rest(struct session *s)
{
	while (s->out_len > 0) {
		ssize_t n = send(s->fd, s->out, s->out_len, MSG_NOSIGNAL);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1)
			err(1, "send");
		s->out += n;
		s->out_len -= (size_t)n;
	}
}

static void
send_step(const struct load *l, struct session *s, enum step step)
{
	s->step = step;
	s->out = step == CONTENT ? l->content : l->command[step];
	s->out_len = step == CONTENT ? l->content_len : l->command_len[step];
	s->len = 0;
	send_rest(s);
}

/* After the right reply to the last step. */
static void
go_on(struct load *l, struct session *s)
{
	bool more = s->step == EHLO || s->step == CONTENT;

	if (s->step == QUIT) {
		close(s->fd);
		if (l->left > 0)
			connect_session(l, s);
		else
			l->open--;
	} else if (more && l->left > 0 && (l->keep || s->step == EHLO)) {
		l->left--;
		send_step(l, s, MAIL);
	} else if (more) {
		send_step(l, s, QUIT);
	} else {
		send_step(l, s, s->step + 1);
	}
}

/* Whether the reply is whole: a last line "250 ...". */
static bool
is_whole(const struct session *s)
{
	const char *line = s->reply, *end;

	while ((end = memchr(line, '\n', s->len - (size_t)(line - s->reply))) != NULL) {
		if (end - line >= 3 && line[3] != '-')
			return true;
		line = end + 1;
	}
	return false;
}

static void
hear(struct load *l, struct session *s)
{
	for (;;) {
		ssize_t n = recv(s->fd, s->reply + s->len, sizeof(s->reply) - 1 - s->len, 0);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1)
			err(1, "recv");
		if (n == 0)
			errx(1, "the server has ended a session in step %d", (int)s->step);
		s->len += (size_t)n;
		s->reply[s->len] = '\0';
		if (!is_whole(s))
			continue;
		if (strncmp(s->reply, code_of[s->step], 3) != 0)
			errx(1, "step %d: %s", (int)s->step, s->reply);
		go_on(l, s);
		return;
	}
}

/* A message of about `size` bytes, with the dot that ends it. */
static void
make_content(struct load *l, size_t size)
{
	static const char head[] = "From: a@sender.example\r\nTo: b@relay.example\r\n"
	    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <load@sender.example>\r\nSubject: load\r\n\r\n";
	size_t len = sizeof(head) - 1;

	l->content = malloc(size + sizeof(head) + 80);
	if (l->content == NULL)
		err(1, NULL);
	memcpy(l->content, head, len);
	while (len + 72 <= size) {
		memset(l->content + len, 'x', 70);
		memcpy(l->content + len + 70, "\r\n", 2);
		len += 72;
	}
	memcpy(l->content + len, ".\r\n", 3);
	l->content_len = len + 3;
}

static void
make_commands(struct load *l, const char *to)
{
	snprintf(l->command[EHLO], sizeof(l->command[0]), "EHLO load.example\r\n");
	snprintf(l->command[MAIL], sizeof(l->command[0]), "MAIL FROM:<a@sender.example>\r\n");
	snprintf(l->command[RCPT], sizeof(l->command[0]), "RCPT TO:<%s>\r\n", to);
	snprintf(l->command[DATA], sizeof(l->command[0]), "DATA\r\n");
	snprintf(l->command[QUIT], sizeof(l->command[0]), "QUIT\r\n");
	for (int i = 0; i < STEPS; i++)
		l->command_len[i] = strlen(l->command[i]);
}

int
main(int argc, char **argv)
{
	struct load l = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct session *sessions;
	struct epoll_event events[EVENTS];

	if (argc != 7)
		errx(1, "usage: source PORT SESSIONS MESSAGES SIZE TO KEEP");
	l.to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(argv[1])),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	l.open = strtoul(argv[2], NULL, 10);
	l.left = strtoul(argv[3], NULL, 10);
	l.keep = strcmp(argv[6], "1") == 0;
	make_content(&l, strtoul(argv[4], NULL, 10));
	make_commands(&l, argv[5]);
	sessions = calloc(l.open, sizeof(*sessions));
	if (l.epoll == -1 || sessions == NULL || l.open == 0)
		err(1, "a beginning");
	for (unsigned long i = 0; i < l.open; i++)
		connect_session(&l, &sessions[i]);
	while (l.open > 0) {
		int n = epoll_wait(l.epoll, events, EVENTS, 120000);

		if (n == 0)
			errx(1, "no reply for two minutes");
		for (int i = 0; i < n; i++) {
			send_rest(events[i].data.ptr);
			hear(&l, events[i].data.ptr);
		}
	}
	return 0;
}
