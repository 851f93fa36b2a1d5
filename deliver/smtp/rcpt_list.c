/*
 * rcpt_list - the recipients of a message at one destination, from transaction to transaction; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; reorders index and verdicts of its owner
 * Promise:  a recipient that a host has given a final answer (2yz to the content, 5yz to RCPT or to the
 *           content: RFC 5321 4.2.1) is in no further transaction, however that one ended. As long as each
 *           transaction settles one at least, the next one follows at once; their number is bounded by the
 *           recipients
 * Fails by: nothing
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"

#define CUT_MAX 2		/* times that a part is made smaller because all of it failed */

void
rcpt_list_begin(struct rcpt_list *l, size_t *index, size_t count, struct verdict *verdict, bool careful)
{
	*l = (struct rcpt_list){ .index = index, .count = count, .verdict = verdict, .most = count,
	    .cap = count, .careful = careful };
	/* Zero would be a verdict without words. A recipient without any answer must be tried again. */
	for (size_t i = 0; i < count; i++)
		verdict[i] = (struct verdict){ .what = VERDICT_LATER, .status = "4.3.0",
		    .text = "nothing was heard about it" };
}

void
rcpt_list_mail(struct rcpt_list *l, struct client_mail *mail)
{
	l->part = MIN(l->count - l->settled, l->most);
	mail->index = l->index + l->settled;
	mail->count = l->part;
	mail->verdict = l->verdict + l->settled;
}

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
is_settled(const struct verdict *v, enum client_fate fate)
{
	return v->what == VERDICT_DELIVERED ||
	    (v->what == VERDICT_REFUSED && (v->code != 0 || fate == CLIENT_FINAL));
}

/*
 * Puts those of the part whose verdict is `wanted` in front, in their order, and settles them. Returns how
 * many.
 */
static size_t
settle(struct rcpt_list *l, bool (*wanted)(const struct verdict *v, enum client_fate fate),
    enum client_fate fate)
{
	size_t n = l->part, first = l->settled, front = 0, back = 0;
	struct verdict *verdict = l->verdict + first, *v = NULL;
	size_t *index = l->index + first, *x = NULL;

	while (front < n && wanted(&verdict[front], fate))
		front++;
	if (front < n) {
		v = mem_array(NULL, n, sizeof(*v));
		x = mem_array(NULL, n, sizeof(*x));
	}
	for (size_t i = front; i < n; i++)
		if (wanted(&verdict[i], fate)) {
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
	l->settled += front;
	l->part -= front;
	return front;
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

/* The next answer would be the same: the recipient waits for another attempt. */
static bool
waits(const struct verdict *v, enum client_fate fate)
{
	return !asks_again(v);
}

/*
 * Some were delivered: the others go at once, as many as were taken now, twice as many when all were taken,
 * but never so many again as were too many.
 */
static enum rcpt_list_next
take_progress(struct rcpt_list *l, size_t size, size_t delivered)
{
	settle(l, waits, CLIENT_FINAL);
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

enum rcpt_list_next
rcpt_list_take(struct rcpt_list *l, const struct client *c, enum client_fate fate)
{
	size_t size = l->part, first = l->settled, settled, delivered;
	bool at_rcpt = c->answered < size + 2;	/* where the connection was lost */

	if (fate == CLIENT_AGAIN && c->doubt_is_sure) {
		for (size_t i = 0; i < size; i++)
			l->verdict[first + i] = c->failure;	/* replies may have been out of step */
		return RCPT_LIST_ELSEWHERE;
	}
	settled = settle(l, is_settled, fate);
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
		    RCPT_LIST_ELSEWHERE;
	if ((settled > 0 && count_of(l, is_about_number) > 0) || (c->accepted > 1 && cut(l, size, 0)))
		return RCPT_LIST_AGAIN;
	return RCPT_LIST_ELSEWHERE;
}

void
rcpt_list_limit(struct rcpt_list *l, size_t most)
{
	l->most = MIN(l->most, most);
	l->cap = MIN(l->cap, most);
}

void
rcpt_list_fill(struct rcpt_list *l, const struct verdict *v)
{
	size_t heard = v != NULL ? l->settled : l->settled + l->part;

	if (v == NULL && l->part > 0)
		v = &l->verdict[l->settled];
	for (size_t i = heard; v != NULL && i < l->count; i++)
		l->verdict[i] = *v;
}
