/*
 * queue_admin_drop - files of the drop folder for operators: the newest first, shown, read in pieces, deleted
 *
 * Runs in:  deliver, on pool threads
 * Owns:     nothing beyond the question
 * Promise:  a page costs one walk over the names of the folder and LOOK_MS of reading; of a file its head
 *           alone is read for a list. An opened message is an event
 * Fails by: a line on the page
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base64.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "deliver/admin/admin.h"

#define LOOK_MS 300
#define ROOM QUEUE_ADMIN_LINE_MAX	/* bytes that one more line may need */
#define HEAD_BYTES (64U << 10)		/* x- lines are searched in so many */
#define PIECE 18000U			/* bytes of a file on a page; a multiple of three */

/* --- the envelope: the lines that deliver has put on top --- */

static char *
value_of(const struct header_field *f)
{
	return mem_strndup(f->value, f->value_len);
}

static void
take_x_lines(struct message_envelope *e, const char *head, size_t len, char mark)
{
	struct header_field f;
	size_t pos = 0;

	while (header_next(head, len, &pos, &f) == 1) {
		bool receiver = header_is(&f, "x-receiver");
		char *value;

		if (!receiver && !header_is(&f, "x-sender"))
			break;
		e->content_at = (off_t)pos;
		value = value_of(&f);
		if (receiver)
			message_envelope_add(e, value)->mark = mark;
		if (receiver || e->sender != NULL)
			free(value);
		else
			e->sender = value;
	}
	if (e->sender == NULL)
		e->sender = mem_strdup("");
}

/* 0 or -1. */
static int
read_envelope(struct message_envelope *e, int fd, char mark)
{
	char *head = mem_zalloc(HEAD_BYTES + 1);
	ssize_t n = disk_pread(fd, head, HEAD_BYTES, 0);

	*e = (struct message_envelope){ .sender = NULL };
	if (n >= 0)
		take_x_lines(e, head, (size_t)n, mark);
	free(head);
	return n >= 0 ? 0 : -1;
}

/* --- one file --- */

static bool
is_meant(const struct queue_admin_job *j, const struct message_envelope *e)
{
	bool fits = false;

	if (!queue_filter_needs_envelope(&j->ask.pick))
		return true;
	if (!queue_filter_is_sender(&j->ask.pick, e->sender))
		return false;
	for (size_t i = 0; i < e->nrcpt && !fits; i++)
		fits = queue_filter_is_recipient(&j->ask.pick, e->rcpt[i].address);
	return fits;
}

static void
tell_opened(const struct queue_admin_job *j, const struct queue_admin_item *i)
{
	struct queue_admin *c = j->queue_admin;

	log_event(LOG_FACT, NULL, "opened", "%s drop=%s", j->ask.author, log_safe(i->drop.name));
	memcpy(c->opened, i->drop.name, sizeof(c->opened));
	memcpy(c->opened_by, j->ask.author, sizeof(c->opened_by));
}

/* Reading may begin anywhere: further pieces are no event only while one reader goes on with one file. */
static bool
goes_on(const struct queue_admin_job *j, const struct queue_admin_item *i)
{
	const struct queue_admin *c = j->queue_admin;

	return strcmp(c->opened, i->drop.name) == 0 && strcmp(c->opened_by, j->ask.author) == 0;
}

static void
put_piece(struct queue_admin_job *j, struct queue_admin_item *i, int fd)
{
	uint64_t at = strtoull(j->ask.at, NULL, 10);
	char *bytes = mem_zalloc(PIECE), *text = mem_zalloc(BASE64_SIZE(PIECE));
	ssize_t n = at <= INT64_MAX ? disk_pread(fd, bytes, PIECE, (off_t)at) : 0;

	if (n >= 0) {
		(void)base64_encode(text, bytes, (size_t)n);
		queue_admin_rows_drop_piece(j, i, text);
	}
	if (n == PIECE)
		snprintf(j->page.next, sizeof(j->page.next), "%llu", (unsigned long long)(at + PIECE));
	if (at == 0 || !goes_on(j, i))
		tell_opened(j, i);
	free(text);
	free(bytes);
}

static void
put_row(struct queue_admin_job *j, struct queue_admin_item *i, const struct message_envelope *e, int fd)
{
	if (j->ask.verb == MSG_QUEUE_DROP_LIST)
		queue_admin_rows_drop(j, i, e);
	if (j->ask.verb == MSG_QUEUE_DROP_READ)
		put_piece(j, i, fd);
	if (j->ask.verb != MSG_QUEUE_DROP_SHOW)
		return;
	queue_admin_rows_drop_show(j, i, e, fd);
	tell_opened(j, i);
}

/* It came while or after the command was given. */
static bool
came_later(const struct queue_admin_job *j, const struct spool_drop_file *f)
{
	return j->ask.newest_us != 0 && f->since_us > j->ask.newest_us;
}

/* All that is known of it without its head. */
static bool
is_file_meant(const struct queue_admin_job *j, const struct spool_drop_file *f, int64_t now)
{
	return queue_filter_is_id(&j->ask.pick, f->name) &&
	    queue_filter_is_age(&j->ask.pick, now - f->since) && !came_later(j, f);
}

static bool
is_known_by_name(const struct queue_admin_job *j)
{
	return j->ask.verb == MSG_QUEUE_DROP_TALLY && !queue_filter_needs_envelope(&j->ask.pick);
}

static void
read_file(struct queue_admin_job *j, struct queue_admin_item *i, int64_t now)
{
	char mark = j->ask.verb == MSG_QUEUE_DROP_SHOW ? MARK_DELIVERED : MARK_PENDING;
	struct message_envelope e;
	int fd;

	if (!queue_filter_is_id(&j->ask.pick, i->drop.name) ||
	    spool_drop_admin_find(j->queue_admin->spool, &i->drop) != 1 || !is_file_meant(j, &i->drop, now))
		return;
	i->matched = is_known_by_name(j);
	if (i->matched)
		return;
	fd = spool_drop_admin_open(j->queue_admin->spool, &i->drop);
	if (fd == -1 || read_envelope(&e, fd, mark) == -1) {
		if (errno != ENOENT)
			buf_printf(&j->text, "!%s cannot be read: %s\n", i->drop.name, strerror(errno));
	} else {
		i->matched = is_meant(j, &e);
		if (i->matched)
			put_row(j, i, &e, fd);
		message_envelope_done(&e);
	}
	if (fd != -1)
		close(fd);
}

/* --- which files --- */

/*
 * Those that are named in full: the folder is not walked over. How many; the first is the one after so many
 * that earlier pages had. -1: some are patterns, or none is named.
 */
static ssize_t
take_names(struct queue_admin_job *j, struct spool_drop_file *list)
{
	const struct queue_filter *p = &j->ask.pick;
	size_t before = j->ask.verb != MSG_QUEUE_DROP_READ ? strtoul(j->ask.at, NULL, 10) : 0;
	size_t n = 0, named = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		if (p->term[i].kind != QUEUE_FILTER_ID)
			continue;
		if (strpbrk(p->term[i].text, "*?") != NULL)
			return -1;
		if (named++ >= before && strlen(p->term[i].text) < sizeof(list->name) &&
		    n < QUEUE_ADMIN_ITEMS)
			strcpy(list[n++].name, p->term[i].text);
	}
	j->next = before;
	return named > 0 ? (ssize_t)n : -1;
}

static void
set_next(struct queue_admin_job *j, const struct spool_drop_file *list, bool by_name)
{
	if (by_name && j->nread < j->items)
		snprintf(j->page.next, sizeof(j->page.next), "%zu", j->next + j->nread);
	else if (!by_name && j->nread > 0 && (j->items == QUEUE_ADMIN_ITEMS || j->nread < j->items))
		snprintf(j->page.next, sizeof(j->page.next), "%s", list[j->nread - 1].name);
}

static void
count_file(void *arg, const struct spool_drop_file *f)
{
	struct queue_admin_job *j = arg;

	j->page.matched += is_file_meant(j, f, clock_wall_us() / 1000000);
}

/* One walk over the folder tells all. */
static void
tally(struct queue_admin_job *j)
{
	if (spool_drop_admin_walk(j->queue_admin->spool, count_file, j) == -1)
		buf_printf(&j->text, "!the drop folder cannot be read: %s\n", strerror(errno));
}

static void
select_files(struct queue_admin_job *j)
{
	struct spool_drop_file *list = mem_zalloc(QUEUE_ADMIN_ITEMS * sizeof(*list));
	int64_t now = clock_wall_us() / 1000000;
	ssize_t n = take_names(j, list);
	bool by_name = n != -1;
	uint64_t end;

	if (!by_name)
		n = spool_drop_admin_list(j->queue_admin->spool, j->ask.at, list, QUEUE_ADMIN_ITEMS);
	if (n == -1)
		buf_printf(&j->text, "!the drop folder cannot be read: %s\n", strerror(errno));
	end = clock_mono_ms() + LOOK_MS;
	for (j->items = n > 0 ? (size_t)n : 0; j->nread < j->items; j->nread++) {
		if (j->nread > 0 && (j->text.len + ROOM > MSG_QUEUE_TEXT_MAX || clock_mono_ms() > end))
			break;
		j->item[j->nread].drop = list[j->nread];
		read_file(j, &j->item[j->nread], now);
	}
	set_next(j, list, by_name);
	free(list);
}

void
queue_admin_drop_select(struct queue_admin_job *j)
{
	if (is_known_by_name(j) && !queue_filter_has(&j->ask.pick, QUEUE_FILTER_ID))
		tally(j);
	else
		select_files(j);
}

void
queue_admin_drop_delete(struct queue_admin_job *j)
{
	for (size_t k = 0; k < j->nread; k++) {
		struct queue_admin_item *i = &j->item[k];

		if (i->matched)
			i->error = spool_drop_admin_remove(j->queue_admin->spool, &i->drop) == 0 ? 0 : errno;
	}
}
