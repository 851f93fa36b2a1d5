/*
 * counters_ring - samples of counters in a file of fixed size: a head, the ring of the hour, that of the day
 *
 * Runs in:  master, posternctl
 * Owns:     its descriptor
 * Promise:  a record is whole or is skipped: each has a sum. The place of a record follows from its number:
 *           no order is kept elsewhere, and one write adds a sample. Its blocks are there from the beginning
 * Fails by: NULL or -1 and errno; a file that is none of this version is made anew
 */
#include "common/process/counters_ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"

#define VERSION 1U
#define HEAD 512		/* bytes before the first record */
#define HOUR_SAMPLES 360U
#define DAY_SAMPLES 288U
#define DAY_EVERY 30U
#define PIECE 12U		/* records, some 7 KiB */

const struct counters_ring_row counters_ring_rows[COUNTERS_RING_SPANS] = {
	[COUNTERS_RING_HOUR] = { "hour", 1, HOUR_SAMPLES, COUNTERS_RING_STEP },
	[COUNTERS_RING_DAY] = { "day", DAY_EVERY, DAY_SAMPLES, COUNTERS_RING_STEP * DAY_EVERY },
};

/* Native byte order: a file that comes from another machine is a foreign one. */
struct head {
	char magic[8];
	uint32_t version, counters, record, samples[COUNTERS_RING_SPANS];
	uint32_t unused;
	uint64_t names;		/* the sum of the names of all counters, in their order */
	uint64_t sum;
};

struct record {
	struct counters_sample sample;
	uint64_t sum;
};

struct counters_ring {
	int fd;
	uint64_t last;		/* number of the newest sample; 0: none */
};

/* FNV-1a: tells what was torn, not what was forged. */
static uint64_t
sum_of(uint64_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 0x100000001b3ULL;
	return sum;
}

#define SUM_BEGIN 0xcbf29ce484222325ULL

static uint64_t
sum_record(const struct record *r)
{
	return sum_of(SUM_BEGIN, &r->sample, sizeof(r->sample));
}

static struct head
own_head(void)
{
	struct head h = { .version = VERSION, .counters = COUNTER_COUNT, .record = sizeof(struct record),
	    .samples = { HOUR_SAMPLES, DAY_SAMPLES }, .names = SUM_BEGIN };

	memcpy(h.magic, "postrng\n", sizeof(h.magic));
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		h.names = sum_of(h.names, counters_rows[i].name, strlen(counters_rows[i].name) + 1);
	h.sum = sum_of(SUM_BEGIN, &h, offsetof(struct head, sum));
	return h;
}

/* --- places --- */

static off_t
ring_begin(enum counters_ring_span span)
{
	return HEAD + (span == COUNTERS_RING_DAY ? (off_t)(HOUR_SAMPLES * sizeof(struct record)) : 0);
}

static off_t
file_size(void)
{
	return ring_begin(COUNTERS_RING_DAY) + (off_t)(DAY_SAMPLES * sizeof(struct record));
}

static size_t
slot_of(enum counters_ring_span span, uint64_t number)
{
	return (size_t)(number / counters_ring_rows[span].every % counters_ring_rows[span].samples);
}

static bool
is_whole(const struct record *r, enum counters_ring_span span, size_t slot)
{
	return r->sample.number != 0 && r->sample.number % counters_ring_rows[span].every == 0 &&
	    slot_of(span, r->sample.number) == slot && r->sum == sum_record(r);
}

/* All records of one ring, owned by the caller; what cannot be read is zeroes. */
static struct record *
load_ring(int fd, enum counters_ring_span span)
{
	size_t size = counters_ring_rows[span].samples * sizeof(struct record);
	struct record *list = mem_zalloc(size);

	if (disk_pread(fd, list, size, ring_begin(span)) == -1)
		memset(list, 0, size);
	return list;
}

/* --- open, close --- */

/* In pieces: at a start the kernel has no page to clear for one virtual server more. */
static uint64_t
find_last(int fd)
{
	struct record piece[PIECE];
	uint64_t last = 0;

	for (enum counters_ring_span span = 0; span < COUNTERS_RING_SPANS; span++) {
		off_t begin = ring_begin(span);

		for (size_t slot = 0; slot < counters_ring_rows[span].samples; slot += PIECE) {
			ssize_t n = disk_pread(fd, piece, sizeof(piece),
			    begin + (off_t)(slot * sizeof(*piece)));

			for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(*piece); i++)
				if (piece[i].sample.number > last && is_whole(&piece[i], span, slot + i))
					last = piece[i].sample.number;
		}
	}
	return last;
}

/* Why the file cannot go on; NULL: it can. A new one is empty. */
static const char *
judge_file(int fd, bool *empty)
{
	struct head wanted = own_head(), h = { .unused = 0 };
	struct stat st;

	*empty = false;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return "it is no regular file";
	*empty = st.st_size == 0;
	if (disk_pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.sum != sum_of(SUM_BEGIN, &h,
	    offsetof(struct head, sum)) || memcmp(h.magic, wanted.magic, sizeof(h.magic)) != 0)
		return "it is damaged, or no file of counters";
	if (memcmp(&h, &wanted, sizeof(h)) != 0)
		return "another version of Postern wrote it";
	return st.st_size == file_size() ? NULL : "it has another size";
}

/* The head comes last: with a crash before, the file is none yet. */
static int
fill_file(int fd)
{
	struct head h = own_head();
	int error;

	if (ftruncate(fd, 0) == -1)
		return -1;
	error = posix_fallocate(fd, 0, file_size());
	if (error != 0) {
		errno = error;
		return -1;
	}
	return disk_pwrite(fd, &h, sizeof(h), 0);
}

static char *
path_of(const char *folder, const char *name)
{
	return mem_printf("%s/%s.counters", folder, name);
}

struct counters_ring *
counters_ring_open(const char *folder, const char *name, const char **anew)
{
	char *path = path_of(folder, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	int saved = errno;
	struct counters_ring *r;
	bool empty = false, filled;

	static_assert(sizeof(struct head) <= HEAD, "records come after the head");
	static_assert(HOUR_SAMPLES % PIECE == 0 && DAY_SAMPLES % PIECE == 0, "a piece is of one ring");
	static_assert(HOUR_SAMPLES < COUNTERS_RING_MOST && DAY_SAMPLES + 1 <= COUNTERS_RING_MOST, "a list");
	free(path);
	*anew = NULL;
	if (fd != -1)
		*anew = judge_file(fd, &empty);
	filled = *anew != NULL;
	if (filled && fill_file(fd) == -1) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	if (empty)
		*anew = NULL;
	if (fd == -1) {
		errno = saved;
		return NULL;
	}
	r = mem_new(struct counters_ring);
	*r = (struct counters_ring){ .fd = fd, .last = filled ? 0 : find_last(fd) };
	return r;
}

void
counters_ring_close(struct counters_ring *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	free(r);
}

bool
counters_ring_is_removed(const struct counters_ring *r)
{
	struct stat st;

	return fstat(r->fd, &st) == -1 || st.st_nlink == 0 || st.st_size != file_size();
}

/* --- samples --- */

int
counters_ring_add(struct counters_ring *r, struct counters_sample *s)
{
	struct record record;

	s->number = r->last + 1 != 0 ? r->last + 1 : 1;
	memset(&record, 0, sizeof(record));
	record.sample = *s;
	record.sum = sum_record(&record);
	for (enum counters_ring_span span = 0; span < COUNTERS_RING_SPANS; span++)
		if (s->number % counters_ring_rows[span].every == 0 && disk_pwrite(r->fd, &record,
		    sizeof(record), ring_begin(span) +
		    (off_t)(slot_of(span, s->number) * sizeof(record))) == -1)
			return -1;
	r->last = s->number;
	return 0;
}

/* Adds what the ring has from `number` on backwards, newest first. */
static size_t
collect(const struct counters_ring *r, enum counters_ring_span span, uint64_t number, size_t most,
    int64_t since, int64_t *before, struct counters_sample *list)
{
	const struct counters_ring_row *row = &counters_ring_rows[span];
	struct record *all = load_ring(r->fd, span);
	size_t n = 0;

	for (size_t i = 0; i < row->samples && n < most && number >= row->every; i++) {
		size_t slot = slot_of(span, number);
		const struct counters_sample *s = &all[slot].sample;

		if (s->number == number && is_whole(&all[slot], span, slot) && s->at > since &&
		    s->at < *before) {
			list[n++] = *s;
			*before = s->at;
		}
		number -= row->every;
	}
	free(all);
	return n;
}

size_t
counters_ring_read(const struct counters_ring *r, enum counters_ring_span span, int64_t now,
    struct counters_sample *list)
{
	const struct counters_ring_row *row = &counters_ring_rows[span];
	int64_t since = now - (int64_t)row->samples * row->step * 1000000;
	int64_t before = now + COUNTERS_RING_STEP * 1000000;
	uint64_t number = r->last - r->last % row->every;
	size_t n = 0;

	if (number != r->last)
		n = collect(r, COUNTERS_RING_HOUR, r->last, 1, since, &before, list);
	n += collect(r, span, number, COUNTERS_RING_MOST - n, since, &before, list + n);
	for (size_t i = 0; i < n / 2; i++) {
		struct counters_sample s = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = s;
	}
	return n;
}

uint64_t
counters_ring_length(const struct counters_sample *before, const struct counters_sample *s)
{
	if (before == NULL)
		return 0;
	if (before->run != s->run)
		return s->age;
	return s->age > before->age ? s->age - before->age : 0;
}

bool
counters_ring_growth(const struct counters_sample *before, const struct counters_sample *s,
    enum counter which, int64_t *growth)
{
	int64_t from = before != NULL && before->run == s->run ? before->value[which] : 0;

	return counters_ring_length(before, s) > 0 &&
	    !__builtin_sub_overflow(s->value[which], from, growth) && *growth >= 0;
}

void
counters_ring_move(const char *folder, const char *from, const char *to)
{
	char *old = path_of(folder, from), *new = to != NULL ? path_of(folder, to) : NULL;

	if (new != NULL)
		(void)rename(old, new);
	else
		(void)unlink(old);
	free(old);
	free(new);
}
