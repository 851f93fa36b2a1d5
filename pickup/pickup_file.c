/*
 * pickup_file - one pickup file: opened, judged, locked, claimed, read, composed; removed at the end
 *
 * Runs in:  pickup; on pool threads, one thread at a time for a file
 * Owns:     the open file and its lock, the claimed name, envelope and content
 * Promise:  trusts nothing: no link is followed, no device is read, no claimed file has another name, what
 *           is sent is what was judged; a file that cannot be renamed, and so not removed, is not sent
 * Fails by: verdict and error, on which the loop acts
 */
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/message_id_scan.h"
#include "pickup/pickup.h"

#define HEAD_MAX (64U << 10)		/* of a file written in place, to see how far it has come */
#define SEALED_ATTRIBUTES (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)
#define STEP_US 1000000		/* a clock that is so far off was set */
#define CONTENT_MAX (2 * (PICKUP_FORM_HEADER_MAX + PICKUP_FILE_PIECE) + 65536)	/* LF becomes CRLF */

/* later: what takes an administrator */
enum { SOON_MS = 250, REFUSE_MS = 3000, REFUSE_TRIES = 5, LATER_MS = 60000 };

struct pickup_file *
pickup_file_new(const struct pickup_file_rules *rules, struct spool *folder, struct spool *queue,
    struct pickup_name *file, int64_t now_us)
{
	struct pickup_file *t = mem_new(struct pickup_file);
	const char *name = file->name;
	char id[MESSAGE_ID_SIZE];

	t->rules = rules;
	t->folder = folder;
	t->queue = queue;
	t->file = file;
	t->tries = file->tries;
	t->fd = -1;
	t->left = file->evidence == JUDGE_LEFT && spool_pickup_claim_parse(file->name, id, &name);
	strlcpy(t->current, file->name, sizeof(t->current));
	strlcpy(t->name, name, sizeof(t->name));
	message_id_make(t->id, now_us, chance_u32());
	buf_init(&t->content, CONTENT_MAX);
	return t;
}

void
pickup_file_free(struct pickup_file *t)
{
	if (t->fd != -1)
		close(t->fd);
	message_envelope_done(&t->envelope);
	buf_done(&t->content);
	free(t);
}

/* --- judging --- */

static int64_t
microseconds(const struct statx_timestamp *ts)
{
	return ts->tv_sec * 1000000 + ts->tv_nsec / 1000;
}

static struct judge_verdict
examine_file(struct pickup_file *t, struct statx *sx)
{
	struct judge_facts f = { 0 };

	if (statx(t->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, sx) == -1)
		return judge_error(errno, &t->file->tries);
	f.mode = sx->stx_mode;
	f.nlink = sx->stx_nlink;
	f.size = sx->stx_size;
	f.mtime_us = microseconds(&sx->stx_mtime);
	f.ctime_us = microseconds(&sx->stx_ctime);
	f.now_us = clock_wall_us();
	f.now_ms = clock_mono_ms();
	f.stepped = llabs(f.now_us - (int64_t)f.now_ms * 1000 - t->rules->clock_us) > STEP_US;
	f.sealed = (sx->stx_attributes & SEALED_ATTRIBUTES) != 0;
	t->size = sx->stx_size;
	t->mtime_us = f.mtime_us;
	t->owner = sx->stx_uid;
	return judge_file(&t->rules->judge, t->file->evidence, &f, &t->file->memory);
}

/* .NET locks a file while it writes. Where the file system has no locks, nothing is waited for. */
static bool
is_locked(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;
}

static void
note_trouble(struct pickup_file *t, const char *doing, int error, struct judge_verdict verdict)
{
	t->doing = doing;
	t->error = error;
	t->verdict = verdict;
}

/*
 * Renames the file to its claimed name: from then on it is ours alone. False: `verdict` says what to do
 * instead.
 */
static bool
claim_file(struct pickup_file *t)
{
	char claimed[SPOOL_PICKUP_NAME_SIZE];

	if (t->claimed)
		return true;
	spool_pickup_claim_name(claimed, t->name, t->id);
	if (spool_pickup_claim(t->folder, t->current, claimed) == 0) {
		strlcpy(t->current, claimed, sizeof(t->current));
		t->claimed = true;
		t->left = false;
		return true;
	}
	if (errno == ENOENT)
		t->verdict = (struct judge_verdict){ .answer = JUDGE_IGNORE };
	else if (errno == EPERM) /* sticky folder: this file only */
		note_trouble(t, "take", errno, (struct judge_verdict){ .answer = JUDGE_WAIT,
		    .wait_ms = LATER_MS });
	else
		note_trouble(t, "take", errno, (struct judge_verdict){ .answer = JUDGE_BACK_OFF });
	return false;
}

static void
unclaim(struct pickup_file *t)
{
	if (t->claimed && spool_pickup_unclaim(t->folder, t->current, t->name) == 0) {
		strlcpy(t->current, t->name, sizeof(t->current));
		t->claimed = false;
		t->unclaimed = true;
	}
}

/* Nothing was written to it since. */
static bool
is_as_judged(const struct pickup_file *t, const struct stat *st)
{
	return S_ISREG(st->st_mode) && (uint64_t)st->st_size == t->size &&
	    st->st_mtim.tv_sec * INT64_C(1000000) + st->st_mtim.tv_nsec / 1000 == t->mtime_us;
}

/* Another file was renamed over the name, or it was written to, between look and claim: put it back. */
static bool
is_the_same(struct pickup_file *t, const struct statx *sx)
{
	struct stat st;

	if (fstatat(spool_pickup_folder(t->folder), t->current, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == sx->stx_ino && is_as_judged(t, &st))
		return true;
	unclaim(t);
	t->verdict = (struct judge_verdict){ .answer = JUDGE_WAIT, .wait_ms = SOON_MS };
	return false;
}

/* To badmail, under its claimed name, which no other file can have. */
static void
refuse_file(struct pickup_file *t, enum judge_reason reason)
{
	char words[128], details[SPOOL_PICKUP_NAME_SIZE + COMPOSE_DETAIL_SIZE + 16];
	int rc;

	t->verdict = (struct judge_verdict){ .answer = JUDGE_REFUSE, .reason = reason };
	if (reason == JUDGE_LARGE)
		snprintf(t->detail, sizeof(t->detail), "%ju bytes, the limit is %ju", (uintmax_t)t->size,
		    (uintmax_t)t->rules->judge.max_size);
	if (reason == JUDGE_UNREADABLE)
		pickup_trouble_owner(t);
	if (!claim_file(t))
		return;
	/* 0xC00402CE: the code that the original writes for a bad file in pickup */
	snprintf(words, sizeof(words), "bad file in pickup (0xC00402CE): %s", judge_words(reason));
	snprintf(details, sizeof(details), "file %s%s%s", t->name, t->detail[0] != '\0' ? "; " : "",
	    t->detail);
	for (char *p = details; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	rc = spool_pickup_refuse(t->folder, t->current, words, details, t->bad_id);
	if (rc == 1) {
		snprintf(t->detail, sizeof(t->detail), "larger than badmail-limit, so not kept");
	} else if (rc == -1) {
		note_trouble(t, "badmail", errno, (struct judge_verdict){ .answer = JUDGE_WAIT,
		    .wait_ms = t->tries++ < REFUSE_TRIES ? REFUSE_MS : LATER_MS });
		if (t->file != NULL)
			t->file->tries = t->tries;
		unclaim(t);
	}
}

/*
 * Whether the process that claimed a left file had queued or dropped its message. The id counts for nothing
 * else: every user may write such a name, and a message under an old id would replace what was delivered
 * under it.
 */
static bool
is_in_queue(struct pickup_file *t)
{
	char id[MESSAGE_ID_SIZE];
	const char *name, *why;
	int fd;

	if (!spool_pickup_claim_parse(t->current, id, &name))
		return false;
	fd = -1;
	if (!straight_find(t->queue, id, &t->envelope) &&
	    spool_load(t->queue, id, &t->envelope, &fd, &why) == -1)
		return false;
	if (fd != -1)
		close(fd);
	if (fd != -1 && (t->envelope.client == NULL || strcmp(t->envelope.client, "pickup") != 0)) {
		message_envelope_done(&t->envelope);
		return false;
	}
	memcpy(t->id, id, sizeof(t->id));
	t->sent = (uint64_t)t->envelope.content_size;
	return true;
}

/*
 * Written in place and perhaps not whole: nothing behind its header, or an open header. Looked at before it
 * is claimed, since a writer that appends by name would make a new file then.
 */
static void
look_at_progress(struct pickup_file *t)
{
	char *head;
	ssize_t n;

	if (judge_progress(t->file->evidence, JUDGE_IN_HEADER, &t->file->memory).answer == JUDGE_TAKE)
		return;
	head = mem_array(NULL, HEAD_MAX, 1);
	n = disk_pread(t->fd, head, HEAD_MAX, 0);
	t->verdict = n == -1 ? judge_error(errno, &t->file->tries) :
	    judge_progress(t->file->evidence, compose_part(head, (size_t)n), &t->file->memory);
	free(head);
}

void
pickup_file_look(struct pickup_file *t)
{
	struct statx sx;

	t->fd = openat(spool_pickup_folder(t->folder), t->current,
	    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	t->verdict = t->fd == -1 ? judge_error(errno, &t->file->tries) : examine_file(t, &sx);
	if (t->fd != -1 && (t->verdict.answer == JUDGE_TAKE || t->verdict.answer == JUDGE_REFUSE ||
	    t->file->evidence == JUDGE_OPEN) && is_locked(t->fd)) {
		t->file->writer.locked = true;
		if (t->verdict.answer != JUDGE_WAIT)
			t->verdict = judge_error(EWOULDBLOCK, &t->file->tries);
	}
	if (t->verdict.answer == JUDGE_TAKE)
		look_at_progress(t);
	if (t->verdict.answer == JUDGE_REFUSE)
		refuse_file(t, t->verdict.reason);
	if (t->verdict.answer != JUDGE_TAKE)
		return;
	t->was_queued = t->left && is_in_queue(t);
	if (t->was_queued || !claim_file(t) || !is_the_same(t, &sx))
		return;
	t->big = t->size > PICKUP_FILE_PIECE;
	if (!t->big)
		pickup_file_read(t);
}

/* --- reading --- */

/* One piece of the file in memory; the last one is kept. */
struct piece {
	char *data;
	size_t room, len;
	uint64_t at;
	bool whole;		/* all of the file */
};

/* The bytes at `at`, as many as fit. False: the file has changed (seen at its end), or cannot be read. */
static bool
read_piece(struct pickup_file *t, struct piece *p, uint64_t at)
{
	uint64_t want = t->size - at < p->room - 1 ? t->size - at : p->room - 1;
	size_t got = 0;
	struct stat st;

	if (p->whole && at == p->at)
		return true;
	while (got <= want) { /* one byte more, to see that there is none */
		ssize_t n = pread(t->fd, p->data + got, (size_t)want + 1 - got, (off_t)(at + got));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		if (n == 0)
			break;
		got += (size_t)n;
		if (got == want && at + got == t->size)
			break; /* the whole rest at once */
	}
	errno = EAGAIN;
	p->at = at;
	p->len = (size_t)want;
	p->whole = p->len == t->size;
	return got >= want && (at + want < t->size ||
	    (got == want && fstat(t->fd, &st) == 0 && is_as_judged(t, &st)));
}

/* Reads the whole file; decides about dots. */
static bool
survey(struct pickup_file *t, struct piece *p, struct body_survey *s)
{
	enum body_writer writer = BODY_WRITER_UNKNOWN;

	for (uint64_t at = 0; at < t->size; at += p->len) {
		size_t mark;

		if (!read_piece(t, p, at))
			return false;
		mark = at == 0 ? body_mark(p->data, p->len) : 0;
		writer = at == 0 ? writer_find(p->data, p->len) : writer;
		body_survey_add(s, p->data + mark, p->len - mark);
	}
	body_survey_end(s);
	t->body.unstuff = body_is_stuffed(t->rules->dots, s->dots, writer);
	return true;
}

/* Normalised bytes into `out` until the header is complete. 1, -1 over a limit, -2 the file changed. */
static int
read_file_header(struct pickup_file *t, struct piece *p, struct buf *out, struct compose_header *h)
{
	int found = 0;

	while (found == 0) {
		size_t mark;

		if (!read_piece(t, p, t->at))
			return -2;
		mark = t->at == 0 ? body_mark(p->data, p->len) : 0;
		body_add(&t->body, p->data + mark, p->len - mark, out);
		t->at += p->len;
		t->at_end = t->at == t->size;
		if (t->at_end)
			body_end(&t->body, out);
		found = compose_split(buf_text(out), out->len, t->at_end, h);
	}
	return found;
}

/* `content` is the header as it is sent. */
static void
keep_message_id(struct pickup_file *t)
{
	struct message_id_scan scan = { .len = 0 };

	message_id_scan_add(&scan, buf_text(&t->content), t->content.len);
	snprintf(t->message_id, sizeof(t->message_id), "%.*s", (int)sizeof(t->message_id) - 1, scan.id);
}

static enum judge_reason
compose(struct pickup_file *t, const struct buf *text, const struct compose_header *h)
{
	char date[CLOCK_DATE_SIZE];
	struct compose_rules rules = { .fqdn = t->rules->fqdn, .domain = t->rules->domain,
	    .server = t->rules->server, .id = t->id, .date = date, .owner = t->owner };
	enum judge_reason reason;

	clock_format_mail(date, clock_wall_us());
	reason = compose_message(&rules, buf_text(text), h, &t->envelope, &t->content, t->detail);
	if (reason == JUDGE_GOOD) {
		keep_message_id(t);
		buf_add(&t->content, text->data + h->body, text->len - h->body);
	}
	return reason;
}

/* The file was written to after it was judged, or cannot be read. */
static void
changed(struct pickup_file *t)
{
	struct judge_verdict v = { .answer = JUDGE_WAIT, .wait_ms = SOON_MS };
	int error = errno;

	if (error != EAGAIN) {
		v = judge_error(error, t->file != NULL ? &t->file->tries : &t->tries);
		note_trouble(t, "read", error, v);
	}
	if (v.answer == JUDGE_REFUSE) {
		refuse_file(t, v.reason);
		return;
	}
	unclaim(t);
	t->verdict = v;
}

static void
read_into(struct pickup_file *t, struct piece *p, struct buf *text)
{
	struct body_survey s = { 0 };
	struct compose_header h;
	enum judge_reason reason = JUDGE_LONG_HEADER;
	int found;

	if (!survey(t, p, &s)) {
		changed(t);
		return;
	}
	if (s.nul) {
		refuse_file(t, JUDGE_NUL);
		return;
	}
	found = read_file_header(t, p, text, &h);
	if (found == -2) {
		changed(t);
		return;
	}
	if (found == 1)
		reason = compose(t, text, &h);
	if (reason != JUDGE_GOOD)
		refuse_file(t, reason);
	else
		t->envelope.flags |= (s.eightbit ? MESSAGE_8BIT : 0U) | (t->rules->sign ? MESSAGE_SIGN : 0U);
}

void
pickup_file_read(struct pickup_file *t)
{
	struct piece p = { .room = (t->size < PICKUP_FILE_PIECE ? (size_t)t->size : PICKUP_FILE_PIECE) + 1 };
	struct buf text = BUF_INIT(CONTENT_MAX);

	p.data = mem_array(NULL, p.room, 1);
	read_into(t, &p, &text);
	free(p.data);
	buf_done(&text);
}

void
pickup_file_piece(struct pickup_file *t)
{
	struct piece p = { .room = PICKUP_FILE_PIECE + 1 };

	buf_clear(&t->content);
	p.data = mem_array(NULL, p.room, 1);
	if (read_piece(t, &p, t->at)) {
		body_add(&t->body, p.data, p.len, &t->content);
		t->at += p.len;
		t->at_end = t->at == t->size;
		if (t->at_end)
			body_end(&t->body, &t->content);
	} else {
		t->doing = "read";
		t->error = errno;
	}
	free(p.data);
}

void
pickup_file_clear(struct pickup_file *t)
{
	int rc;

	t->error = 0;
	if (t->filter_refused) {
		refuse_file(t, JUDGE_FILTER);	/* which says itself what failed */
		return;
	}
	if (t->put_back) {
		rc = spool_pickup_unclaim(t->folder, t->current, t->name);
		t->doing = "put-back";
	} else {
		rc = spool_pickup_remove(t->folder, t->current);
		t->doing = "remove";
	}
	if (rc == -1 && errno != ENOENT)
		t->error = errno;
}
