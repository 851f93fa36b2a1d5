/*
 * pickup_names - the names in pickup that are not taken yet, with what is known of each and when to look at
 * it next
 *
 * Runs in:  pickup; on its loop
 * Owns:     its entries: found by name in a tree, by time in a heap
 * Promise:  bounded; in whatever order news come, no file that is to be taken is forgotten or looked at
 *           twice at a time
 * Fails by: false from pickup_names_news when it is full: the folder must be scanned again later
 */
#include <bsd/sys/tree.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/pickup.h"

struct entry {
	struct pickup_name file;		/* first: the part that others see */
	RB_ENTRY(entry) node;
	uint64_t due;
	size_t place;			/* in the heap; NONE: it is looked at now */
	int again;			/* news that came meanwhile: evidence, or -1 */
	bool put_back;			/* the next JUDGE_RENAMED is our own rename */
	bool looked;
};
#define NONE SIZE_MAX

RB_HEAD(tree, entry);

struct pickup_names {
	struct tree tree;
	struct entry **heap;
	size_t waiting, count, max;
	uint64_t settle_ms;
};

static int
by_name(struct entry *a, struct entry *b)
{
	return strcmp(a->file.name, b->file.name);
}

/* Not RB_GENERATE_STATIC: libbsd 0.11's does not compile. */
RB_GENERATE_INTERNAL(tree, entry, node, by_name, static __attribute__((unused)))

/* --- the heap: the earliest on top --- */

static void
heap_put(struct pickup_names *k, size_t at, struct entry *e)
{
	k->heap[at] = e;
	e->place = at;
}

static void
heap_up(struct pickup_names *k, size_t at, struct entry *e)
{
	for (; at > 0 && k->heap[(at - 1) / 2]->due > e->due; at = (at - 1) / 2)
		heap_put(k, at, k->heap[(at - 1) / 2]);
	heap_put(k, at, e);
}

static void
heap_down(struct pickup_names *k, size_t at, struct entry *e)
{
	for (size_t child; (child = at * 2 + 1) < k->waiting; at = child) {
		if (child + 1 < k->waiting && k->heap[child + 1]->due < k->heap[child]->due)
			child++;
		if (k->heap[child]->due >= e->due)
			break;
		heap_put(k, at, k->heap[child]);
	}
	heap_put(k, at, e);
}

static void
heap_remove(struct pickup_names *k, struct entry *e)
{
	struct entry *last = k->heap[--k->waiting];
	size_t at = e->place;

	e->place = NONE;
	if (last == e)
		return;
	if (at > 0 && k->heap[(at - 1) / 2]->due > last->due)
		heap_up(k, at, last);
	else
		heap_down(k, at, last);
}

static void
schedule(struct pickup_names *k, struct entry *e, uint64_t due)
{
	if (e->place != NONE)
		heap_remove(k, e);
	e->due = due;
	heap_up(k, k->waiting++, e);
}

/* --- the table --- */

struct pickup_names *
pickup_names_new(size_t max, uint64_t settle_ms)
{
	struct pickup_names *k = mem_new(struct pickup_names);

	RB_INIT(&k->tree);
	k->max = max;
	k->settle_ms = settle_ms;
	k->heap = mem_array(NULL, max, sizeof(*k->heap));
	return k;
}

static void
entry_free(struct pickup_names *k, struct entry *e)
{
	RB_REMOVE(tree, &k->tree, e);
	k->count--;
	free(e->file.name);
	free(e);
}

void
pickup_names_free(struct pickup_names *k)
{
	struct entry *e;

	if (k == NULL)
		return;
	while ((e = RB_MIN(tree, &k->tree)) != NULL)
		entry_free(k, e);
	free(k->heap);
	free(k);
}

static void
start_over(struct pickup_names *k, struct entry *e, enum judge_evidence evidence, uint64_t now_ms)
{
	e->file.evidence = evidence;
	e->file.memory = (struct judge_memory){ 0 };
	e->file.tries = 0;
	e->looked = false;
	e->again = -1;
	schedule(k, e, now_ms + judge_first_look(evidence, k->settle_ms, &e->file.writer));
}

/* A writer that closes a file more than once writes it in pieces: the next one may be as long in coming. */
static void
learn_pause(struct judge_writer *w, enum judge_evidence evidence, uint64_t now_ms)
{
	if (evidence != JUDGE_CLOSED)
		return;
	if (w->closed_ms != 0 && now_ms - w->closed_ms > w->pause_ms)
		w->pause_ms = now_ms - w->closed_ms;
	w->closed_ms = now_ms;
}

/* A file that we wait for was opened. Readers, also ourselves, do it too: it only makes us wait longer. */
static void
opened(struct pickup_names *k, struct entry *e, uint64_t now_ms)
{
	if (e->file.evidence == JUDGE_CREATED && !e->looked)
		start_over(k, e, JUDGE_OPEN, now_ms);
	else if ((e->file.evidence == JUDGE_CLOSED || e->file.evidence == JUDGE_RENAMED) && !e->looked)
		start_over(k, e, JUDGE_REOPENED, now_ms);
}

static struct entry *
find_entry(struct pickup_names *k, const char *name)
{
	struct entry key = { .file = { .name = mem_unconst(name) } };

	return RB_FIND(tree, &k->tree, &key);
}

bool
pickup_names_news(struct pickup_names *k, const char *name, enum judge_evidence evidence, uint64_t now_ms)
{
	struct entry *e = find_entry(k, name);

	if (e == NULL) {
		if (evidence == JUDGE_OPEN)
			return true; /* a file that we have taken, or that was never seen being written */
		if (k->count == k->max)
			return false;
		e = mem_new(struct entry);
		e->file.name = mem_strdup(name);
		e->place = NONE;
		k->count++;
		RB_INSERT(tree, &k->tree, e);
		learn_pause(&e->file.writer, evidence, now_ms);
		start_over(k, e, evidence, now_ms);
	} else if (evidence == JUDGE_SCANNED || evidence == JUDGE_LEFT) {
		return true; /* what is known already is better */
	} else if (evidence == JUDGE_RENAMED && e->put_back) {
		e->put_back = false;
	} else if (evidence == JUDGE_OPEN) {
		if (e->place != NONE)
			opened(k, e, now_ms);
	} else {
		learn_pause(&e->file.writer, evidence, now_ms);
		if (e->place == NONE)
			e->again = (int)evidence;
		else
			start_over(k, e, evidence, now_ms);
	}
	return true;
}

void
pickup_names_put_back(struct pickup_names *k, const char *name, unsigned tries, uint64_t now_ms)
{
	struct entry *e = find_entry(k, name);

	if (e == NULL && pickup_names_news(k, name, JUDGE_REOPENED, now_ms))
		e = find_entry(k, name);
	if (e != NULL && e->file.tries < tries)
		e->file.tries = tries;
	if (e != NULL && e->again == JUDGE_RENAMED)
		e->again = -1;
	else if (e != NULL)
		e->put_back = true;
}

void
pickup_names_doubt(struct pickup_names *k, uint64_t now_ms)
{
	struct entry *e;

	RB_FOREACH(e, tree, &k->tree)
		if (e->place != NONE && e->file.evidence == JUDGE_OPEN)
			start_over(k, e, JUDGE_UNSURE, now_ms);
}

struct pickup_name *
pickup_names_take_due(struct pickup_names *k, uint64_t now_ms)
{
	struct entry *e = k->waiting > 0 ? k->heap[0] : NULL;

	if (e == NULL || e->due > now_ms)
		return NULL;
	heap_remove(k, e);
	return &e->file;
}

uint64_t
pickup_names_next_due(const struct pickup_names *k)
{
	return k->waiting > 0 ? k->heap[0]->due : UINT64_MAX;
}

void
pickup_names_look_again(struct pickup_names *k, struct pickup_name *f, uint64_t now_ms, uint64_t after_ms)
{
	struct entry *e = (struct entry *)f;

	if (e->place != NONE)
		bug("known: %s is not being looked at", log_safe(f->name));
	if (e->again != -1) {
		start_over(k, e, (enum judge_evidence)e->again, now_ms);
		return;
	}
	e->looked = true;
	schedule(k, e, now_ms + after_ms);
}

void
pickup_names_forget(struct pickup_names *k, struct pickup_name *f, uint64_t now_ms)
{
	struct entry *e = (struct entry *)f;

	if (e->place != NONE)
		bug("known: %s is not being looked at", log_safe(f->name));
	if (e->again == -1) {
		entry_free(k, e);
		return;
	}
	e->file.writer = (struct judge_writer){ .closed_ms = e->again == JUDGE_CLOSED ? now_ms : 0 };
	start_over(k, e, (enum judge_evidence)e->again, now_ms);
}

size_t
pickup_names_count(const struct pickup_names *k)
{
	return k->count;
}
