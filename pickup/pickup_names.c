/*
 * pickup_names - the names in pickup that are not taken yet, with what is known of each and when to look at
 * it next
 *
 * Runs in:  pickup; on its loop
 * Owns:     its entries: found by name in a tree, by time in the heaps of lanes, which share out owners
 * Promise:  bounded; in whatever order news come, no file that is to be taken is forgotten or looked at
 *           twice at a time. Of the files that are due, each lane gives one in turn: who puts many there does
 *           not make others wait
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
	struct lane *lane;
	size_t place;			/* in the heap of its lane; NONE: it is looked at now */
	int again;			/* news that came meanwhile: evidence, or -1 */
	bool put_back;			/* the next JUDGE_RENAMED is our own rename */
	bool looked;
};
#define NONE SIZE_MAX

RB_HEAD(tree, entry);

/* Files of one owner, or of a few. */
struct lane {
	struct entry **heap;
	size_t waiting, room;
};

#define LANES 61		/* prime: the numbers of users and groups of users come in steps */

struct pickup_names {
	struct tree tree;
	struct lane lane[LANES];
	size_t next;		/* the lane whose turn it is */
	size_t count, max;
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
heap_put(struct lane *l, size_t at, struct entry *e)
{
	l->heap[at] = e;
	e->place = at;
}

static void
heap_up(struct lane *l, size_t at, struct entry *e)
{
	for (; at > 0 && l->heap[(at - 1) / 2]->due > e->due; at = (at - 1) / 2)
		heap_put(l, at, l->heap[(at - 1) / 2]);
	heap_put(l, at, e);
}

static void
heap_down(struct lane *l, size_t at, struct entry *e)
{
	for (size_t child; (child = at * 2 + 1) < l->waiting; at = child) {
		if (child + 1 < l->waiting && l->heap[child + 1]->due < l->heap[child]->due)
			child++;
		if (l->heap[child]->due >= e->due)
			break;
		heap_put(l, at, l->heap[child]);
	}
	heap_put(l, at, e);
}

static void
heap_remove(struct lane *l, struct entry *e)
{
	struct entry *last = l->heap[--l->waiting];
	size_t at = e->place;

	e->place = NONE;
	if (last == e)
		return;
	if (at > 0 && l->heap[(at - 1) / 2]->due > last->due)
		heap_up(l, at, last);
	else
		heap_down(l, at, last);
}

static void
schedule(struct entry *e, uint64_t due)
{
	struct lane *l = e->lane;

	if (e->place != NONE)
		heap_remove(l, e);
	e->due = due;
	if (l->waiting == l->room) {
		l->room = l->room == 0 ? 64 : l->room * 2;
		l->heap = mem_array(l->heap, l->room, sizeof(struct entry *));
	}
	heap_up(l, l->waiting++, e);
}

/* --- the table --- */

struct pickup_names *
pickup_names_new(size_t max, uint64_t settle_ms)
{
	struct pickup_names *k = mem_new(struct pickup_names);

	RB_INIT(&k->tree);
	k->max = max;
	k->settle_ms = settle_ms;
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
	for (size_t i = 0; i < LANES; i++)
		free(k->lane[i].heap);
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
	schedule(e, now_ms + judge_first_look(evidence, k->settle_ms, &e->file.writer));
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

/* Room for one more of `lane`: a name of the fullest one goes, if that has more. */
static bool
make_room(struct pickup_names *k, const struct lane *lane)
{
	struct lane *fullest = &k->lane[0];
	struct entry *e;

	for (size_t i = 1; i < LANES; i++)
		if (k->lane[i].waiting > fullest->waiting)
			fullest = &k->lane[i];
	if (fullest == lane || fullest->waiting <= lane->waiting + 1)
		return false;
	e = fullest->heap[fullest->waiting - 1];
	heap_remove(fullest, e);
	entry_free(k, e);
	return true;
}

/* False: some name has no room, this one or another. */
static bool
add_entry(struct pickup_names *k, const char *name, enum judge_evidence evidence, uid_t owner,
    uint64_t now_ms)
{
	struct lane *lane = &k->lane[owner % LANES];
	bool fits = k->count < k->max;
	struct entry *e;

	if (!fits && !make_room(k, lane))
		return false;
	e = mem_new(struct entry);
	e->file.name = mem_strdup(name);
	e->lane = lane;
	e->place = NONE;
	k->count++;
	RB_INSERT(tree, &k->tree, e);
	learn_pause(&e->file.writer, evidence, now_ms);
	start_over(k, e, evidence, now_ms);
	return fits;
}

bool
pickup_names_news(struct pickup_names *k, const char *name, enum judge_evidence evidence, uid_t owner,
    uint64_t now_ms)
{
	struct entry *e = find_entry(k, name);

	if (e == NULL) {
		/* else it is a file that we have taken, or that was never seen being written */
		return evidence == JUDGE_OPEN || add_entry(k, name, evidence, owner, now_ms);
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

bool
pickup_names_put_back(struct pickup_names *k, const char *name, unsigned tries, uint64_t now_ms)
{
	struct entry *e = find_entry(k, name);
	bool fits = true;

	if (e == NULL) {
		fits = pickup_names_news(k, name, JUDGE_REOPENED, PICKUP_NAMES_NOBODY, now_ms);
		e = find_entry(k, name);
		if (!fits && e == NULL)
			return false;
	}
	if (e->file.tries < tries)
		e->file.tries = tries;
	if (e->again == JUDGE_RENAMED)
		e->again = -1;
	else
		e->put_back = true;
	return fits;
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
	for (size_t i = 0; i < LANES; i++) {
		struct lane *l = &k->lane[(k->next + i) % LANES];
		struct entry *e = l->waiting > 0 ? l->heap[0] : NULL;

		if (e == NULL || e->due > now_ms)
			continue;
		heap_remove(l, e);
		k->next = (size_t)(l - k->lane) + 1;
		return &e->file;
	}
	return NULL;
}

uint64_t
pickup_names_next_due(const struct pickup_names *k)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < LANES; i++)
		if (k->lane[i].waiting > 0 && k->lane[i].heap[0]->due < next)
			next = k->lane[i].heap[0]->due;
	return next;
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
	schedule(e, now_ms + after_ms);
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
