/*
 * spool_badmail_trim - keeps the badmail folder within its limits: when something is added, and by age
 *
 * Runs in:  deliver, pickup; on pool threads
 * Owns:     the sum of the folder's bytes, in the shared counters
 * Promise:  before a message is added there is room for it, whoever added the others; whole messages go,
 *           the oldest first; files that are none of ours stay and do not count. A file counts with whole
 *           blocks, so that many small ones take neither the disk nor its inodes. The folder is read again
 *           only after a sixteenth of the limit was added
 * Fails by: -1 and errno; what cannot be removed is tried again at the next turn
 */
#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define SLACK 16		/* this part of the limit is freed beyond what is needed */
#define FILE_LEAST 4096		/* of the limit: a small file takes a block, and an inode */
#define PART_SECONDS 3600	/* a message that is written for so long was left by a process that ended */

/* In this order: the message goes before the words, which are harmless alone. */
static const char *const endings[] = { ".bad", ".foreign", ".bdr", ".bdp", ".part" };
#define ENDING_WORDS 2		/* and the next one */

struct bad_file {
	char base[SPOOL_NAME_SIZE];	/* name without the ending */
	unsigned ending;
	int64_t time;
	off_t size;
};

/* A file of ours: ID or ID-N, with an ending of the table; ".ID.part" too. */
static bool
parse_name(const char *name, struct bad_file *f)
{
	const char *dot = strrchr(name, '.');
	char id[MESSAGE_ID_SIZE];

	if (dot == NULL || strlen(name) >= SPOOL_NAME_SIZE)
		return false;
	for (f->ending = 0; f->ending < nitems_of(endings); f->ending++)
		if (strcmp(dot, endings[f->ending]) == 0)
			break;
	if (f->ending == nitems_of(endings))
		return false;
	strlcpy(f->base, name, (size_t)(dot - name) + 1);
	strlcpy(id, f->base + (name[0] == '.'), sizeof(id));
	return message_id_is_valid(id);
}

uint64_t
spool_badmail_trim_cost(uint64_t size)
{
	return size == 0 ? FILE_LEAST : (size + FILE_LEAST - 1) / FILE_LEAST * FILE_LEAST;
}

static int
by_message(const void *a, const void *b)
{
	const struct bad_file *x = a, *y = b;
	int order = strcmp(x->base, y->base);

	return order != 0 ? order : (int)x->ending - (int)y->ending;
}

static bool
is_words(const struct bad_file *f)
{
	return f->ending == ENDING_WORDS || f->ending == ENDING_WORDS + 1;
}

static struct bad_file *
list_files(struct spool *s, size_t *count)
{
	int fd = openat(spool_folder_open(s, SPOOL_BADMAIL), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct bad_file *list = mem_array(NULL, 64, sizeof(*list));
	size_t room = 64;
	struct dirent *de;
	struct stat st;

	*count = 0;
	while (dir != NULL && (de = readdir(dir)) != NULL) {
		struct bad_file *f = &list[*count];

		if (!parse_name(de->d_name, f) || fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    S_ISDIR(st.st_mode))
			continue;
		/*
		 * When it came here. Words are written then, and only then. The other time of a message that
		 * was moved is that of its writer, or a due time; its own changes when its owner does
		 */
		f->time = is_words(f) ? st.st_mtim.tv_sec : st.st_ctim.tv_sec;
		f->size = st.st_size;
		if (++*count == room)
			list = mem_array(list, room *= 2, sizeof(*list));
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd != -1)
		close(fd);
	qsort(list, *count, sizeof(*list), by_message);
	return list;
}

/* All files of one message, side by side in the list. */
struct bad_message {
	size_t first, count;
	int64_t time;			/* of its words; without any of the newest file */
	uint64_t size;
};

static int
by_age(const void *a, const void *b)
{
	const struct bad_message *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time ? -1 : 1) : x->first < y->first ? -1 : 1;
}

static struct bad_message *
group_files(const struct bad_file *list, size_t count, size_t *messages)
{
	struct bad_message *group = mem_array(NULL, count + 1, sizeof(*group));
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct bad_message *g = &group[n > 0 ? n - 1 : 0];

		if (n == 0 || strcmp(list[g->first].base, list[i].base) != 0) {
			g = &group[n++];
			*g = (struct bad_message){ .first = i };
		}
		g->count++;
		g->size += spool_badmail_trim_cost((uint64_t)list[i].size);
		if (list[i].ending == ENDING_WORDS || list[i].time > g->time)
			g->time = list[i].time;
	}
	qsort(group, n, sizeof(*group), by_age);
	*messages = n;
	return group;
}

static size_t
remove_files(struct spool *s, const struct bad_file *list, const struct bad_message *g)
{
	char name[2 * SPOOL_NAME_SIZE];
	size_t gone = 0;

	for (size_t i = g->first; i < g->first + g->count; i++) {
		strlcpy(name, list[i].base, sizeof(name));
		strlcat(name, endings[list[i].ending], sizeof(name));
		gone += unlinkat(s->badmail, name, 0) == 0;
	}
	return gone;
}

void
spool_badmail_trim_lock(struct spool *s)
{
	pthread_mutex_lock(&s->bad_lock);
	while (s->bad_depth == 0 && flock(s->badmail, LOCK_EX) == -1 && errno == EINTR)
		;
	s->bad_depth++;
}

void
spool_badmail_trim_unlock(struct spool *s)
{
	int saved = errno;

	if (--s->bad_depth == 0)
		flock(s->badmail, LOCK_UN);
	pthread_mutex_unlock(&s->bad_lock);
	errno = saved;
}

static size_t
trim(struct spool *s, int64_t keep_seconds, uint64_t limit)
{
	int64_t now = clock_wall_us() / 1000000, before = spool_badmail_trim_sum(s, 0);
	size_t count, messages, gone = 0;
	uint64_t sum = 0;
	struct bad_file *list = list_files(s, &count);
	struct bad_message *group = group_files(list, count, &messages);

	for (size_t i = 0; i < messages; i++)
		sum += group[i].size;
	for (size_t i = 0; i < messages; i++) {
		bool part = list[group[i].first].base[0] == '.';

		if (part ? group[i].time + PART_SECONDS >= now :
		    sum <= limit && group[i].time + keep_seconds >= now)
			continue;
		gone += remove_files(s, list, &group[i]);
		sum -= group[i].size;
	}
	free(list);
	free(group);
	/* what was added meanwhile stays in the sum */
	spool_badmail_trim_sum(s, (int64_t)sum - before);
	return gone;
}

size_t
spool_badmail_trim(struct spool *s, int64_t keep_seconds, uint64_t limit)
{
	size_t gone;

	spool_badmail_trim_lock(s);
	gone = trim(s, keep_seconds, limit);
	spool_badmail_trim_unlock(s);
	return gone;
}

/* --- when something is added --- */

int64_t
spool_badmail_trim_sum(struct spool *s, int64_t n)
{
	if (s->counters == NULL)
		return s->bad_sum += n;
	if (n != 0)
		counters_add(s->counters, COUNTER_BADMAIL_BYTES, n);
	return counters_get(s->counters, COUNTER_BADMAIL_BYTES);
}

void
spool_badmail_trim_limit(struct spool *s, struct counters *counters, uint64_t limit)
{
	s->counters = counters;
	s->bad_limit = limit;
}

int
spool_badmail_trim_make_room(struct spool *s, const uint64_t *file, size_t files)
{
	uint64_t size = 0;
	int64_t sum;

	if (s->bad_limit == 0)
		return 0;
	for (size_t i = 0; i < files; i++)
		size += spool_badmail_trim_cost(file[i]);
	if (size > s->bad_limit) {
		errno = EFBIG;
		return -1;
	}
	sum = spool_badmail_trim_sum(s, (int64_t)size);
	if (sum < 0 || (uint64_t)sum > s->bad_limit) {
		uint64_t room = s->bad_limit - size, slack = s->bad_limit / SLACK;

		s->bad_trimmed += trim(s, INT64_MAX / 2, room > slack ? room - slack : 0);
		/* it is not there yet, so the trim has forgotten it */
		spool_badmail_trim_sum(s, (int64_t)size);
	}
	return 0;
}

size_t
spool_badmail_trim_count(struct spool *s)
{
	size_t gone;

	if (pthread_mutex_trylock(&s->bad_lock) != 0)
		return 0;
	gone = s->bad_trimmed;
	s->bad_trimmed = 0;
	pthread_mutex_unlock(&s->bad_lock);
	return gone;
}
