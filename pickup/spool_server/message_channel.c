/*
 * message_channel - takes whole messages of a listener off their channel and writes them: who waits for the
 * disk reads the channel, so that no message goes from thread to thread
 *
 * Runs in:  pickup: threads of its own, one or two a channel; begun and ended on the loop
 * Owns:     the worker's end of each channel; what its threads have read
 * Promise:  while the disk is waited for, the channel is the queue. A message is answered after file and name
 *           are on disk, or by `offers`; one that was read is written, also when its listener has gone.
 *           One that does not read its answers stops its own messages only
 * Fails by: the end of the channel, for which its listener asks anew
 */
#include <assert.h>
#include <bsd/string.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_wire.h"
#include "common/msg/msg_spool.h"
#include "pickup/spool_server/spool_server.h"

/*
 * Where one batch is committed at a time one thread does all: a second one would only wait for its turn with
 * what it has read, and to wake it costs more than it saves. Else one syncs while the other one writes.
 */
#define THREADS 2
#define CHANNELS_MAX 128	/* as many as twice the listeners of a virtual server: around a reload */
#define SPACE (768U << 10)	/* what one thread reads at most before it writes */
#define SOCKET_ROOM (1 << 20)	/* of it the kernel gives what it allows */

static_assert(ENQUEUE_BATCH <= MSG_SPOOL_BATCH, "one commit is one answer");
static_assert(SPACE >= sizeof(struct msg_spool_put), "the largest message can be read");

struct message_channel {
	LIST_ENTRY(message_channel) link;
	struct message_channel_list *list;
	int fd;
	pthread_t thread[THREADS];
	unsigned started;
	atomic_uint running;		/* threads, and what offers have of it */
	void (*over)(void *arg);
	void *arg;
};

struct message_channel_list {
	struct enqueue *enqueue;
	struct offers *offers;		/* NULL: nothing is offered */
	struct loop_waker *waker;
	LIST_HEAD(, message_channel) channels;
	size_t count;
};

/* What one commit is for. */
struct portion {
	struct enqueue_file file[ENQUEUE_BATCH];
	struct msg_spool_queued answer[ENQUEUE_BATCH];
	size_t count, used;
	bool last;		/* the channel is over */
	char space[SPACE];
};

/* --- on its threads --- */

/* A message that was just read; false: it is malformed. */
static bool
add_message(struct portion *p, const struct ctl_message *m)
{
	struct enqueue_file *f = &p->file[p->count];

	if (m->type != CTL_SPOOL_PUT || !msg_spool_id(f->id, m->data, m->len))
		return false;
	f->data = (const char *)m->data + MESSAGE_ID_SIZE;
	f->len = m->len - MESSAGE_ID_SIZE;
	p->answer[p->count++].request = m->request;
	p->used += m->len;
	return true;
}

/*
 * One after the other, however far apart they were received. Those of other channels have descriptors, which
 * are closed.
 */
static bool
add_messages(struct portion *p, struct ctl_message *m, size_t n)
{
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		char *space = p->space + p->used;

		if (m[i].fd != -1) {
			close(m[i].fd);
			good = false;
		}
		if (!good)
			continue;
		if (m[i].data != space)
			memmove(space, m[i].data, m[i].len);
		m[i].data = space;
		good = add_message(p, &m[i]);
	}
	return good;
}

/* How many more there is surely room for. */
static size_t
room_of(const struct portion *p)
{
	return MIN(ENQUEUE_BATCH - p->count, (SPACE - p->used) / sizeof(struct msg_spool_put));
}

/* Waits for the first message, and takes what others are there. */
static void
read_more(struct message_channel *k, struct portion *p)
{
	struct ctl_message m[CTL_WIRE_MANY];
	size_t room, n;
	bool good;
	int rc;

	while (!p->last && (room = MIN(room_of(p), CTL_WIRE_MANY)) > 0) {
		n = ctl_wire_recv_many(k->fd, CTL_FROM_CLIENT, m, room, p->space + p->used,
		    sizeof(struct msg_spool_put), p->count == 0, &rc);
		good = add_messages(p, m, n);
		if (good && ((rc == 1 && n < room) || (rc == -1 && errno == EAGAIN)))
			break;
		if (good && (rc == 1 || (rc == -1 && errno == ECONNRESET)))
			continue;	/* an answer was left unread; what was sent before comes yet */
		if (!good || (rc == -1 && errno == EBADMSG))
			log_event(LOG_WARN, NULL, "trouble", "part=pickup role=listener reason=%s",
			    log_safe("sent a malformed message"));
		p->last = true;
	}
}

/* False: there will be none. */
static bool
read_portion(struct message_channel *k, struct portion *p)
{
	p->count = p->used = 0;
	read_more(k, p);
	return p->count > 0;
}

/*
 * Those that offers take are answered by them; the rest is committed now, and moves to the front with its
 * answers.
 */
static void
offer_portion(struct message_channel *k, struct portion *p)
{
	struct enqueue *enqueue = k->list->enqueue;
	struct spool_draft *draft[ENQUEUE_BATCH];
	size_t drafts = 0, count = 0;
	bool whole[ENQUEUE_BATCH];	/* it has nothing to be offered */

	enqueue_write(enqueue, p->file, p->count);
	for (size_t i = 0; i < p->count; i++)
		whole[i] = p->file[i].draft == NULL;
	offers_make(k->list->offers, k, p->file, p->answer, p->count);
	for (size_t i = 0; i < p->count; i++) {
		if (p->file[i].draft == NULL && !whole[i])
			continue;
		if (!whole[i])
			draft[drafts++] = p->file[i].draft;
		p->file[count] = p->file[i];
		p->answer[count++].request = p->answer[i].request;
	}
	enqueue_commit(enqueue, draft, drafts);
	for (size_t i = 0; i < count; i++) {
		if (p->file[i].draft == NULL)
			continue;
		p->file[i].error = spool_draft_error(p->file[i].draft);
		spool_draft_free(p->file[i].draft);
	}
	p->count = count;
}

/* False: nobody hears it. */
static bool
answer_portion(struct message_channel *k, struct portion *p)
{
	if (p->count == 0)
		return true;
	for (size_t i = 0; i < p->count; i++)
		p->answer[i].error = p->file[i].error;
	return ctl_send_now(k->fd, CTL_SPOOL_QUEUED, 0, p->answer, p->count * sizeof(p->answer[0])) == 0;
}

static void *
run_channel(void *arg)
{
	struct message_channel *k = arg;
	struct message_channel_list *l = k->list;
	struct portion *p = mem_new(struct portion);

	while (read_portion(k, p)) {
		if (enqueue_turn_begin(l->enqueue))
			read_more(k, p);
		if (l->offers != NULL)
			offer_portion(k, p);
		else
			enqueue_now(l->enqueue, p->file, p->count);
		enqueue_turn_end(l->enqueue);
		p->last |= !answer_portion(k, p);
	}
	free(p);
	shutdown(k->fd, SHUT_RDWR);		/* for the other thread, and for the listener */
	message_channel_leave(k);
	return NULL;
}

/* --- for offers --- */

void
message_channel_keep(struct message_channel *k)
{
	atomic_fetch_add(&k->running, 1);
}

void
message_channel_leave(struct message_channel *k)
{
	struct loop_waker *waker = k->list->waker;

	if (atomic_fetch_sub(&k->running, 1) == 1)
		loop_waker_wake(waker);		/* the loop may free k */
}

static void
send_now(struct message_channel *k, enum ctl_type type, uint32_t request, const void *data, size_t len)
{
	if (ctl_send_on(k->fd, type, request, data, len, -1, MSG_DONTWAIT) == -1)
		shutdown(k->fd, SHUT_RDWR);
}

void
message_channel_answer(struct message_channel *k, const struct msg_spool_queued *answer, size_t n)
{
	send_now(k, CTL_SPOOL_QUEUED, 0, answer, n * sizeof(*answer));
}

void
message_channel_refuse(struct message_channel *k, uint32_t request, const char *words)
{
	struct msg_spool_refused refused = { .words = "" };

	strlcpy(refused.words, words, sizeof(refused.words));
	send_now(k, CTL_SPOOL_REFUSED, request, &refused, sizeof(refused));
}

/* --- on the loop --- */

/* Its threads have ended or will. */
static void
join_threads(struct message_channel *k)
{
	while (k->started > 0)
		pthread_join(k->thread[--k->started], NULL);
}

static void
free_channel(struct message_channel *k)
{
	join_threads(k);
	close(k->fd);
	LIST_REMOVE(k, link);
	k->list->count--;
	free(k);
}

static void
end_channel(struct message_channel *k)
{
	void (*over)(void *) = k->over;
	void *arg = k->arg;

	free_channel(k);
	over(arg);
}

static void
reap_channels(void *arg)
{
	struct message_channel_list *l = arg;
	struct message_channel *k, *next;

	LIST_FOREACH_SAFE(k, &l->channels, link, next)
		if (atomic_load(&k->running) == 0)
			end_channel(k);
}

/* As many threads as there can be; false: none. */
static bool
start_threads(struct message_channel *k)
{
	unsigned wanted = enqueue_takes_turns(k->list->enqueue) ? 1 : THREADS;

	atomic_init(&k->running, wanted);
	while (k->started < wanted && pool_thread(&k->thread[k->started], run_channel, k) == 0)
		k->started++;
	atomic_fetch_sub(&k->running, wanted - k->started);
	return k->started > 0;
}

struct message_channel *
message_channel_open(struct message_channel_list *l, int *listener_end, void (*over)(void *arg),
    void *arg)
{
	struct message_channel *k;
	int pair[2], room = SOCKET_ROOM;

	if (l->count >= CHANNELS_MAX) {
		errno = EAGAIN;
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return NULL;
	for (int i = 0; i < 2; i++)
		(void)!setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	k = mem_new(struct message_channel);
	k->list = l;
	k->fd = pair[0];
	k->over = over;
	k->arg = arg;
	LIST_INSERT_HEAD(&l->channels, k, link);
	l->count++;
	if (start_threads(k)) {
		*listener_end = pair[1];
		return k;
	}
	close(pair[1]);
	free_channel(k);
	errno = EAGAIN;
	return NULL;
}

void
message_channel_end(struct message_channel *k)
{
	shutdown(k->fd, SHUT_RDWR);
}

bool
message_channel_list_is_empty(const struct message_channel_list *l)
{
	return l->count == 0;
}

struct message_channel_list *
message_channel_list_new(struct loop *loop, struct enqueue *enqueue, struct offers *offers)
{
	struct message_channel_list *l = mem_new(struct message_channel_list);

	l->enqueue = enqueue;
	l->offers = offers;
	l->waker = loop_waker_new(loop, reap_channels, l);
	LIST_INIT(&l->channels);
	return l;
}

void
message_channel_list_free(struct message_channel_list *l)
{
	struct message_channel *k;

	LIST_FOREACH(k, &l->channels, link)
		message_channel_end(k);
	LIST_FOREACH(k, &l->channels, link)
		join_threads(k);
	offers_free(l->offers);
	while ((k = LIST_FIRST(&l->channels)) != NULL)
		end_channel(k);
	loop_waker_free(l->waker);
	free(l);
}
