/*
 * judge - whether a file in pickup is taken, waited for or refused; pure
 *
 * Runs in:  pickup; on the loop and on pool threads
 * Owns:     nothing
 * Promise:  only a complete regular file with one name and a size within the limit is taken
 * Fails by: never
 */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "pickup/pickup.h"

enum {
	/* link(2), then unlink(2) of the first name, is a way to put a file in place */
	LINK_GRACE_MS = 10000,
	EMPTY_MS = 10000,	/* a writer may have just created it */
	/* seen by the scan only: a file that did not change for so long is taken at once */
	SETTLED_MS = 5000,
	/* a file written in place whose header has not ended; one with nothing behind its header */
	HEADER_MS = 10000,
	NO_TEXT_MS = 2000,
	/* a writer that makes pauses between its pieces is waited for so many times as long, to a limit */
	PIECES_FACTOR = 8,
	PIECES_MS = 10000,
	REMOTE_QUIET_MS = 5000,	/* writes of other hosts arrive late on a network file system */
	LOCKED_MS = 1000,
	AGAIN_MS = 3000,
	SEALED_MS = 60000,
	TRIES_MAX = 5,
};

/*
 * What an error of open, read, stat, rename or badmail means for the file. With a wait and a reason it may be
 * over in a moment: so many tries, then it is refused.
 */
static const struct { int error; enum judge_answer answer; enum judge_reason reason; unsigned wait_ms; }
    error_rows[] = {
	{ ENOENT, JUDGE_IGNORE, JUDGE_GOOD, 0 },
	{ ENOTDIR, JUDGE_IGNORE, JUDGE_GOOD, 0 },
	{ ELOOP, JUDGE_REFUSE, JUDGE_LINK, 0 },
	{ ENXIO, JUDGE_REFUSE, JUDGE_DEVICE, 0 },
	{ ENODEV, JUDGE_REFUSE, JUDGE_DEVICE, 0 },
	/* ours, not the file's */
	{ EMFILE, JUDGE_BACK_OFF, JUDGE_GOOD, 0 },
	{ ENFILE, JUDGE_BACK_OFF, JUDGE_GOOD, 0 },
	{ ENOMEM, JUDGE_BACK_OFF, JUDGE_GOOD, 0 },
	{ EWOULDBLOCK, JUDGE_WAIT, JUDGE_GOOD, LOCKED_MS },
	{ EINTR, JUDGE_WAIT, JUDGE_GOOD, 100 },
	/* what a mail filter made of it cannot be taken */
	{ EBADMSG, JUDGE_REFUSE, JUDGE_FILTER, AGAIN_MS },
	/* a server of files that starts again */
	{ ESTALE, JUDGE_REFUSE, JUDGE_UNREADABLE, 1000 },
};

/* `first`: time from the news to the first look; `quiet`: for how long size and time must not change. */
static const struct { unsigned first, quiet, again; } evidence_rows[] = {
	[JUDGE_RENAMED] = { 0, 0, 250 },
	/* and judge_first_look: `echo a > f; echo b >> f` closes more than once */
	[JUDGE_CLOSED] = { 0, 0, 250 },
	/* and it was not opened: a link, or no regular file */
	[JUDGE_CREATED] = { 250, 0, 250 },
	/* not closed by its writer: a close or a rename decides; the first look is for the writer's lock */
	[JUDGE_OPEN] = { 100, 600000, 30000 },
	[JUDGE_REOPENED] = { 2000, 2000, 500 },
	[JUDGE_UNSURE] = { 2000, 10000, 2000 },
	[JUDGE_SCANNED] = { 0, 2000, 500 },
	/* taken by a process that died, or that is about to end */
	[JUDGE_LEFT] = { 0, 0, 1000 },
};
_Static_assert(nitems_of(evidence_rows) == JUDGE_EVIDENCE_COUNT, "a row for each kind of evidence");

static const char *const reason_words[] = {
	[JUDGE_GOOD] = "good",
	[JUDGE_LINK] = "a symbolic link",
	[JUDGE_DEVICE] = "not a regular file",
	[JUDGE_SECOND_NAME] = "a second name (hard link)",
	[JUDGE_EMPTY] = "empty",
	[JUDGE_LARGE] = "too large",
	[JUDGE_UNREADABLE] = "cannot be read",
	[JUDGE_NUL] = "NUL bytes",
	[JUDGE_NO_HEADER] = "no header",
	[JUDGE_LONG_HEADER] = "header too large",
	[JUDGE_TWO_SENDERS] = "more than one x-sender",
	[JUDGE_BAD_SENDER] = "malformed sender",
	[JUDGE_NO_SENDER] = "no sender",
	[JUDGE_BAD_RECIPIENT] = "malformed recipient",
	[JUDGE_MANY_RECIPIENTS] = "too many recipients",
	[JUDGE_NO_RECIPIENTS] = "no recipients",
	[JUDGE_FILTER] = "refused by a mail filter",
};
_Static_assert(nitems_of(reason_words) == JUDGE_REASON_COUNT, "words for each reason");

const char *
judge_words(enum judge_reason reason)
{
	return reason_words[reason];
}

/* Written under its present name and not under a lock that we have seen: more may come. */
static bool
is_in_place(enum judge_evidence evidence)
{
	return evidence == JUDGE_CLOSED || evidence == JUDGE_REOPENED || evidence == JUDGE_UNSURE ||
	    evidence == JUDGE_SCANNED;
}

uint64_t
judge_first_look(enum judge_evidence evidence, uint64_t settle_ms, const struct judge_writer *w)
{
	uint64_t first = evidence_rows[evidence].first;

	if (evidence == JUDGE_CLOSED && w->pause_ms > 0)
		first = w->pause_ms < PIECES_MS / PIECES_FACTOR ? w->pause_ms * PIECES_FACTOR : PIECES_MS;
	else if (evidence == JUDGE_CLOSED && w->locked)
		return 0;
	return is_in_place(evidence) && evidence != JUDGE_SCANNED && first < settle_ms ? settle_ms : first;
}

bool
judge_ignores(const char *name)
{
	static const char *const endings[] = { ".tmp", ".part" };
	size_t len = strlen(name);

	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < nitems_of(endings); i++) {
		size_t n = strlen(endings[i]);

		if (len >= n && strcasecmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static struct judge_verdict
look_again_in(unsigned ms)
{
	return (struct judge_verdict){ .answer = JUDGE_WAIT, .wait_ms = ms };
}

static struct judge_verdict
refuse_because(enum judge_reason reason)
{
	return (struct judge_verdict){ .answer = JUDGE_REFUSE, .reason = reason };
}

/* For how long, as far as we know, it was not written to. */
static uint64_t
quiet_ms(const struct judge_rules *r, enum judge_evidence evidence, const struct judge_facts *f,
    struct judge_memory *m)
{
	uint64_t seen;

	if (!m->known || m->size != f->size || m->mtime_us != f->mtime_us || m->ctime_us != f->ctime_us) {
		m->size = f->size;
		m->mtime_us = f->mtime_us;
		m->ctime_us = f->ctime_us;
		m->since_ms = f->now_ms;
		if (!m->known)
			m->first_ms = f->now_ms;
		m->known = true;
	}
	seen = f->now_ms - m->since_ms;
	/* the change time of a local file counts like a look at that time, unless the clock was set */
	if (evidence == JUDGE_SCANNED && !r->remote && !f->stepped &&
	    f->now_us - f->ctime_us >= (int64_t)SETTLED_MS * 1000 && seen < SETTLED_MS)
		seen = SETTLED_MS;
	m->quiet_ms = seen;
	return seen;
}

struct judge_verdict
judge_file(const struct judge_rules *r, enum judge_evidence evidence, const struct judge_facts *f,
    struct judge_memory *m)
{
	uint64_t quiet, need = evidence_rows[evidence].quiet;

	if (S_ISDIR(f->mode) || f->nlink == 0)
		return (struct judge_verdict){ .answer = JUDGE_IGNORE };
	if (!S_ISREG(f->mode))
		return refuse_because(JUDGE_DEVICE);
	quiet = quiet_ms(r, evidence, f, m);
	if (f->nlink > 1)
		return f->now_ms - m->first_ms < LINK_GRACE_MS ?
		    look_again_in(evidence_rows[evidence].again) : refuse_because(JUDGE_SECOND_NAME);
	if (r->remote && evidence == JUDGE_SCANNED)
		need = REMOTE_QUIET_MS;
	if (is_in_place(evidence) && evidence != JUDGE_CLOSED && need < r->settle_ms)
		need = r->settle_ms;
	if (quiet < need)
		return look_again_in(need - quiet < evidence_rows[evidence].again ? (unsigned)(need - quiet) :
		    evidence_rows[evidence].again);
	if (f->size == 0)
		return quiet < EMPTY_MS ? look_again_in(1000) : refuse_because(JUDGE_EMPTY);
	if (f->sealed)
		return (struct judge_verdict){ .answer = JUDGE_WAIT, .wait_ms = SEALED_MS,
		    .trouble = "immutable, cannot be removed" };
	if (f->size > r->max_size)
		return refuse_because(JUDGE_LARGE);
	return (struct judge_verdict){ .answer = JUDGE_TAKE };
}

struct judge_verdict
judge_progress(enum judge_evidence evidence, enum judge_part part, const struct judge_memory *m)
{
	static const uint64_t patience[] = { [JUDGE_IN_HEADER] = HEADER_MS, [JUDGE_NO_TEXT] = NO_TEXT_MS,
	    [JUDGE_WHOLE] = 0 };
	uint64_t more;

	if (!is_in_place(evidence) || m->quiet_ms >= patience[part])
		return (struct judge_verdict){ .answer = JUDGE_TAKE };
	more = patience[part] - m->quiet_ms;
	return look_again_in(more < 1000 ? (unsigned)more : 1000);
}

struct judge_verdict
judge_error(int error, unsigned *tries)
{
	struct judge_verdict v = { .answer = JUDGE_REFUSE, .reason = JUDGE_UNREADABLE, .wait_ms = AGAIN_MS };

	for (size_t i = 0; i < nitems_of(error_rows); i++)
		if (error_rows[i].error == error)
			v = (struct judge_verdict){ .answer = error_rows[i].answer,
			    .reason = error_rows[i].reason, .wait_ms = error_rows[i].wait_ms };
	if (v.answer != JUDGE_REFUSE || v.wait_ms == 0)
		return v;
	return ++*tries < TRIES_MAX ? look_again_in(v.wait_ms) : refuse_because(v.reason);
}
