/*
 * straight - local mail from its writer straight into the drop folder
 *
 * Runs in:  posternctl, deliver, pickup; on threads that may wait for the disk
 * Owns:     envelopes and lists of recipients from straight_* until straight_done
 * Promise:  dropped: the drop file is whole and on disk with its name, as the queue would have made it, and
 *           is all that there is of the message. Not dropped: nothing is promised, and all of it can go into
 *           the queue, which knows the drop file that may have become visible by its bytes
 * Fails by: not dropped; a message is refused by the queue alone
 */
#include "common/spool/straight.h"

#include <bsd/string.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool_private.h"

#define HEADS_READ (256U << 10)		/* of a drop file: recipients beyond are not counted */
#define HEADER_READ (16U << 10)		/* of a content in a file: a longer one goes by the queue */

static void
begin(struct straight *m, const char *id)
{
	*m = (struct straight){ .fd = -1 };
	strlcpy(m->e.id, id, sizeof(m->e.id));
}

void
straight_none(struct straight *m)
{
	begin(m, "");
}

void
straight_bytes(struct straight *m, const char *id, const char *data, size_t len)
{
	const char *why;

	begin(m, id);
	if (len < MESSAGE_END_SIZE || message_envelope_parse(&m->e, data, len, &why) != 1)
		return;
	m->content = data + m->e.content_at;
	m->e.content_size = (off_t)(len - MESSAGE_END_SIZE) - m->e.content_at;
	m->known = m->e.content_size >= 0 &&
	    message_end_parse(data + len - MESSAGE_END_SIZE) == m->e.content_size;
}

void
straight_parts(struct straight *m, const char *id, const char *head, size_t head_len,
    const char *content, size_t len)
{
	const char *why;

	begin(m, id);
	m->content = content;
	m->known = content != NULL && message_envelope_parse(&m->e, head, head_len, &why) == 1;
	m->e.content_size = (off_t)len;
}

void
straight_file(struct straight *m, const char *id, int fd)
{
	const char *why;
	size_t want;
	ssize_t n;

	begin(m, id);
	m->fd = fd;
	if (spool_load_open(fd, id, &m->e, NULL, &why) == -1)
		return;
	want = m->e.content_size < (off_t)HEADER_READ ? (size_t)m->e.content_size : HEADER_READ;
	m->begin = mem_zalloc(want + 1);
	n = disk_pread(fd, m->begin, want, m->e.content_at);
	m->begin_len = n > 0 ? (size_t)n : 0;
	m->known = n == (ssize_t)want;
}

void
straight_done(struct straight *m)
{
	message_envelope_done(&m->e);
	free(m->begin);
	free(m->index);
}

static bool
is_judged_good(const struct straight_rules *r, const struct straight *m)
{
	bool in_memory = m->content != NULL;

	return m->known && r->judge(r->arg, &m->e, in_memory ? m->content : m->begin,
	    in_memory ? (size_t)m->e.content_size : m->begin_len);
}

/* Appends the values of the x- lines. The bytes that they take. */
static size_t
take_lines(char *text, struct message_envelope *e)
{
	static const char sender[] = "x-sender: ", receiver[] = "x-receiver: ";
	char *at = text, *end;

	for (; (end = strstr(at, "\r\n")) != NULL; at = end + 2) {
		*end = '\0';
		if (e->sender == NULL && strncmp(at, sender, sizeof(sender) - 1) == 0)
			e->sender = mem_strdup(at + sizeof(sender) - 1);
		else if (e->sender != NULL && strncmp(at, receiver, sizeof(receiver) - 1) == 0)
			message_envelope_add(e, at + sizeof(receiver) - 1);
		else
			break;
	}
	return (size_t)(at - text);
}

bool
straight_find(struct spool *s, const char *id, struct message_envelope *e)
{
	char name[SPOOL_NAME_SIZE], *text;
	struct stat st;
	size_t used;
	int fd;

	spool_drop_name(name, &(struct spool_drop){ .id = id, .part = 0 });
	fd = openat(spool_folder_open(s, SPOOL_DROP), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return false;
	text = mem_zalloc(HEADS_READ + 1);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    disk_pread(fd, text, HEADS_READ, 0) > 0) {
		used = take_lines(text, e);
		if (e->sender != NULL)
			e->content_size = st.st_size - (off_t)(used + strlen(e->sender) +
			    strlen("Return-Path: <>\r\n"));
	}
	free(text);
	close(fd);
	return e->sender != NULL;
}

/* One file for all recipients, with the name that the queue would have given it. */
static void
fill_drop(struct straight *m)
{
	m->index = mem_array(NULL, m->e.nrcpt, sizeof(*m->index));
	for (size_t i = 0; i < m->e.nrcpt; i++)
		m->index[i] = i;
	m->drop = (struct spool_drop){
		.id = m->e.id, .part = 0, .source_fd = m->fd, .content = m->content, .e = &m->e,
		.index = m->index, .count = m->e.nrcpt, .return_path = m->e.sender, .straight = true,
	};
}

static void
tell(const struct straight_rules *r, struct straight *m)
{
	char file[SPOOL_NAME_SIZE];

	m->dropped = m->drop.error == 0;
	if (!m->dropped)
		return;
	spool_drop_name(file, &m->drop);
	r->dropped(r->arg, &m->e, file);
}

/*
 * What a crash leaves, by its instant: before the rename a part, which goes with the tag of this process;
 * then a drop file that nobody was told of, so that a client that sends again has it twice; and when the
 * folder is synced, all that 250 promises. At no instant is a message that was answered with 250 in neither
 * place.
 */
void
straight_write(struct spool *s, const struct straight_rules *r, struct straight *list, size_t n)
{
	struct spool_drop *drops[SPOOL_DROP_BATCH];
	struct straight *mine[SPOOL_DROP_BATCH];
	size_t count = 0;

	for (size_t i = 0; i < n && r->judge != NULL; i++)
		if (is_judged_good(r, &list[i]))
			mine[count++] = &list[i];
	if (count == 0 || atomic_load(&s->replaces) || !spool_drop_follow(s))
		return;
	for (size_t i = 0; i < count; i++) {
		fill_drop(mine[i]);
		drops[i] = &mine[i]->drop;
	}
	spool_drop_write(s, drops, count);
	disk_crash_point("straight-dropped");
	for (size_t i = 0; i < count; i++)
		tell(r, mine[i]);
}
