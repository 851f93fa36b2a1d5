/*
 * ctl_wire - control messages on a descriptor: what the kernel carries, and whether it fits
 *
 * Runs in:  every process; any thread
 * Owns:     nothing
 * Promise:  only whole messages that fit their row, from a side that may send them, are returned. A
 *           descriptor that came with any other is closed; one that this process has no room for is lost,
 *           and nothing else
 * Fails by: -1 and errno
 */
#include "common/ipc/ctl_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ipc/ctl_rows.h"

union control_space { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * 4)]; };

int
ctl_wire_send(int fd, const struct ctl_head *head, const void *data, int pass_fd, int flags)
{
	union control_space space = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = mem_unconst(head), .iov_len = sizeof(*head) },
		{ .iov_base = mem_unconst(data), .iov_len = head->len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (pass_fd != -1) {
		struct cmsghdr *c;

		msg.msg_control = space.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

/* The first passed descriptor; any further ones are closed. -1 none. */
static int
first_fd(struct msghdr *msg)
{
	int kept = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (kept == -1)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

/* A message that another version has brought, and that this one cannot know. */
static bool
is_foreign(const struct ctl_head *head, size_t len)
{
	return len >= sizeof(*head) && head->magic == CTL_WIRE_MAGIC &&
	    !ctl_version_knows(head->type, head->version);
}

/* Whether head and size fit a row that `from` may send. */
static bool
fits_row(const struct ctl_head *head, size_t len, unsigned from, bool has_fd)
{
	const struct ctl_row *row;

	if (head->magic != CTL_WIRE_MAGIC || head->type >= CTL_COUNT)
		return false;
	row = &ctl_rows[head->type];
	return head->len == len && len >= row->min && len <= row->max && (row->from & from) != 0 &&
	    (!has_fd || row->fd);
}

/* A message that is received: what has to stay while the kernel writes to it. */
struct receipt {
	struct ctl_head head;
	union control_space space;
	struct iovec iov[2];
};

static struct msghdr
begin_receipt(struct receipt *r, void *data, size_t size)
{
	r->iov[0] = (struct iovec){ .iov_base = &r->head, .iov_len = sizeof(r->head) };
	r->iov[1] = (struct iovec){ .iov_base = data, .iov_len = size };
	return (struct msghdr){ .msg_iov = r->iov, .msg_iovlen = 2, .msg_control = r->space.bytes,
	    .msg_controllen = sizeof(r->space) };
}

/*
 * Of `n` bytes. 1 a message (m filled; data where it was received), 0 the peer closed, -1 errno (EBADMSG
 * refused, EPROTO of another version: m->request is the number of that).
 */
static int
judge_receipt(struct receipt *r, struct msghdr *msg, size_t n, unsigned from, struct ctl_message *m)
{
	const struct ctl_head *head = &r->head;
	bool cut, foreign;

	/* A message of no bytes may have some, too: it reads as the end, and they stay open. */
	m->fd = first_fd(msg);
	if (n == 0 && m->fd == -1)
		return 0;
	m->lost = m->fd == -1 && (msg->msg_flags & MSG_CTRUNC) != 0;	/* we may open no more */
	cut = n < sizeof(*head) || (msg->msg_flags & (MSG_TRUNC | (m->lost ? 0 : MSG_CTRUNC))) != 0;
	foreign = is_foreign(head, n);
	if (foreign || cut || !fits_row(head, n - sizeof(*head), from, m->fd != -1 || m->lost)) {
		if (m->fd != -1)
			close(m->fd);
		m->request = foreign ? head->version : 0;
		errno = foreign ? EPROTO : EBADMSG;
		return -1;
	}
	m->type = (enum ctl_type)head->type;
	m->request = head->request;
	m->data = r->iov[1].iov_base;
	m->len = head->len;
	return 1;
}

int
ctl_wire_recv(int fd, unsigned from, struct ctl_message *m, void *data, size_t size, int flags)
{
	struct receipt r;
	struct msghdr msg = begin_receipt(&r, data, size);
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | flags);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : judge_receipt(&r, &msg, (size_t)n, from, m);
}

/* Of a message that is not taken. */
static void
close_passed(struct msghdr *msg)
{
	int fd = first_fd(msg);

	if (fd != -1)
		close(fd);
}

size_t
ctl_wire_recv_many(int fd, unsigned from, struct ctl_message *m, size_t n, void *space, size_t size,
    bool wait, int *rc)
{
	struct receipt r[CTL_WIRE_MANY];
	struct mmsghdr msg[CTL_WIRE_MANY];
	int got, saved, flags = MSG_CMSG_CLOEXEC | (wait ? MSG_WAITFORONE : MSG_DONTWAIT);
	size_t good = 0;

	if (n > CTL_WIRE_MANY)
		n = CTL_WIRE_MANY;
	for (size_t i = 0; i < n; i++)
		msg[i].msg_hdr = begin_receipt(&r[i], (char *)space + i * size, size);
	do
		got = recvmmsg(fd, msg, (unsigned)n, flags, NULL);
	while (got == -1 && errno == EINTR);
	*rc = got > 0 ? 1 : -1;
	for (int i = 0; i < got; i++) {
		if (*rc != 1) {
			saved = errno;		/* of the one that was refused */
			close_passed(&msg[i].msg_hdr);
			errno = saved;
			continue;
		}
		*rc = judge_receipt(&r[i], &msg[i].msg_hdr, msg[i].msg_len, from, &m[good]);
		good += *rc == 1;
	}
	return good;
}
