/*
 * lease_model - what the scripts of deliver/limits/limits_script.c do in the engine, in C: for simulations. That
 * both are the same is shown by t/unit/limits/script with a real engine.
 */
#ifndef LEASE_MODEL_H
#define LEASE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define MODEL_HOLDERS 1000

struct model_holder { bool there; uint64_t sequence, grant, want, limit, end; };
/* One limit. */
struct model {
	uint64_t born;		/* of the engine */
	struct model_holder holder[MODEL_HOLDERS];	/* sorted by name: those of a test have names that sort so */
};

struct model_ask { unsigned me; uint64_t sequence, keep, want, limit, length; bool claim; };
struct model_answer { int64_t grant; uint64_t target, wait; };

struct model_want { uint64_t want; unsigned me; };

static inline int
model_compare(const void *a, const void *b)
{
	const struct model_want *x = a, *y = b;

	return x->want != y->want ? (x->want < y->want ? -1 : 1) : x->me < y->me ? -1 : x->me > y->me;
}

/* What the limit leaves to one of those that want something: the others in `list` have theirs. */
static inline uint64_t
model_part(struct model_want *list, unsigned n, unsigned me, uint64_t own, uint64_t limit, uint64_t turn)
{
	uint64_t left = limit, base, more;
	unsigned i = 0, count = n, rank = 0;

	qsort(list, n, sizeof(*list), model_compare);
	while (i < n && list[i].want <= left / count) {
		if (list[i].me == me)
			return own;
		left -= list[i++].want;
		count--;
	}
	base = left / count;
	more = left - base * count;
	for (unsigned k = i; k < n; k++)
		rank += list[k].me < me;
	return base + ((rank + (base == 0 ? turn : 0)) % count < more);
}

static inline struct model_answer
model_hold(struct model *m, uint64_t now, const struct model_ask *a)
{
	static struct model_want list[MODEL_HOLDERS];
	uint64_t young = m->born + a->length > now ? m->born + a->length - now : 0;
	uint64_t limit = a->limit, others = 0, sum = 0, total = MAX(a->want, a->keep), target = total, kept = a->keep, grant, wait;
	struct model_holder *mine = &m->holder[a->me];
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_HOLDERS; i++) {
		struct model_holder *h = &m->holder[i];

		if (h->there && h->end <= now)
			h->there = false;
		if (!h->there || i == a->me)
			continue;
		others += h->grant;
		limit = MIN(limit, h->limit);
		sum += h->want;
		if (h->want > 0)
			list[n++] = (struct model_want){ h->want, i };
	}
	if (mine->there && mine->sequence >= a->sequence)
		return (struct model_answer){ .grant = -1 };
	if (total > 0)
		list[n++] = (struct model_want){ total, a->me };
	sum += total;
	if (total > 0 && sum > limit)
		target = model_part(list, n, a->me, total, limit, now / a->length);
	if (!a->claim)
		kept = mine->there ? MIN(a->keep, mine->grant) : young == 0 ? 0 : kept;
	grant = kept;
	if (young == 0)
		grant = MAX(kept, MIN(MIN(total, target), limit > others ? limit - others : 0));
	*mine = (struct model_holder){ .there = grant > 0 || a->want > 0, .sequence = a->sequence, .grant = grant, .want = total,
	    .limit = a->limit, .end = now + a->length };
	wait = grant < total ? MIN(n * 20U, a->length / 3) : 0;
	return (struct model_answer){ (int64_t)grant, target, MAX(young, wait) };
}

#endif
