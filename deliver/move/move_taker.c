/*
 * move_taker - puts messages that other virtual servers and nodes hand over into the queue of this one
 *
 * Runs in:  deliver, on the loop; files are written on a pool thread
 * Owns:     the channels of the others, and the descriptors that came
 * Promise:  an answer without error comes after the message is on disk here. Who hands over is not trusted:
 *           what comes is parsed and written anew, and may not use the reserve of the file system. One
 *           channel brings one page of messages, and no more. The master says when it is over
 * Fails by: errno in the answer
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl_server.h"
#include "common/mail/address.h"
#include "common/msg/msg_move.h"
#include "common/process/pool.h"
#include "deliver/move/move.h"

#define BATCH 32

struct move_taker {
	struct boot *boot;
	struct spool *spool;
	struct pool_lane *lane;
	struct ctl_server_list channels;
	TAILQ_HEAD(, coming) all;
	size_t writing;			/* so many are with the pool */
	int barred;			/* errno of each answer; 0: it takes */
	void (*taken)(void *arg, const struct spool_entry *entry);
	void *arg;
	void (*idle)(void *arg);	/* NULL: it does not end */
	void *idle_arg;
};

struct coming {
	struct ctl_server_question open;
	TAILQ_ENTRY(coming) link;
	struct move_taker *taker;
	struct spool_move file;
	bool writing;
	struct spool_entry met;		/* as the scan has met it, and left it alone; no id: it has not */
	char from[sizeof(((struct ctl_channel *)NULL)->server)];
	void (*done)(void *arg, const struct spool_move *m);	/* NULL: it came on a channel */
	void *arg;
};

static void
free_coming(struct coming *c)
{
	TAILQ_REMOVE(&c->taker->all, c, link);
	spool_move_close(&c->file);
	free(c);
}

static void
answer(struct coming *c, int error)
{
	struct msg_move_answer a = { .error = error };

	if (c->done != NULL)
		c->done(c->arg, &c->file);
	if (c->open.server != NULL)
		ctl_server_answer(c->open.server, CTL_MOVE_ANSWER, c->open.request, &a, sizeof(a), -1);
	ctl_server_close(&c->open);
	free_coming(c);
}

/* --- on a thread --- */

/* From now on the file may grow: it is held to this size. */
static int
judge_file(struct spool_move *m)
{
	struct stat st;

	if (fstat(m->fd, &st) == -1)
		return errno;
	m->most = st.st_size;
	return S_ISREG(st.st_mode) ? 0 : EBADMSG;
}

/* The room is looked at once a batch: what was taken of it is counted. */
static int
judge_room(const struct config_server *server, struct spool_room *room, uint64_t size)
{
	if (size > room->bytes_free)
		return ENOSPC;
	room->bytes_free -= size;
	return spool_room_is_short(room, (unsigned)server->disk_reserve, server->max_message_size, false) ?
	    ENOSPC : 0;
}

/* As a client would be told. Its local recipients that are done do not count. */
static int
judge_recipients(void *arg, const struct message_envelope *e)
{
	const struct config_server *server = arg;

	for (size_t i = 0; i < e->nrcpt; i++) {
		const struct config_domain *d;
		struct address a;

		if (e->rcpt[i].mark != MARK_PENDING || address_from_text(&a, e->rcpt[i].address) == -1)
			continue;
		d = config_domain_find(server, address_domain(&a));
		if (d != NULL && d->type != CONFIG_DOMAIN_REMOTE)
			return EDQUOT;
	}
	return 0;
}

/* A maintenance process has no drop folder: what it takes waits in the queue. */
static bool
is_drop_full(struct move_taker *t)
{
	uint64_t quota = t->boot->server->default_domain->drop_quota;
	int64_t size = quota != CONFIG_UNLIMITED ? spool_drop_size(t->spool) : 0;

	return size > 0 && (uint64_t)size >= quota;
}

static void
run_take(void *arg, void **jobs, size_t n)
{
	struct move_taker *t = arg;
	struct spool_move *moves[BATCH];
	struct spool_room room;
	bool known = spool_room(t->spool, &room) == 0;

	for (size_t i = 0; i < n; i++) {
		moves[i] = &((struct coming *)jobs[i])->file;
		moves[i]->error = judge_file(moves[i]);
		if (moves[i]->error == 0 && known)
			moves[i]->error = judge_room(t->boot->server, &room, (uint64_t)moves[i]->most);
	}
	spool_move_take(t->spool, moves, n, is_drop_full(t) ? judge_recipients : NULL,
	    mem_unconst(t->boot->server));
}

/* --- back on the loop --- */

static void
check_idle(struct move_taker *t)
{
	void (*idle)(void *arg) = t->idle;

	if (idle == NULL || t->writing > 0)
		return;
	t->idle = NULL;
	idle(t->idle_arg);
}

static void
on_taken(void *arg, void *job)
{
	struct move_taker *t = arg;
	struct coming *c = job;
	struct spool_entry entry = { .due = clock_wall_us() / 1000000, .held = c->file.held };
	bool came = c->file.error == 0 && !c->file.known;
	const struct spool_entry *told = came ? &entry : c->met.id[0] != '\0' ? &c->met : NULL;

	t->writing--;
	c->writing = false;
	memcpy(entry.id, c->file.id, sizeof(entry.id));
	if (c->file.afar)
		entry.due = c->file.due;
	else if (came)
		log_event(LOG_FACT, entry.id, "moved", "from=%s", log_safe(c->from));
	if (told != NULL)
		t->taken(t->arg, told);
	answer(c, c->file.error);
	check_idle(t);
}

/*
 * The scan may meet a message before its note is there: tried then, it would have no reason for what has
 * failed, and what is written of it would be overwritten.
 */
bool
move_taker_is_writing(struct move_taker *t, const struct spool_entry *entry)
{
	struct coming *c;

	TAILQ_FOREACH(c, &t->all, link)
		if (c->writing && strcmp(c->file.id, entry->id) == 0) {
			c->met = *entry;
			return true;
		}
	return false;
}

static struct coming *
add_coming(struct move_taker *t)
{
	struct coming *c = mem_new(struct coming);

	c->taker = t;
	c->file = SPOOL_MOVE_INIT;
	TAILQ_INSERT_TAIL(&t->all, c, link);
	return c;
}

static void
submit(struct move_taker *t, struct coming *c)
{
	c->writing = true;
	t->writing++;
	pool_submit(t->lane, c);
}

int
move_taker_put(struct move_taker *t, const struct spool_move *m,
    void (*done)(void *arg, const struct spool_move *m), void *arg)
{
	struct coming *c;

	if (t->barred != 0)
		return t->barred;
	c = add_coming(t);
	c->file = *m;
	c->done = done;
	c->arg = arg;
	submit(t, c);
	return 0;
}

/* --- channels --- */

static struct coming *
open_coming(struct move_taker *t, struct ctl_server *s, uint32_t request)
{
	struct coming *c = add_coming(t);

	snprintf(c->from, sizeof(c->from), "%s", ctl_server_server(s));
	ctl_server_open(s, &c->open, request);
	return c;
}

static bool
put(struct move_taker *t, struct coming *c, const struct ctl_message *m)
{
	struct msg_move_put p;

	if (!msg_move_take_put(&p, m))
		return false;
	memcpy(c->file.id, p.id, sizeof(c->file.id));
	c->file.held = p.held != 0;
	c->file.fd = ctl_take_fd(m);
	if (t->barred != 0) {
		answer(c, t->barred);
		return true;
	}
	submit(t, c);
	return true;
}

static bool
on_asked(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct move_taker *t = arg;
	struct coming *c = (struct coming *)ctl_server_find(s, m->request);

	if ((c != NULL && (c->writing || m->type == CTL_MOVE_NOTE)) || (c == NULL && ctl_server_is_full(s)))
		return false;
	if (c == NULL)
		c = open_coming(t, s, m->request);
	if (m->type == CTL_MOVE_PUT)
		return put(t, c, m);
	c->file.note = ctl_take_fd(m);
	return c->file.note != -1;
}

static void
on_left(struct ctl_server_question *open)
{
	struct coming *c = (struct coming *)open;

	if (!c->writing)
		free_coming(c);
}

static const struct ctl_server_kind kind = {
	.part = "move", .questions_max = MSG_MOVE_OPEN_MAX, .life_max = MSG_MOVE_PAGE_MAX,
	.asked = on_asked, .left = on_left,
};

void
move_taker_channel(struct move_taker *t, const struct ctl_message *m)
{
	struct ctl_channel of;

	memcpy(&of, m->data, sizeof(of));
	of.server[sizeof(of.server) - 1] = '\0';
	of.role[sizeof(of.role) - 1] = '\0';
	if (m->fd != -1)
		ctl_server_number(ctl_server_new(&t->channels, &kind, ctl_take_fd(m), &of), m->request);
	else
		ctl_server_list_end(&t->channels, m->request);
}

/* --- begin and end --- */

void
move_taker_open(struct move_taker *t)
{
	if (t->barred == EAGAIN)
		t->barred = 0;
}

void
move_taker_end(struct move_taker *t, void (*idle)(void *arg), void *arg)
{
	t->barred = ESHUTDOWN;
	t->idle = idle;
	t->idle_arg = arg;
	check_idle(t);
}

struct move_taker *
move_taker_new(struct boot *b, struct pool *pool, struct spool *spool,
    void (*taken)(void *arg, const struct spool_entry *entry), void *arg)
{
	struct move_taker *t = mem_new(struct move_taker);

	t->boot = b;
	t->spool = spool;
	t->barred = EAGAIN;
	t->taken = taken;
	t->arg = arg;
	t->lane = pool_lane_new(pool, 1, BATCH, run_take, on_taken, t);
	TAILQ_INIT(&t->all);
	ctl_server_list_init(&t->channels, b->loop, t);
	return t;
}

void
move_taker_free(struct move_taker *t)
{
	struct coming *c;

	ctl_server_list_done(&t->channels);
	while ((c = TAILQ_FIRST(&t->all)) != NULL)
		free_coming(c);
	free(t);
}
