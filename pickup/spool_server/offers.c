/*
 * offers - messages that are offered to the next hop before they are stored (acknowledge = safe): the client
 * hears 250 when a host has its message or the disk has it, whichever is first
 *
 * Runs in:  pickup: made on the threads of the channels; verdicts are heard on one thread, what is late is
 *           committed on others; begun and ended on the loop
 * Owns:     the channel to deliver; drafts from offers_make until deliver was told what became of them
 * Promise:  a draft waits OFFER_MS for its verdict at most, and then is committed with all that are due. When
 *           deliver ends they are due at once. When offers are in vain, most messages are not offered
 * Fails by: storing, as without it
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/msg/msg_offer.h"
#include "common/spool/spool_offer.h"
#include "pickup/spool_server/spool_server.h"

#define OFFER_MS 10
#define TOGETHER_MS 2		/* what is due so soon is committed now, with what is due */
#define STORERS 2		/* one syncs while the next one gathers */
#define VAIN_MAX 64		/* so many in a row came to nothing: */
#define VAIN_TRY 16		/* then one of so many is offered */

struct offer {
	TAILQ_ENTRY(offer) link;	/* while it is open, in order of deadline */
	enum offer_state state;
	uint32_t request;		/* on the channel to deliver */
	uint64_t deadline;		/* monotonic ms; 0: now */
	struct spool_draft *draft;
	struct message_channel *channel;
	uint32_t asked;			/* the request there */
	unsigned actions;
	char words[MSG_SPOOL_WORDS];
};

struct offers {
	struct enqueue *enqueue;
	struct counters *counters;
	struct loop_waker *waker;
	void (*need)(void *arg);
	void *arg;
	uint64_t patience_ms;
	pthread_t hearer, storer[STORERS];
	bool hears;			/* the hearer is to be joined */
	unsigned storers;
	pthread_mutex_t turn;		/* of the storers: one waits for what is due */
	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t due;
	int fd;				/* -1: there is no deliver */
	bool ended, at_rest;		/* at_rest: a storer waits for no time */
	uint32_t request;
	unsigned vain, skipped;
	struct offer *slot[MSG_OFFER_MAX];	/* by request */
	TAILQ_HEAD(offer_list, offer) open;
};

/* --- with the lock --- */

static void
apply_event(struct offers *o, struct offer *f, enum offer_event event)
{
	bool was_open = f->state == OFFER_OPEN;

	f->actions = offer_state_step(&f->state, event);
	if (was_open && (f->state != OFFER_OPEN || (f->actions & OFFER_HURRY)))
		TAILQ_REMOVE(&o->open, f, link);
	if (f->state == OFFER_OVER)
		o->slot[f->request % MSG_OFFER_MAX] = NULL;
	if (f->actions & OFFER_HURRY) {
		f->deadline = 0;
		TAILQ_INSERT_HEAD(&o->open, f, link);
		pthread_cond_signal(&o->due);
	}
}

/* False: a slot that is still in use, or deliver does not read: it is stored. */
static bool
make_offer(struct offers *o, struct message_channel *k, struct enqueue_file *file, uint32_t asked)
{
	struct msg_offer offer;
	struct offer *f;

	if (o->slot[(o->request + 1) % MSG_OFFER_MAX] != NULL)
		return false;
	memcpy(offer.id, file->id, sizeof(offer.id));
	if (ctl_send_on(o->fd, CTL_OFFER, o->request + 1, &offer, sizeof(offer), spool_draft_fd(file->draft),
	    MSG_DONTWAIT) == -1)
		return false;
	f = mem_new(struct offer);
	f->request = ++o->request;
	f->deadline = clock_mono_ms() + o->patience_ms;
	f->draft = file->draft;
	f->channel = k;
	f->asked = asked;
	file->draft = NULL;
	message_channel_keep(k);
	o->slot[f->request % MSG_OFFER_MAX] = f;
	TAILQ_INSERT_TAIL(&o->open, f, link);
	return true;
}

static bool
is_wanted(struct offers *o, const struct enqueue_file *file)
{
	return file->draft != NULL && spool_draft_error(file->draft) == 0 && o->fd != -1 &&
	    (o->vain < VAIN_MAX || ++o->skipped % VAIN_TRY == 0);
}

void
offers_make(struct offers *o, struct message_channel *k, struct enqueue_file *file,
    const struct msg_spool_queued *answer, size_t n)
{
	bool made = false;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < n; i++)
		if (is_wanted(o, &file[i]))
			made |= make_offer(o, k, &file[i], answer[i].request);
	if (made && o->at_rest)
		pthread_cond_signal(&o->due);
	pthread_mutex_unlock(&o->lock);
	if (made)
		disk_crash_point("offer-made");
}

/* --- what is said, without the lock: by the one thread that has just ended these offers --- */

struct saying {
	struct message_channel *channel;	/* of the answers; NULL: there are none */
	struct msg_spool_queued answer[MSG_SPOOL_BATCH];
	size_t count;
	struct offer *over[MSG_SPOOL_BATCH];	/* told afterwards */
	size_t ended;
};

static void
tell_deliver(struct offers *o, const struct offer *f)
{
	struct msg_offer_over over = { .stored = (f->actions & OFFER_TELL_STORED) != 0 };

	pthread_mutex_lock(&o->lock);
	/* One that does not read finds out by the end of the channel, and by what is in the queue. */
	if (o->fd != -1 && ctl_send_on(o->fd, CTL_OFFER_OVER, f->request, &over, sizeof(over), -1,
	    MSG_DONTWAIT) == -1)
		shutdown(o->fd, SHUT_RDWR);
	pthread_mutex_unlock(&o->lock);
}

static void
end_saying(struct offers *o, struct saying *s)
{
	if (s->channel != NULL) {
		message_channel_answer(s->channel, s->answer, s->count);
		message_channel_leave(s->channel);
		disk_crash_point("offer-answered");
	}
	for (size_t i = 0; i < s->ended; i++) {
		struct offer *f = s->over[i];

		tell_deliver(o, f);
		spool_draft_free(f->draft);	/* removes the file when it is not in the queue */
		message_channel_leave(f->channel);
		free(f);
	}
	s->channel = NULL;
	s->count = s->ended = 0;
}

static void
add_answer(struct offers *o, struct saying *s, struct message_channel *k, uint32_t asked, int error)
{
	if (s->channel != k || s->count == nitems_of(s->answer)) {
		end_saying(o, s);
		s->channel = k;
		message_channel_keep(k);
	}
	s->answer[s->count++] = (struct msg_spool_queued){ .request = asked, .error = error };
}

/* An offer that is over is this thread's alone. */
static void
say(struct offers *o, struct saying *s, struct offer *f)
{
	if (f->actions & (OFFER_SAY_ACCEPTED | OFFER_SAY_ERROR))
		add_answer(o, s, f->channel, f->asked,
		    f->actions & OFFER_SAY_ERROR ? spool_draft_error(f->draft) : 0);
	else if (f->actions & OFFER_SAY_REFUSED)
		message_channel_refuse(f->channel, f->asked, f->words);
	if (s->ended == nitems_of(s->over))
		end_saying(o, s);
	s->over[s->ended++] = f;
}

/* --- the hearer --- */

static enum offer_event
event_of(uint32_t what)
{
	return what == MSG_OFFER_TAKEN ? OFFER_TAKEN : what == MSG_OFFER_REFUSED ? OFFER_REFUSED :
	    OFFER_PUT_OFF;
}

/* False: malformed. */
static bool
take_verdict(struct offers *o, struct saying *s, const struct ctl_message *m)
{
	struct msg_offer_verdict v;
	struct message_channel *k = NULL;
	struct offer *f;
	uint32_t asked = 0;

	if (m->type != CTL_OFFER_VERDICT)
		return false;
	memcpy(&v, m->data, sizeof(v));
	v.words[sizeof(v.words) - 1] = '\0';
	pthread_mutex_lock(&o->lock);
	f = o->slot[m->request % MSG_OFFER_MAX];
	if (f == NULL || f->request != m->request) {	/* it was stored meanwhile */
		pthread_mutex_unlock(&o->lock);
		return true;
	}
	o->vain = v.what == MSG_OFFER_PUT_OFF ? o->vain + 1 : 0;
	memcpy(f->words, v.words, sizeof(f->words));
	apply_event(o, f, event_of(v.what));
	if (f->state == OFFER_SAID && f->actions != 0) {	/* a storer has it, and may end it */
		k = f->channel;
		asked = f->asked;
		message_channel_keep(k);
		f = NULL;
	} else if (f->state != OFFER_OVER) {
		f = NULL;
	}
	pthread_mutex_unlock(&o->lock);
	if (f != NULL && v.what == MSG_OFFER_TAKEN)
		counters_add(o->counters, COUNTER_PASSED, 1);
	if (f != NULL) {
		disk_crash_point("offer-taken");
		say(o, s, f);
	}
	if (k == NULL)
		return true;
	add_answer(o, s, k, asked, 0);
	message_channel_leave(k);
	return true;
}

static void
lose_channel(struct offers *o)
{
	pthread_mutex_lock(&o->lock);
	close(o->fd);
	o->fd = -1;
	for (size_t i = 0; i < nitems_of(o->slot); i++)
		if (o->slot[i] != NULL)
			apply_event(o, o->slot[i], OFFER_GONE);
	pthread_mutex_unlock(&o->lock);
	loop_waker_wake(o->waker);
}

/* Verdicts that are there together are answered together. */
static void *
run_hearer(void *arg)
{
	struct offers *o = arg;
	struct saying *s = mem_new(struct saying);
	char *space = mem_zalloc(sizeof(struct msg_offer_verdict));
	struct ctl_message m;
	int rc;

	for (;;) {
		rc = (s->ended + s->count == 0 ? ctl_recv_now : ctl_recv_next)(o->fd, CTL_FROM_HELPER, &m,
		    space, sizeof(struct msg_offer_verdict));
		if (rc == -1 && errno == EAGAIN) {
			end_saying(o, s);
			continue;
		}
		if (rc == -1 && errno == ECONNRESET)
			continue;	/* an offer was left unread; verdicts come yet */
		if (rc == 1 && take_verdict(o, s, &m))
			continue;
		if (rc == 1 || (rc == -1 && errno == EBADMSG))
			log_event(LOG_WARN, NULL, "trouble", "part=deliver reason=%s",
			    log_safe("sent a malformed message"));
		break;
	}
	end_saying(o, s);
	lose_channel(o);
	free(space);
	free(s);
	return NULL;
}

/* --- the storers --- */

static void
wait_until(struct offers *o, uint64_t deadline)
{
	struct timespec at = { .tv_sec = (time_t)(deadline / 1000),
	    .tv_nsec = (long)(deadline % 1000) * 1000000 };

	pthread_cond_timedwait(&o->due, &o->lock, &at);
}

/* With the lock: waits for what is due, and takes all of it. 0: there will be none. */
static size_t
take_due(struct offers *o, struct offer **list)
{
	struct offer *f;
	size_t n = 0;

	for (;;) {
		uint64_t now = clock_mono_ms();

		while (n < ENQUEUE_BATCH && (f = TAILQ_FIRST(&o->open)) != NULL &&
		    (o->ended || f->deadline <= now + (n > 0 ? TOGETHER_MS : 0))) {
			o->vain += f->deadline > 0;
			apply_event(o, f, OFFER_STORE);
			list[n++] = f;
		}
		if (n > 0 || o->ended)
			return n;
		o->at_rest = f == NULL;
		if (f == NULL)
			pthread_cond_wait(&o->due, &o->lock);
		else
			wait_until(o, f->deadline);
		o->at_rest = false;
	}
}

static void
store(struct offers *o, struct saying *s, struct offer **list, size_t n)
{
	struct spool_draft *draft[ENQUEUE_BATCH];

	for (size_t i = 0; i < n; i++)
		draft[i] = list[i]->draft;
	enqueue_turn_begin(o->enqueue);
	enqueue_commit(o->enqueue, draft, n);
	enqueue_turn_end(o->enqueue);
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < n; i++)
		apply_event(o, list[i], spool_draft_error(draft[i]) == 0 ? OFFER_STORED : OFFER_FAILED);
	pthread_mutex_unlock(&o->lock);
	for (size_t i = 0; i < n; i++)
		say(o, s, list[i]);
	end_saying(o, s);
}

static void *
run_storer(void *arg)
{
	struct offers *o = arg;
	struct saying *s = mem_new(struct saying);
	struct offer *list[ENQUEUE_BATCH];
	size_t n;

	for (;;) {
		pthread_mutex_lock(&o->turn);
		pthread_mutex_lock(&o->lock);
		n = take_due(o, list);
		pthread_mutex_unlock(&o->lock);
		pthread_mutex_unlock(&o->turn);
		if (n == 0)
			break;
		store(o, s, list, n);
	}
	free(s);
	return NULL;
}

/* --- on the loop --- */

static void
on_lost(void *arg)
{
	struct offers *o = arg;

	if (!o->hears)
		return;
	pthread_join(o->hearer, NULL);
	o->hears = false;
	o->need(o->arg);
}

static bool
start_storers(struct offers *o)
{
	while (o->storers < STORERS && pool_thread(&o->storer[o->storers], run_storer, o) == 0)
		o->storers++;
	return o->storers > 0;
}

void
offers_channel(struct offers *o, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	/* The hearer waits; one channel is enough. */
	if (o->hears || !start_storers(o) || flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&o->lock);
	o->fd = fd;
	pthread_mutex_unlock(&o->lock);
	o->hears = pool_thread(&o->hearer, run_hearer, o) == 0;
	if (!o->hears)
		lose_channel(o);
}

struct offers *
offers_new(struct loop *loop, struct enqueue *enqueue, struct counters *counters, void (*need)(void *arg),
    void *arg)
{
	struct offers *o = mem_new(struct offers);
	pthread_condattr_t attr;

	o->enqueue = enqueue;
	o->counters = counters;
	o->need = need;
	o->arg = arg;
	o->patience_ms = OFFER_MS;
#ifdef POSTERN_TEST
	if (getenv("POSTERN_OFFER_MS") != NULL)
		o->patience_ms = (uint64_t)atoi(getenv("POSTERN_OFFER_MS"));
#endif
	o->fd = -1;
	TAILQ_INIT(&o->open);
	o->waker = loop_waker_new(loop, on_lost, o);
	pthread_mutex_init(&o->turn, NULL);
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->due, &attr);
	pthread_condattr_destroy(&attr);
	need(arg);
	return o;
}

void
offers_free(struct offers *o)
{
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	o->ended = true;
	pthread_cond_broadcast(&o->due);
	pthread_mutex_unlock(&o->lock);
	for (unsigned i = 0; i < o->storers; i++)
		pthread_join(o->storer[i], NULL);
	pthread_mutex_lock(&o->lock);
	if (o->fd != -1)
		shutdown(o->fd, SHUT_RDWR);
	pthread_mutex_unlock(&o->lock);
	if (o->hears)
		pthread_join(o->hearer, NULL);
	loop_waker_free(o->waker);
	pthread_cond_destroy(&o->due);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->turn);
	free(o);
}
