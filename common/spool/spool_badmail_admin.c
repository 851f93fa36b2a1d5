/*
 * spool_badmail_admin - badmail for operators: listed, put back into the queue, removed
 *
 * Runs in:  deliver; on pool threads
 * Owns:     badmail files that an operator puts back or removes
 * Promise:  a message is on disk in the queue before its badmail files are removed: a crash between leaves
 *           it in both
 * Fails by: -1 and errno
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/refused_words.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

static void
make_name(char *dst, const struct spool_badmail *b, const char *suffix)
{
	snprintf(dst, SPOOL_NAME_SIZE, "%.31s%s", b->name, suffix);
}

static const char *
suffix_of(const struct spool_badmail *b)
{
	return b->foreign ? ".foreign" : ".bad";
}

/* Whether it is "ID" or "ID-2", the base of our own names. */
static bool
is_base(const char *base)
{
	char id[MESSAGE_ID_SIZE];

	if (strlen(base) < MESSAGE_ID_LEN)
		return false;
	memcpy(id, base, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	base += MESSAGE_ID_LEN;
	return message_id_is_valid(id) && (*base == '\0' ||
	    (*base == '-' && base[1] != '\0' && base[1 + strspn(base + 1, "0123456789")] == '\0'));
}

static bool
take_badmail_name(struct spool_badmail *b, const char *file)
{
	const char *dot = strchr(file, '.');

	if (dot == NULL || dot == file || (size_t)(dot - file) >= sizeof(b->name))
		return false;
	*b = (struct spool_badmail){ .foreign = strcmp(dot, ".foreign") == 0 };
	memcpy(b->name, file, (size_t)(dot - file));
	return (b->foreign || strcmp(dot, ".bad") == 0) && is_base(b->name);
}

static bool
examine_badmail(struct spool *s, struct spool_badmail *b)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st, words;

	make_name(name, b, suffix_of(b));
	if (fstatat(s->badmail, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	make_name(name, b, ".bdr");
	b->since = fstatat(s->badmail, name, &words, AT_SYMLINK_NOFOLLOW) == 0 ? words.st_mtim.tv_sec :
	    st.st_ctim.tv_sec;	/* see spool_badmail_trim */
	b->size = st.st_size;
	return true;
}

/* Keeps the `n` smallest names, in order. */
static size_t
keep_smallest(struct spool_badmail *list, size_t count, size_t n, const struct spool_badmail *b)
{
	size_t at = count;

	while (at > 0 && strcmp(list[at - 1].name, b->name) > 0)
		at--;
	if (at == n)
		return count;
	count -= count == n;
	memmove(&list[at + 1], &list[at], (count - at) * sizeof(*list));
	list[at] = *b;
	return count + 1;
}

static DIR *
open_badmail(struct spool *s)
{
	int fd = openat(spool_folder_open(s, SPOOL_BADMAIL), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd != -1 ? fdopendir(fd) : NULL;
}

int
spool_badmail_admin_walk(struct spool *s, void (*take)(void *arg, const struct spool_badmail *b), void *arg)
{
	DIR *dir = open_badmail(s);
	struct spool_badmail b;
	struct dirent *de;

	if (dir == NULL)
		return -1;
	while ((de = readdir(dir)) != NULL)
		if (take_badmail_name(&b, de->d_name) && examine_badmail(s, &b))
			take(arg, &b);
	closedir(dir);
	return 0;
}

ssize_t
spool_badmail_admin_list(struct spool *s, const char *after, struct spool_badmail *list, size_t n)
{
	DIR *dir = open_badmail(s);
	struct spool_badmail b;
	struct dirent *de;
	size_t count = 0, left = 0;

	if (dir == NULL)
		return -1;
	while ((de = readdir(dir)) != NULL)
		if (take_badmail_name(&b, de->d_name) && strcmp(b.name, after) > 0)
			count = keep_smallest(list, count, n, &b);
	closedir(dir);
	for (size_t i = 0; i < count; i++)
		if (examine_badmail(s, &list[i]))
			list[left++] = list[i];
	return (ssize_t)left;
}

/* The whole file, or as much as the cap allows. */
static int
read_badmail_file(struct spool *s, const struct spool_badmail *b, const char *suffix, struct buf *out)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	int fd;
	ssize_t n;

	make_name(name, b, suffix);
	fd = openat(s->badmail, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = -1;
	if (fstat(fd, &st) == 0) {
		size_t want = (uint64_t)st.st_size < out->cap ? (size_t)st.st_size : out->cap;
		char *to = buf_room(out, want);

		n = to != NULL ? disk_pread(fd, to, want, 0) : 0;
	}
	if (n > 0) {
		out->len = (size_t)n;
		out->data[n] = '\0';
	}
	disk_close(fd);
	return n == -1 ? -1 : 0;
}

int
spool_badmail_admin_envelope(struct spool *s, const struct spool_badmail *b, struct message_envelope *e)
{
	struct buf in = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	const char *why;
	int saved, rc;

	*e = (struct message_envelope){ 0 };
	rc = read_badmail_file(s, b, ".bdp", &in);
	if (rc == 0)
		rc = in.len > 0 && message_envelope_parse(e, buf_text(&in), in.len, &why) == 1;
	else
		rc = errno == ENOENT ? 0 : -1;
	if (rc != 1)
		message_envelope_done(e);
	saved = errno;
	buf_done(&in);
	errno = saved;
	return rc;
}

int
spool_badmail_admin_words(struct spool *s, const struct spool_badmail *b, struct buf *out)
{
	return read_badmail_file(s, b, ".bdr", out);
}

int
spool_badmail_admin_open(struct spool *s, const struct spool_badmail *b)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;
	int fd;

	make_name(name, b, suffix_of(b));
	fd = openat(s->badmail, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

/* --- back into the queue, or away --- */

static int
write_again(struct spool_draft *d, int fd)
{
	char piece[16384];
	ssize_t n;

	for (off_t at = 0; (n = disk_pread(fd, piece, sizeof(piece), at)) > 0; at += n)
		if (spool_draft_write(d, piece, (size_t)n) == -1)
			return -1;
	if (n == -1)
		return -1;
	spool_draft_commit(&d, 1);
	errno = spool_draft_error(d);
	return errno == 0 ? 0 : -1;
}

/* What became of a member of a group that got no mail, "5.1.1 name: words": it is looked up anew. */
static void
look_up_again(struct message_recipient *r)
{
	const char *name = r->refused + strcspn(r->refused, " "), *end = NULL;

	name += *name == ' ';
	for (const char *at = name; (at = strstr(at, ": ")) != NULL; at++)
		end = at;	/* a name may have some, the words have none */
	free(r->member);
	r->member = mem_strndup(name, end != NULL ? (size_t)(end - name) : strlen(name));
}

/* Whoever puts it back wants it sent: also what a mail filter had refused. */
static void
ask_again(struct message_recipient *r)
{
	char status[REFUSED_WORDS_STATUS];
	const char *words;

	if (!refused_words_by_filter(r->refused, status, &words))
		look_up_again(r);
	free(r->refused);
	r->refused = NULL;
}

/*
 * As a new message: parts of it may still be in the queue under its own id, and its time would be over.
 * Recipients that have it keep their marks.
 */
static int
queue_again(struct spool *s, const struct spool_badmail *b, struct message_envelope *e, char *id)
{
	int saved, fd, rc;
	struct spool_draft *d;

	e->id[0] = '\0';
	for (size_t i = 0; i < e->nrcpt; i++) {
		struct message_recipient *r = &e->rcpt[i];

		if (r->mark != MARK_DELIVERED && r->mark != MARK_DELETED)
			r->mark = MARK_PENDING;
		if (r->refused != NULL && r->mark == MARK_PENDING)
			ask_again(r);
	}
	fd = spool_badmail_admin_open(s, b);
	d = fd != -1 ? spool_draft_new(s, e) : NULL;
	rc = d != NULL ? write_again(d, fd) : -1;
	if (rc == 0)
		memcpy(id, spool_draft_id(d), MESSAGE_ID_SIZE);
	saved = errno;
	spool_draft_free(d);
	if (fd != -1)
		close(fd);
	errno = saved;
	return rc;
}

/* The message first: words without one are harmless. */
int
spool_badmail_admin_purge(struct spool *s, const struct spool_badmail *b)
{
	char name[SPOOL_NAME_SIZE];

	make_name(name, b, suffix_of(b));
	if (!spool_folder_is_ours(s) || unlinkat(s->badmail, name, 0) == -1)
		return -1;
	spool_badmail_trim_sum(s, -(int64_t)spool_badmail_trim_cost((uint64_t)b->size));
	disk_crash_point("badmail-left");
	spool_badmail_remove_words(s, b->name);
	return 0;
}

int
spool_badmail_admin_retry(struct spool *s, const struct spool_badmail *b, char *id)
{
	struct message_envelope e;
	int rc = b->foreign ? 0 : spool_badmail_admin_envelope(s, b, &e);
	int saved;

	if (rc == 0)
		errno = EBADMSG;
	if (rc != 1)
		return -1;
	rc = queue_again(s, b, &e, id);
	saved = errno;
	message_envelope_done(&e);
	errno = saved;
	if (rc == -1)
		return -1;
	disk_crash_point("badmail-queued");
	/* What stays can be purged; a second retry would send it twice */
	(void)!spool_badmail_admin_purge(s, b);
	return 0;
}
