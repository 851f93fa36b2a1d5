/*
 * rcpt_list - the recipients of a message at one destination, from transaction to transaction; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; reorders index and verdicts of its owner
 * Promise:  a recipient that a host has given a final answer (2yz to the content, 5yz to RCPT or to the
 *           content: RFC 5321 4.2.1) is in no further transaction, however that one ended. What a host lacks
 *           is final for those that every host has lacked something for, and only for them; nothing that was
 *           said of one recipient is told of another. As long as each transaction settles one at least, or
 *           asks about new ones, the next one follows at once; their number is bounded by the recipients
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

#define CUT_MAX 2		/* times that a part is made smaller because all of it failed */

void
rcpt_list_begin(struct rcpt_list *l, size_t *index, size_t count, struct verdict *verdict, bool careful)
{
	*l = (struct rcpt_list){ .index = index, .count = count, .verdict = verdict, .most = count,
	    .cap = count, .careful = careful };
	rcpt_list_forget(l);
}

void
rcpt_list_forget(struct rcpt_list *l)
{
	for (size_t i = l->settled; i < l->count; i++)
		l->verdict[i] = (struct verdict){ .what = VERDICT_LATER };
}

/* --- their order --- */

/* What a recipient is chosen by: number `i` of the list. */
struct choice {
	bool (*is_chosen)(const struct choice *by, const struct rcpt_list *l, size_t i);
	enum client_fate fate;
	struct client *c; const struct client_mail *mail;
};

/* Those of `n` from number `first` on that are chosen come in front, in their order. Returns how many. */
static size_t
bring_forward(struct rcpt_list *l, size_t first, size_t n, const struct choice *by)
{
	struct verdict *verdict = l->verdict + first, *v;
	size_t *index = l->index + first, *x, front = 0, back = 0, from;

	while (front < n && by->is_chosen(by, l, first + front))
		front++;
	if (front == n)
		return n;
	v = mem_array(NULL, n, sizeof(*v));
	x = mem_array(NULL, n, sizeof(*x));
	from = front;
	for (size_t i = from; i < n; i++)
		if (by->is_chosen(by, l, first + i)) {
			verdict[front] = verdict[i];
			index[front++] = index[i];
		} else {
			v[back] = verdict[i];
			x[back++] = index[i];
		}
	for (size_t i = 0; i < back; i++) {
		verdict[front + i] = v[i];
		index[front + i] = x[i];
	}
	free(v);
	free(x);
	return front;
}

/* The host can take it; else its verdict says why not. */
static bool
is_able(const struct choice *by, const struct rcpt_list *l, size_t i)
{
	return !client_lack_note(by->c, by->mail, l->index[i], &l->verdict[i]);
}

/* When the host can take none, all are in the transaction: it ends before it begins. */
void
rcpt_list_mail(struct rcpt_list *l, struct client *c, struct client_mail *mail)
{
	const struct choice able = { .is_chosen = is_able, .c = c, .mail = mail };
	size_t first = l->settled;

	l->able = bring_forward(l, first, l->count - first - l->asked, &able);
	if (l->able == 0 && l->asked > 0) {
		l->asked = 0;		/* by another host */
		l->able = bring_forward(l, first, l->count - first, &able);
	}
	l->part = l->able > 0 ? MIN(l->able, l->most) : l->count - first;
	mail->index = l->index + first;
	mail->count = l->part;
	mail->verdict = l->verdict + first;
}

/* --- what was said --- */

static bool
has_words(const struct verdict *v, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(v->text, words[i]) != NULL)
			return true;
	return false;
}

/* "452 4.5.3", "452 too many", "552" as client_transaction has read it: not now, in this transaction. */
static bool
is_about_number(const struct verdict *v)
{
	static const char *const words[] = { "too many", "one recipient", "recipients" };

	return v->what == VERDICT_LATER && v->code != 0 && (strcmp(v->status, "4.5.3") == 0 ||
	    (v->code == 452 && strcmp(v->status, "4.0.0") == 0) || has_words(v, words, nitems_of(words)));
}

/*
 * Others of the same transaction were delivered: this one may be taken by the next. Not when the answer is
 * about its mailbox or our standing (X.1.x, X.2.x, X.7.x), where the next one would be the same.
 */
static bool
asks_again(const struct verdict *v)
{
	static const char *const words[] = { "greylist", "graylist" };

	if (is_about_number(v))
		return true;
	return v->what == VERDICT_LATER && v->code != 0 && v->code != 421 && v->status[2] != '1' &&
	    v->status[2] != '2' && v->status[2] != '7' && !has_words(v, words, nitems_of(words));
}

/* What the host itself has said of it is final; what we say (code 0) may be otherwise at another host. */
static bool
is_settled(const struct choice *by, const struct rcpt_list *l, size_t i)
{
	const struct verdict *v = &l->verdict[i];

	return v->what == VERDICT_DELIVERED ||
	    (v->what == VERDICT_REFUSED && (v->code != 0 || by->fate == CLIENT_FINAL));
}

/* Others were delivered. The next answer would be the same: the recipient waits for another attempt. */
static bool
waits(const struct choice *by, const struct rcpt_list *l, size_t i)
{
	bool was_asked = i < l->settled + l->part || i >= l->count - l->asked;

	return was_asked && !asks_again(&l->verdict[i]);
}

/* Of the part, which becomes shorter. Returns how many. */
static size_t
settle(struct rcpt_list *l, enum client_fate fate)
{
	const struct choice settled = { .is_chosen = is_settled, .fate = fate };
	size_t n = bring_forward(l, l->settled, l->part, &settled);

	l->settled += n;
	l->part -= n;
	return n;
}

static size_t
count_of(const struct rcpt_list *l, bool (*wanted)(const struct verdict *v))
{
	size_t n = 0;

	for (size_t i = 0; i < l->part; i++)
		n += wanted(&l->verdict[l->settled + i]);
	return n;
}

size_t
rcpt_list_delivered(const struct rcpt_list *l, size_t from)
{
	size_t n = 0;

	for (size_t i = from; i < l->settled; i++)
		n += l->verdict[i].what == VERDICT_DELIVERED;
	return n;
}

/*
 * Some were delivered: the others go at once, as many as were taken now, twice as many when all were taken,
 * but never so many again as were too many.
 */
static enum rcpt_list_next
take_progress(struct rcpt_list *l, size_t size, size_t delivered)
{
	const struct choice waiting = { .is_chosen = waits };
	size_t last = 0, n;

	for (size_t i = l->count - l->asked; i < l->count; i++)
		last += waits(&waiting, l, i);
	n = bring_forward(l, l->settled, l->count - l->settled, &waiting);
	l->settled += n;
	l->part -= n - last;
	l->asked -= last;
	l->progress = true;
	l->cuts = 0;
	if (l->part > 0) {
		l->cap = MAX(size - 1, 1);
		l->most = delivered;
	} else
		l->most = MIN(l->most * 2, l->cap);
	return l->settled < l->count ? RCPT_LIST_AGAIN : RCPT_LIST_OVER;
}

/* All of the part failed together: it goes again as a smaller one, when that was not tried yet. */
static bool
cut(struct rcpt_list *l, size_t size, size_t accepted)
{
	if (!l->careful || l->cuts == CUT_MAX || size < 2)
		return false;
	l->cuts++;
	l->cap = size - 1;
	l->most = accepted > 0 && accepted < size / 2 && l->cuts < CUT_MAX ? accepted : 1;
	return true;
}

/* The host has put off each by itself, at RCPT, and not because there are too many of them. */
static bool
is_put_off_singly(const struct rcpt_list *l, const struct client *c)
{
	return !c->lacks && !c->mail_refused && c->accepted == 0 && count_of(l, is_about_number) == 0;
}

static bool
is_not_of_part(const struct choice *by, const struct rcpt_list *l, size_t i)
{
	return i >= l->settled + l->part;
}

/* The others are next: a recipient that is always put off does not keep them from their turn. */
static void
put_behind(struct rcpt_list *l)
{
	const struct choice others = { .is_chosen = is_not_of_part };

	bring_forward(l, l->settled, l->count - l->settled, &others);
	l->asked += l->part;
	l->part = 0;
}

/*
 * Another host is next. Those that this one could have taken, and was not asked about, have no refusal from
 * before any more: `v` was said to all of the message or to its connection; NULL: it was not.
 */
static enum rcpt_list_next
leave_host(struct rcpt_list *l, const struct client *c, const struct verdict *v)
{
	for (size_t i = l->settled + l->part; i < l->settled + l->part + l->able; i++) {
		struct verdict *to = &l->verdict[i];

		if (to->what == VERDICT_LATER && to->status[0] != '\0')
			continue;
		if (v != NULL && v->what == VERDICT_LATER)
			*to = *v;
		else
			verdict_set(to, VERDICT_LATER, "4.3.0", "%s was not asked about it", c->set.host);
	}
	l->asked = 0;
	return RCPT_LIST_ELSEWHERE;
}

/* None of a part of `size` was delivered, `settled` of them were refused. */
static enum rcpt_list_next
take_elsewhere(struct rcpt_list *l, const struct client *c, size_t size, size_t settled)
{
	bool by_number = settled > 0 && count_of(l, is_about_number) > 0;

	if (by_number || (c->accepted > 1 && cut(l, size, 0)))
		return RCPT_LIST_AGAIN;
	if (l->able > 0 && is_put_off_singly(l, c)) {
		put_behind(l);
		return settled > 0 ? RCPT_LIST_AGAIN : RCPT_LIST_OTHERS;
	}
	return leave_host(l, c, c->mail_refused || c->accepted == size ? &l->verdict[l->settled] : NULL);
}

enum rcpt_list_next
rcpt_list_take(struct rcpt_list *l, const struct client *c, enum client_fate fate)
{
	size_t size = l->part, first = l->settled, settled, delivered;
	bool at_rcpt = c->answered < size + 2;	/* where the connection was lost */

	l->able -= MIN(l->able, size);
	if (fate == CLIENT_AGAIN && c->doubt_is_sure) {
		for (size_t i = 0; i < size; i++)
			l->verdict[first + i] = c->failure;	/* replies may have been out of step */
		return RCPT_LIST_ELSEWHERE;
	}
	settled = settle(l, fate);
	delivered = rcpt_list_delivered(l, first);
	if (l->settled == l->count)
		return RCPT_LIST_OVER;
	if (delivered > 0)
		return take_progress(l, size, delivered);
	if (fate == CLIENT_FINAL)
		return l->part == 0 ? RCPT_LIST_AGAIN : RCPT_LIST_OVER;
	if (fate == CLIENT_AGAIN)
		return RCPT_LIST_ELSEWHERE;	/* the same host, in another way: see client_doubt */
	if (fate == CLIENT_LOST)
		return at_rcpt && c->failure.code == 0 && cut(l, size, c->accepted) ? RCPT_LIST_AGAIN :
		    leave_host(l, c, &c->failure);
	return take_elsewhere(l, c, size, settled);
}

void
rcpt_list_limit(struct rcpt_list *l, size_t most)
{
	l->most = MIN(l->most, most);
	l->cap = MIN(l->cap, most);
}

/*
 * What becomes of a recipient that is not settled. `all`: every address was asked, or has lacked something.
 *
 *                          no failure of    the last one    all of them "refused",
 *                          a connection     "later"         no host let us in (else: as without failure)
 *   nothing was said       later            that failure    that failure
 *   put off, or lost       itself           itself          itself
 *   the hosts lack         refused if all   that failure    refused if all
 *   something for it       else later                       else later
 */
static void
end_one(struct verdict *v, bool all, const struct verdict *failure, bool answered)
{
	bool unsaid = v->status[0] == '\0';

	if (v->what == VERDICT_LATER && !unsaid)
		return;
	if (failure != NULL && (failure->what == VERDICT_LATER || (unsaid && !answered)))
		*v = *failure;
	else if (unsaid || !all)
		verdict_set(v, VERDICT_LATER, "4.3.0", unsaid ? "no host was asked about it yet" :
		    "not every host was asked about it");
}

void
rcpt_list_end(struct rcpt_list *l, bool all, const struct verdict *failure, bool answered)
{
	for (size_t i = l->settled; i < l->count; i++)
		end_one(&l->verdict[i], all, failure, answered);
}
