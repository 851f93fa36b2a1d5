/*
 * evacuate_taker - takes the messages that other nodes bring (XEVACUATE), and answers for each
 *
 * Runs in:  deliver, on the loop
 * Owns:     the connections, as the listener hands them on, and what is on its way in
 * Promise:  250 comes after the message is on disk here, or when it is or was here already. Whoever brings it
 *           is a node that is named, and not trusted further: every number, line and envelope is judged
 *           before the queue sees it. Octets of a message that is refused are read to their end
 * Fails by: an answer that says why; 500 and the end where the next command cannot be found
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/process/loop.h"
#include "common/process/pool.h"
#include "common/spool/spool.h"
#include "deliver/evacuate/evacuate_private.h"
#include "deliver/move/move.h"

#define NODES_MAX 8		/* connections */
#define OPEN_MAX 48		/* messages of one that are not answered */
#define OUT_MAX (2U * OPEN_MAX * EVACUATE_LINE_MAX)
#define OUT_MARK (OUT_MAX / 2)	/* with so many bytes of answers nothing more is read */

/* One connection. */
struct node {
	LIST_ENTRY(node) link;
	struct evacuate_taker *taker;
	char client[NET_TEXT_SIZE];
	int fd;				/* -1: it is over, and waits for its messages */
	struct loop_io *io;
	struct loop_timer *patience;
	struct buf in, out;
	struct arrival *now;		/* whose octets come; NULL: a command */
	bool busy;			/* a thread has `now` */
	bool closing;			/* when `out` has left */
	size_t open;			/* arrivals without an answer */
};

struct evacuate_taker {
	struct boot *boot;
	struct spool *spool;
	struct move_taker *moves;
	struct pool_lane *lane;
	LIST_HEAD(, node) nodes;
	LIST_HEAD(, arrival) arrivals;
	size_t count;
	bool ended;
};

static void go_on(struct node *n);

/* --- on a thread --- */

static void
run_step(void *arg, void **jobs, size_t n)
{
	struct evacuate_taker *t = arg;

	for (size_t i = 0; i < n; i++)
		evacuate_arrival_run(jobs[i], t->spool, t->boot->server);
}

/* --- connections --- */

static void
free_arrival(struct arrival *a)
{
	LIST_REMOVE(a, link);
	evacuate_arrival_free(a);
}

static void
free_node(struct node *n)
{
	LIST_REMOVE(n, link);
	n->taker->count--;
	loop_io_free(n->io);
	loop_timer_free(n->patience);
	if (n->fd != -1)
		close(n->fd);
	buf_done(&n->in);
	buf_done(&n->out);
	free(n);
}

static void
submit(struct arrival *a, enum arrival_step step)
{
	a->step = step;
	pool_submit(a->node->taker->lane, a);
}

/* What was not received as a whole is nothing; what was is written, and its answer is lost. */
static void
end_node(struct node *n)
{
	struct arrival *a = n->now;

	loop_io_free(n->io);
	n->io = NULL;
	loop_timer_stop(n->patience);
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
	if (a != NULL && !n->busy) {
		n->now = NULL;
		n->open--;
		free_arrival(a);
	}
	if (n->open == 0)
		free_node(n);
}

/* False: the connection is over, and may be freed. */
static bool
flush(struct node *n)
{
	while (n->out.len > 0) {
		ssize_t sent = send(n->fd, n->out.data, n->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent == -1 && errno != EAGAIN && errno != EINTR) {
			end_node(n);
			return false;
		}
		if (sent <= 0)
			break;
		buf_drop(&n->out, (size_t)sent);
	}
	if (n->out.len > 0 || !n->closing)
		return true;
	end_node(n);
	return false;
}

static void
update_watch(struct node *n)
{
	bool reads = !n->closing && n->in.len < EVACUATE_PIECE && n->out.len < OUT_MARK &&
	    (n->now != NULL || n->open < OPEN_MAX);

	loop_io_want(n->io, (reads ? LOOP_READ : 0U) | (n->out.len > 0 ? LOOP_WRITE : 0U));
}

static void
say_end(struct node *n, const char *line)
{
	buf_puts(&n->out, line);
	buf_clear(&n->in);
	n->closing = true;
}

/* --- messages --- */

static void
tell_taken(const struct node *n, const struct spool_move *m)
{
	struct counters *counters = n->taker->boot->counters;

	log_event(LOG_FACT, m->id, "evacuated", "from=%s known=%s", log_safe(n->client),
	    m->known ? "yes" : "no");
	counters_add(counters, m->known ? COUNTER_EVACUATED_AGAIN : COUNTER_EVACUATED_IN, 1);
}

/* Frees it. */
static void
say_answer(struct arrival *a, bool known)
{
	struct evacuate_answer said = { .error = a->error, .known = known };
	struct node *n = a->node;

	memcpy(said.id, a->put.id, sizeof(said.id));
	if (a->error != 0)
		log_event(LOG_WARN, a->put.id, "refused", "client=%s part=evacuate reason=%s",
		    log_safe(n->client), log_safe(a->why != NULL ? a->why : strerror(a->error)));
	else
		disk_crash_point("evacuate-taken");
	if (n->fd != -1)
		evacuate_words_format_answer(&said, a->why, &n->out);
	free_arrival(a);
	n->open--;
}

/* The same, from the loop; the node may be freed, too. */
static void
answer(struct arrival *a, bool known)
{
	struct node *n = a->node;

	say_answer(a, known);
	if (n->fd != -1)
		go_on(n);
	else if (n->open == 0)
		free_node(n);
}

static void
on_moved(void *arg, const struct spool_move *m)
{
	struct arrival *a = arg;

	a->error = m->error;
	if (m->error == 0)
		tell_taken(a->node, m);
	answer(a, m->known);
}

/* All of it is here, and good. */
static void
hand_on(struct arrival *a)
{
	struct evacuate_taker *t = a->node->taker;
	int error;

	disk_crash_point("evacuate-arrived");
	error = t->ended ? ESHUTDOWN : move_taker_put(t->moves, &a->file, on_moved, a);
	if (error == 0) {
		a->file = SPOOL_MOVE_INIT;
		return;
	}
	a->error = error;
	answer(a, false);
}

static void
after_step(void *arg, void *job)
{
	struct arrival *a = job;
	struct node *n = a->node;

	if (a->step != ARRIVAL_JUDGE) {
		n->busy = false;
		buf_clear(&a->piece);
		if (n->fd == -1)
			end_node(n);
		else
			go_on(n);
	} else if (a->error != 0) {
		answer(a, false);
	} else {
		hand_on(a);
	}
}

static void
begin_arrival(struct node *n, const struct evacuate_put *put)
{
	struct arrival *a = evacuate_arrival_new(put);

	a->node = n;
	LIST_INSERT_HEAD(&n->taker->arrivals, a, link);
	n->now = a;
	n->open++;
	if (a->error != 0)
		return;
	n->busy = true;
	submit(a, ARRIVAL_OPEN);
}

/* False: it is not whole yet. */
static bool
take_line(struct node *n)
{
	const char *end = memchr(n->in.data, '\n', n->in.len);
	size_t len = end != NULL ? (size_t)(end - n->in.data) : n->in.len;
	struct evacuate_put put;

	if (end == NULL && len < EVACUATE_LINE_MAX)
		return false;
	if (end == NULL || len == 0 || end[-1] != '\r')
		say_end(n, "500 5.5.2 Lines end in CRLF, and are short\r\n");
	else if (len == 5 && memcmp(n->in.data, "QUIT", 4) == 0)
		say_end(n, "221 2.0.0 Closing\r\n");
	else if (!evacuate_words_parse_put(&put, n->in.data, len - 1))
		say_end(n, "500 5.5.2 PUT wants an id, a time, 0 or 1, and two sizes\r\n");
	else {
		buf_drop(&n->in, len + 1);
		begin_arrival(n, &put);
	}
	return true;
}

/* Octets of the message that comes. */
static void
take_octets(struct node *n)
{
	struct arrival *a = n->now;
	uint64_t left = a->put.note + a->put.size - a->got;
	size_t len = left < n->in.len ? (size_t)left : n->in.len;

	if (left == 0) {
		n->now = NULL;
		if (a->error == 0)
			submit(a, ARRIVAL_JUDGE);
		else
			say_answer(a, false);
		return;
	}
	a->got += len;
	if (a->error == 0) {
		buf_add(&a->piece, n->in.data, len);
		n->busy = true;
		submit(a, ARRIVAL_WRITE);
	}
	buf_drop(&n->in, len);
}

/* One step of what is here; false: it waits for more, or for answers. */
static bool
take_some(struct node *n)
{
	const struct arrival *a = n->now;

	if (n->closing || n->busy || n->out.len >= OUT_MARK)
		return false;
	if (a == NULL)
		return n->in.len > 0 && n->open < OPEN_MAX && take_line(n);
	if (n->in.len == 0 && !evacuate_arrival_is_whole(a))
		return false;
	take_octets(n);
	return true;
}

/* As far as what is here leads. */
static void
go_on(struct node *n)
{
	bool more = true;

	while (more) {
		while (take_some(n))
			;
		more = n->out.len >= OUT_MARK;
		if (!flush(n))
			return;
		more = more && n->out.len < OUT_MARK;
	}
	update_watch(n);
}

static void
receive(struct node *n)
{
	char *to = buf_room(&n->in, EVACUATE_PIECE - n->in.len);
	ssize_t got = to != NULL ? recv(n->fd, to, EVACUATE_PIECE - n->in.len, MSG_DONTWAIT) : 0;

	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_node(n);
		return;
	}
	n->in.len += (size_t)got;
	loop_timer_set(n->patience, EVACUATE_PATIENCE_MS);
	go_on(n);
}

static void
on_io(void *arg, unsigned what)
{
	struct node *n = arg;

	if ((what & LOOP_READ) != 0 && !n->closing && n->in.len < EVACUATE_PIECE)
		receive(n);
	else
		go_on(n);
}

static void
on_late(void *arg)
{
	end_node(arg);
}

/* --- what others call --- */

enum msg_etrn_result
evacuate_taker_begin(struct evacuate_taker *t, const struct msg_etrn *p, int *fd)
{
	struct node *n;
	int pair[2];

	if (t->ended || t->count >= NODES_MAX || t->boot->server->evacuate_from.count == 0)
		return MSG_ETRN_LATER;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		log_event(LOG_FAULT, NULL, "trouble", "what=evacuate error=%s", log_safe(strerror(errno)));
		return MSG_ETRN_LATER;
	}
	n = mem_new(struct node);
	n->taker = t;
	snprintf(n->client, sizeof(n->client), "%s", p->client);
	n->fd = pair[0];
	buf_init(&n->in, EVACUATE_PIECE);
	buf_init(&n->out, OUT_MAX);
	n->io = loop_io_new(t->boot->loop, n->fd, LOOP_READ, on_io, n);
	n->patience = loop_timer_new(t->boot->loop, on_late, n);
	loop_timer_set(n->patience, EVACUATE_PATIENCE_MS);
	LIST_INSERT_HEAD(&t->nodes, n, link);
	t->count++;
	*fd = pair[1];
	return MSG_ETRN_STARTED;
}

void
evacuate_taker_end(struct evacuate_taker *t)
{
	struct node *n, *next;

	t->ended = true;
	LIST_FOREACH_SAFE(n, &t->nodes, link, next)
		if (n->fd != -1)
			end_node(n);
}

struct evacuate_taker *
evacuate_taker_new(struct boot *b, struct pool *pool, struct spool *spool, struct move_taker *moves)
{
	struct evacuate_taker *t = mem_new(struct evacuate_taker);

	t->boot = b;
	t->spool = spool;
	t->moves = moves;
	t->lane = pool_lane_new(pool, 2, 1, run_step, after_step, t);
	LIST_INIT(&t->nodes);
	LIST_INIT(&t->arrivals);
	return t;
}

void
evacuate_taker_free(struct evacuate_taker *t)
{
	struct arrival *a;
	struct node *n;

	if (t == NULL)
		return;
	while ((a = LIST_FIRST(&t->arrivals)) != NULL)
		free_arrival(a);
	while ((n = LIST_FIRST(&t->nodes)) != NULL)
		free_node(n);
	free(t);
}
