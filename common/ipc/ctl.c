/*
 * ctl - the transport of control messages: typed, sized, with rights
 *
 * Runs in:  every process; on its loop, but for _now and _next, which need none
 * Owns:     the channel's descriptor and what waits to be sent
 * Promise:  a callback sees only whole messages that fit their row, from a side that may send them. A
 *           descriptor that came with one is closed, whatever else is wrong, unless it was taken; one that
 *           this process has no room for is lost, and nothing else
 * Fails by: closing the channel (on_close); ctl_send returns -1 when the peer does not read, or the message
 *           does not fit its row
 */
#include "common/ipc/ctl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_rows.h"
#include "common/ipc/ctl_wire.h"
#include "common/process/burst.h"

#define QUEUE_MAX (8U << 20)
#define DESCRIPTOR_COST (QUEUE_MAX / 32)	/* of the queue: one that waits is open, and those are few */
#define SOCKET_ROOM (2 * CTL_PAYLOAD_MAX)
#define PER_TURN 32		/* messages read in one turn, so that others have theirs */

static_assert(CTL_PAYLOAD_MAX <= LOOP_SCRATCH, "a message is read into the scratch of the loop");

/* A message that waits until the peer reads. */
struct waiting {
	struct waiting *next;
	struct ctl_head head;
	int fd;
	char data[];
};

/* Of QUEUE_MAX. */
static size_t
cost_of(size_t len, int fd)
{
	return sizeof(struct waiting) + len + (fd != -1 ? DESCRIPTOR_COST : 0);
}

struct ctl {
	struct loop *loop;
	struct loop_io *io;
	int fd;
	unsigned from;
	struct waiting *first, **last;
	size_t queued;
	/* inside a callback; ctl_free was called there; on_close was called; see ctl_any_version */
	bool busy, freed, closed, any_version;
	struct burst burst;
	void (*on_message)(void *arg, const struct ctl_message *m);
	void (*on_close)(void *arg, bool bad);
	void *arg;
};

const char *
ctl_name(enum ctl_type type)
{
	return (unsigned)type < CTL_COUNT ? ctl_rows[type].name : "?";
}

size_t
ctl_waiting(const struct ctl *c)
{
	return c->queued;
}

int
ctl_descriptor(const struct ctl *c)
{
	return c->fd;
}

/* New programs are installed under a service that runs: the channel is closed, and this says why. */
static void
tell_foreign(unsigned version)
{
	log_event(LOG_FAULT, NULL, "trouble", "doing=control version=%u own=%u reason=%s", version,
	    ctl_version(), log_safe("its peer is of another version of Postern: restart the service"));
}

/* --- a channel on a loop --- */

/* Its payload may be secret. */
static void
free_waiting(struct waiting *w)
{
	if (w->fd != -1)
		close(w->fd);
	explicit_bzero(w->data, w->head.len);
	free(w);
}

static void
drop_waiting(struct ctl *c)
{
	for (struct waiting *w = c->first, *next; w != NULL; w = next) {
		next = w->next;
		free_waiting(w);
	}
	c->first = NULL;
	c->last = &c->first;
	c->queued = 0;
}

static void
free_channel(struct ctl *c)
{
	drop_waiting(c);
	loop_io_free(c->io);
	close(c->fd);
	free(c);
}

static void
close_channel(struct ctl *c, bool bad)
{
	if (c->closed)
		return;
	c->closed = true;
	loop_io_want(c->io, 0);
	if (c->on_close != NULL)
		c->on_close(c->arg, bad);
}

static void
close_untaken(const struct ctl_message *m)
{
	if (m->fd == -1)
		return;
#ifdef POSTERN_TEST
	if (fcntl(m->fd, F_GETFD) == -1)
		bug("ctl: %s: its descriptor was closed, and not taken", ctl_name(m->type));
#endif
	close(m->fd);
}

static void
take_foreign(struct ctl *c, unsigned version)
{
	static const struct ctl_message unknown = { .type = CTL_COUNT, .fd = -1 };

	if (c->any_version) {
		c->on_message(c->arg, &unknown);
		return;
	}
	tell_foreign(version);
	close_channel(c, true);
}

static void
read_messages(struct ctl *c)
{
	char *data = loop_scratch(c->loop);
	bool all = burst_begin(&c->burst);
	unsigned n = 0;

	while (n < PER_TURN && !c->freed && !c->closed) {
		struct ctl_message m;
		int rc = ctl_wire_recv(c->fd, c->from, &m, data, CTL_PAYLOAD_MAX, 0);

		if (rc == -1 && errno == EAGAIN)
			break;
		n++;
		if (rc == 1) {
			c->on_message(c->arg, &m);
			close_untaken(&m);
			if (!all)
				return;
		} else if (rc == -1 && errno == ECONNRESET) {
			continue;	/* the peer left something unread; what it sent comes yet */
		} else if (rc == -1 && errno == EPROTO) {
			take_foreign(c, m.request);
		} else {
			close_channel(c, rc == -1 && errno == EBADMSG);
		}
	}
	if (all)
		burst_end(&c->burst, n);
}

static void
write_waiting(struct ctl *c)
{
	while (c->first != NULL) {
		struct waiting *w = c->first;

		if (ctl_wire_send(c->fd, &w->head, w->data, w->fd, 0) == -1) {
			/* Memory that the kernel lacks for the moment: its turn comes again. */
			if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS)
				return;
			drop_waiting(c); /* the peer is gone: reading shows it, too */
			break;
		}
		c->first = w->next;
		if (c->first == NULL)
			c->last = &c->first;
		c->queued -= cost_of(w->head.len, w->fd);
		free_waiting(w);
	}
	loop_io_want(c->io, LOOP_READ);
}

static void
channel_ready(void *arg, unsigned what)
{
	struct ctl *c = arg;

	c->busy = true;
	if (what & LOOP_WRITE)
		write_waiting(c);
	if (what & LOOP_READ)
		read_messages(c);
	c->busy = false;
	if (c->freed)
		free_channel(c);
}

/* The kernel takes a message whole or never. Hosts with a small net.core.wmem_default are asked for more. */
static void
make_socket_room(int fd)
{
	int room = 0, wanted = SOCKET_ROOM;
	socklen_t len = sizeof(room);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len) == 0 && room < wanted)
		(void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
}

struct ctl *
ctl_new(struct loop *l, int fd, unsigned from, void (*on_message)(void *arg, const struct ctl_message *m),
    void (*on_close)(void *arg, bool bad), void *arg)
{
	struct ctl *c = mem_new(struct ctl);

	c->loop = l;
	c->fd = fd;
	c->from = from;
	c->on_message = on_message;
	c->on_close = on_close;
	c->arg = arg;
	c->last = &c->first;
	(void)!fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	make_socket_room(fd);
	c->io = loop_io_new(l, fd, LOOP_READ, channel_ready, c);
	return c;
}

void
ctl_free(struct ctl *c)
{
	if (c == NULL)
		return;
	if (c->busy) {
		c->freed = true;
		loop_io_want(c->io, 0);
		return;
	}
	free_channel(c);
}

void
ctl_any_version(struct ctl *c)
{
	c->any_version = true;
}

int
ctl_take_fd(const struct ctl_message *m)
{
	int fd = m->fd;

	((struct ctl_message *)mem_unconst(m))->fd = -1;
	return fd;
}

void
ctl_wipe(const struct ctl_message *m)
{
	if (m->len > 0)
		explicit_bzero(mem_unconst(m->data), m->len);
}

/*
 * False (EMSGSIZE): no receiver would take it. Sizes come from what hosts, files and operators said, so it
 * costs this message and not the process, which would meet the same again after a restart.
 */
static bool
make_head(struct ctl_head *head, enum ctl_type type, uint32_t request, size_t len)
{
	*head = (struct ctl_head){ .magic = CTL_WIRE_MAGIC, .version = (uint16_t)ctl_version(), .type = type,
	    .request = request, .len = (uint32_t)len };
	if ((unsigned)type < CTL_COUNT && len >= ctl_rows[type].min && len <= ctl_rows[type].max)
		return true;
	log_event(LOG_FAULT, NULL, "trouble", "doing=control message=%s bytes=%zu reason=%s", ctl_name(type),
	    len, log_safe("it does not fit its row"));
	errno = EMSGSIZE;
	return false;
}

static int
queue_one(struct ctl *c, const struct ctl_head *head, const void *data, int fd)
{
	struct waiting *w;
	int copy;

	if (c->queued + cost_of(head->len, fd) > QUEUE_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	copy = fd != -1 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd != -1 && copy == -1)
		return -1;
	w = mem_zalloc(sizeof(*w) + head->len);
	w->head = *head;
	w->fd = copy;
	if (head->len > 0)
		memcpy(w->data, data, head->len);
	*c->last = w;
	c->last = &w->next;
	c->queued += cost_of(head->len, copy);
	loop_io_want(c->io, LOOP_READ | LOOP_WRITE);
	return 0;
}

int
ctl_send(struct ctl *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd)
{
	struct ctl_head head;

	if (!make_head(&head, type, request, len))
		return -1;
	if (c->closed || c->freed) {
		errno = EPIPE;
		return -1;
	}
	if (c->first == NULL && ctl_wire_send(c->fd, &head, data, fd, 0) == 0)
		return 0;
	if (c->first == NULL && errno != EAGAIN)
		return -1;
	return queue_one(c, &head, data, fd);
}

int
ctl_send_on(int fd, enum ctl_type type, uint32_t request, const void *data, size_t len, int pass, int flags)
{
	struct ctl_head head;

	return make_head(&head, type, request, len) ? ctl_wire_send(fd, &head, data, pass, flags) : -1;
}

int
ctl_recv_now(int fd, unsigned from, struct ctl_message *m, void *space, size_t size)
{
	int rc = ctl_wire_recv(fd, from, m, space, size, 0);

	if (rc == -1 && errno == EPROTO)
		tell_foreign(m->request);
	return rc;
}

int
ctl_recv_next(int fd, unsigned from, struct ctl_message *m, void *space, size_t size)
{
	return ctl_wire_recv(fd, from, m, space, size, MSG_DONTWAIT);
}
