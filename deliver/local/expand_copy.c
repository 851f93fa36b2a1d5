/*
 * expand_copy - the message again, for the addresses that its recipients expand to
 *
 * Runs in:  deliver, on the loop; the queue is written by enqueue
 * Owns:     the lists of new recipients, the present part
 * Promise:  an address is listed once, and not when the message has it anyway, also not when members that
 *           were looked up later stand for it. The id of a part follows from the message and all recipients
 *           of the part: a repeat after a crash finds the same part in the queue and takes it as done. The
 *           age is that of the message. DSN parameters as in RFC 3461 5.2.7
 * Fails by: the copy's error; parts that are queued stay
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/enqueue.h"
#include "deliver/local/local.h"

/* Recipients of a part; outbound splits it further by max-recipients */
#define PART_MAX 5000
#define PIECE (64U << 10)

/* --- the lists --- */

/*
 * An item in lower case, and where it comes from; those that the message has already come first. A text about
 * a member has its kind in front, so that it equals no address.
 */
struct place {
	char *text;
	size_t order;
	size_t k;			/* recipient of the job; SIZE_MAX: the message has it already */
	const char *item;
	enum msg_directory_kind kind;
};

struct places { struct place *place; size_t count, room; };

static void
add_place(struct places *p, const char *item, size_t k, enum msg_directory_kind kind)
{
	bool member = kind == DIRECTORY_MEMBER || kind == DIRECTORY_FAULT;
	struct place *to;

	if (p->count == p->room) {
		p->room = p->room == 0 ? 64 : p->room * 2;
		p->place = mem_array(p->place, p->room, sizeof(*p->place));
	}
	to = &p->place[p->count];
	*to = (struct place){ .text = mem_printf("%.*s%s", member, (const char[]){ (char)kind, '\0' }, item),
	    .order = p->count, .k = k, .item = item, .kind = kind };
	p->count++;
	for (char *c = to->text; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
}

static int
by_text(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

static int
by_order(const void *a, const void *b)
{
	return ((const struct place *)a)->order < ((const struct place *)b)->order ? -1 : 1;
}

/* A recipient that stands for a member of its group does not stand for the group. */
static void
add_recipient(struct places *p, const struct message_recipient *r)
{
	if (r->refused == NULL && r->member == NULL)
		add_place(p, r->address, SIZE_MAX, DIRECTORY_FINAL);
	else
		add_place(p, r->refused != NULL ? r->refused : r->member, SIZE_MAX,
		    r->refused != NULL ? DIRECTORY_FAULT : DIRECTORY_MEMBER);
}

/*
 * All recipients of the message except those that this job expands. What became of each by now does not
 * matter, so that a repeat makes the same lists.
 */
static void
add_own(struct places *p, const struct expand_job *job)
{
	size_t k = 0;

	for (size_t i = 0; i < job->e->nrcpt; i++) {
		const struct message_recipient *r = &job->e->rcpt[i];

		while (k < job->count && job->index[k] < i)
			k++;
		if (k == job->count || job->index[k] != i || job->out[k].answer.result != DIRECTORY_LIST)
			add_recipient(p, r);
	}
}

/* `reports`: with the members that get no mail. */
static void
add_lists(struct places *p, const struct expand_job *job, bool reports)
{
	for (size_t k = 0; k < job->count; k++) {
		const struct msg_directory *a = &job->out[k].answer;
		const char *at = NULL, *text;
		enum msg_directory_kind kind;

		while (a->result == DIRECTORY_LIST && (text = msg_directory_next(a, &at, &kind)) != NULL)
			if (kind != DIRECTORY_FAULT || reports)
				add_place(p, text, k, kind);
	}
}

/*
 * One new address: NOTIFY is handed on. Several: without SUCCESS, which is reported as "expanded" here; when
 * nothing is left of it, NEVER.
 */
static unsigned
notify_for(const struct message_recipient *r, bool several)
{
	unsigned notify = r->notify;

	if (!several || (notify & NOTIFY_SUCCESS) == 0)
		return notify;
	notify &= ~(unsigned)NOTIFY_SUCCESS;
	return notify == 0 ? NOTIFY_NEVER : notify;
}

/* Into the list of final addresses, or into that of all others. */
static void
take_place(struct expand_copy *c, const struct expand_job *job, const struct place *from)
{
	const struct message_recipient *r = &job->e->rcpt[job->index[from->k]];
	bool member = from->kind == DIRECTORY_MEMBER || from->kind == DIRECTORY_FAULT;
	struct message_recipient *to = message_envelope_add(&c->list[from->kind == DIRECTORY_FINAL ? 0 : 1],
	    member ? r->address : from->item);

	to->notify = notify_for(r, job->out[from->k].copies > 1);
	to->orcpt = mem_strdup(r->orcpt);
	if (from->kind == DIRECTORY_MEMBER)
		to->member = mem_strdup(from->item);
	else if (from->kind == DIRECTORY_FAULT)
		to->refused = mem_strdup(from->item);
}

/* So that what members stand for later, or once an operator puts them back, does not get the mail again. */
static void
add_served(struct expand_copy *c, const struct expand_job *job)
{
	for (size_t i = 0; i < c->list[0].nrcpt; i++)
		message_envelope_add(&c->list[1], c->list[0].rcpt[i].address)->mark = MARK_DELIVERED;
	for (size_t i = 0; i < job->e->nrcpt; i++)
		if (job->e->rcpt[i].member == NULL && job->e->rcpt[i].refused == NULL)
			message_envelope_add(&c->list[1], job->e->rcpt[i].address)->mark = MARK_DELIVERED;
	c->served = c->list[1].nrcpt;
}

static void
take_places(struct expand_copy *c, const struct expand_job *job, struct places *p)
{
	const char *last = NULL;
	bool asked_again = false;

	if (p->count == 0)
		return;
	qsort(p->place, p->count, sizeof(*p->place), by_text);
	for (size_t i = 0; i < p->count; i++) {
		bool twice = last != NULL && strcmp(last, p->place[i].text) == 0;

		last = p->place[i].text;
		if (twice)
			p->place[i].k = SIZE_MAX;
	}
	qsort(p->place, p->count, sizeof(*p->place), by_order);
	for (size_t i = 0; i < p->count; i++) {
		const struct place *from = &p->place[i];

		if (from->k != SIZE_MAX && from->kind == DIRECTORY_FINAL)
			take_place(c, job, from);
		asked_again |= from->k != SIZE_MAX && (from->kind == DIRECTORY_MEMBER ||
		    from->kind == DIRECTORY_UNSURE || from->kind == DIRECTORY_FAULT);
	}
	if (asked_again)
		add_served(c, job);
	for (size_t i = 0; i < p->count; i++)
		if (p->place[i].k != SIZE_MAX && p->place[i].kind != DIRECTORY_FINAL)
			take_place(c, job, &p->place[i]);
}

struct expand_copy *
expand_copy_new(const struct expand_job *job, struct enqueue *enqueue, bool reports)
{
	struct expand_copy *c = mem_new(struct expand_copy);
	struct places p = { 0 };

	c->enqueue = enqueue;
	c->e = job->e;
	c->fd = job->fd;
	add_own(&p, job);
	add_lists(&p, job, reports);
	take_places(c, job, &p);
	for (size_t i = 0; i < p.count; i++)
		free(p.place[i].text);
	free(p.place);
	return c;
}

void
expand_copy_free(struct expand_copy *c)
{
	if (c == NULL)
		return;
	message_envelope_done(&c->list[0]);
	message_envelope_done(&c->list[1]);
	free(c);
}

/* --- parts --- */

static uint64_t
mix_text(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	while (*text++ != '\0');
	return h;
}

/* The second of the message's id, and 45 bits of a hash over the part. */
static void
make_id(const struct expand_copy *c, const struct message_envelope *part, char id[MESSAGE_ID_SIZE])
{
	uint64_t h = mix_text(14695981039346656037ULL, c->e->id);
	int64_t second = message_id_time_us(c->e->id) / 1000000 * 1000000;

	for (size_t i = 0; i < part->nrcpt; i++) {
		h = mix_text(h, part->rcpt[i].address);
		h = mix_text(h, part->rcpt[i].orcpt != NULL ? part->rcpt[i].orcpt : "");
		h = mix_text(h, part->rcpt[i].member != NULL ? part->rcpt[i].member : "");
		h = mix_text(h, part->rcpt[i].refused != NULL ? part->rcpt[i].refused : "");
		h = (h ^ part->rcpt[i].notify) * 1099511628211ULL;
	}
	h = (h ^ part->flags) * 1099511628211ULL;
	h ^= h >> 29;
	message_id_make(id, second + (int64_t)(h % 1000000), (uint32_t)(h >> 32));
}

static void next_part(struct expand_copy *c);

static void
on_part_queued(void *arg, int error, const char *id)
{
	struct expand_copy *c = arg;

	c->message = NULL;
	disk_crash_point("expand-part");
	if (error != 0 && error != EEXIST) {
		c->error = error;
		c->done(c->arg);
		return;
	}
	if (c->id[0] == '\0')
		memcpy(c->id, id, sizeof(c->id));
	if (error == 0 && c->queued != NULL)
		c->queued(c->queued_arg, id);
	next_part(c);
}

/* Copies pieces as fast as enqueue takes them. */
static void
go_on(void *arg)
{
	struct expand_copy *c = arg;
	char piece[PIECE];

	while (!enqueue_is_full(c->message)) {
		off_t left = c->e->content_size - c->copied;
		ssize_t n;

		if (left == 0) {
			enqueue_finish(c->message, on_part_queued, c);
			return;
		}
		n = disk_pread(c->fd, piece, left < (off_t)sizeof(piece) ? (size_t)left : sizeof(piece),
		    c->e->content_at + c->copied);
		if (n <= 0) {
			c->error = n == 0 ? EIO : errno;
			enqueue_discard(c->message);
			c->message = NULL;
			c->done(c->arg);
			return;
		}
		enqueue_add(c->message, piece, (size_t)n);
		c->copied += n;
	}
	enqueue_on_room(c->message, go_on, c);
}

/* The envelope of the part borrows the recipients of its list. */
static void
begin_part(struct expand_copy *c, size_t count)
{
	struct message_envelope *list = &c->list[c->which], part = *c->e;
	char id[MESSAGE_ID_SIZE];

	part.rcpt = list->rcpt + c->at;
	part.nrcpt = count;
	part.flags |= c->which == 0 ? MESSAGE_RESOLVED : 0;
	make_id(c, &part, id);
	c->at += count;
	c->copied = 0;
	c->message = enqueue_begin(c->enqueue, &part);
	if (c->message == NULL) {
		c->error = errno;
		c->done(c->arg);
		return;
	}
	enqueue_name(c->message, id);
	go_on(c);
}

static void
next_part(struct expand_copy *c)
{
	size_t left;

	while (c->which < nitems_of(c->list) && c->at == c->list[c->which].nrcpt) {
		c->which++;
		c->at = 0;
	}
	if (c->which == nitems_of(c->list)) {
		c->done(c->arg);
		return;
	}
	left = c->list[c->which].nrcpt - c->at;
	/* Those that have it already stand before those that wait, in one file. */
	begin_part(c, left < PART_MAX || (c->which == 1 && c->served > 0) ? left : PART_MAX);
}

void
expand_copy_begin(struct expand_copy *c)
{
	next_part(c);
}
