/*
 * atrn_relay - after ATRN or TURN: passes bytes between the client and the deliver worker
 *
 * Runs in:  listener
 * Owns:     the socket to the worker
 * Promise:  what one side cannot take yet is not read from the other: CONN_OUTPUT_MARK and PIECE bytes wait
 *           here at most. TLS to the client stays in conn
 * Fails by: ended()
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/process/loop.h"
#include "listener/connection/connection.h"

#define PIECE (16U << 10)

struct atrn_relay {
	struct conn *conn;
	struct loop_io *io;
	int fd;
	bool full;		/* the worker takes no more at present */
	void (*ended)(void *arg);	/* NULL once called */
	void *arg;
};

static void
update_watch(struct atrn_relay *p)
{
	bool room = p->ended != NULL && conn_unsent(p->conn) < CONN_OUTPUT_MARK;

	loop_io_want(p->io, (room ? LOOP_READ : 0U) | (p->full ? LOOP_WRITE : 0U));
}

/* May end in conn_ops.gone(), and that in atrn_relay_free(). */
static void
end_relay(struct atrn_relay *p)
{
	void (*ended)(void *) = p->ended;

	p->ended = NULL;
	p->full = false;
	loop_io_want(p->io, 0);
	if (ended != NULL)
		ended(p->arg);
}

static void
on_worker(void *arg, unsigned what)
{
	struct atrn_relay *p = arg;
	char data[PIECE];
	ssize_t n = 0;

	if (what & LOOP_WRITE)
		p->full = false;
	if (what & LOOP_READ) {
		n = recv(p->fd, data, sizeof(data), 0);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			end_relay(p);
			return;
		}
		if (n > 0)
			conn_send(p->conn, data, (size_t)n);
	}
	update_watch(p);
	conn_resume(p->conn);
}

size_t
atrn_relay_input(struct atrn_relay *p, const char *data, size_t len)
{
	ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);

	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return len;	/* the worker is gone: on_worker() will see it */
	p->full = n < (ssize_t)len;
	update_watch(p);
	return n > 0 ? (size_t)n : 0;
}

bool
atrn_relay_wants(const struct atrn_relay *p)
{
	return !p->full;
}

void
atrn_relay_round_done(struct atrn_relay *p)
{
	update_watch(p);
}

struct atrn_relay *
atrn_relay_new(struct loop *loop, struct conn *conn, int fd, void (*ended)(void *arg), void *arg)
{
	struct atrn_relay *p = mem_new(struct atrn_relay);

	p->conn = conn;
	p->fd = fd;
	p->ended = ended;
	p->arg = arg;
	p->io = loop_io_new(loop, fd, LOOP_READ, on_worker, p);
	return p;
}

void
atrn_relay_free(struct atrn_relay *p)
{
	if (p == NULL)
		return;
	loop_io_free(p->io);
	close(p->fd);
	free(p);
}
