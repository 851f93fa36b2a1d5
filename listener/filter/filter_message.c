/*
 * filter_message - a message in its scratch file, and what the filters make of it
 *
 * Runs in:  filter
 * Owns:     the descriptor, the header in memory, the changes until they are answered
 * Promise:  what a filter wants counts only with its verdict: one that breaks off has changed nothing. Only
 *           header and changes of the envelope are in memory; a new body is written behind the others in 64
 *           KiB pieces, which stay in the page cache of the kernel
 * Fails by: errno; a fault in words. Nothing that the file already had is overwritten
 */
#include "listener/filter/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/mail/envelope_change.h"
#include "common/mail/header.h"

/* The fields, and where the body begins. -1 and errno. */
static int
take_header(struct filter_message *m, uint64_t size)
{
	size_t most = size > FILTER_HEADER_MAX ? FILTER_HEADER_MAX + 1 : (size_t)size, header, pos = 0;
	struct header_field f;
	ssize_t have;

	/* as much as a header may have, and the byte that would be too many */
	m->text = mem_zalloc(most + 1);
	have = disk_pread(m->fd, m->text, most, 0);
	if (have == -1)
		return -1;
	while (header_next(m->text, (size_t)have, &pos, &f) == 1)
		;
	header = pos;
	if (pos < (size_t)have && m->text[pos] == '\r')
		pos++;
	m->separated = pos < (size_t)have && m->text[pos] == '\n';
	if (m->separated)
		header = pos + 1;
	if (header <= FILTER_HEADER_MAX)
		m->text = mem_array(m->text, header + 1, 1);
	if (header > FILTER_HEADER_MAX || filter_header_parse(&m->header, m->text, header) == -1) {
		errno = EFBIG;
		return -1;
	}
	m->head = (struct msg_filter_extent){ 0, header };
	m->body = (struct msg_filter_extent){ header, size - header };
	return 0;
}

struct filter_message *
filter_message_open(int fd, uint64_t size, const struct filter_message_rules *rules)
{
	struct filter_message *m = mem_new(struct filter_message);
	struct stat st;
	int error;

	m->fd = fd;
	m->tail = size;
	m->rules = *rules;
	if (m->rules.most < size)
		m->rules.most = size;
	buf_init(&m->envelope, MSG_FILTER_CHANGES_MAX);
	buf_init(&m->next_envelope, MSG_FILTER_CHANGES_MAX);
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= size &&
	    take_header(m, size) == 0)
		return m;
	error = errno;
	filter_message_free(m);
	errno = error;
	return NULL;
}

void
filter_message_free(struct filter_message *m)
{
	if (m == NULL)
		return;
	filter_message_forget(m);
	filter_header_done(&m->header);
	free(m->text);
	buf_done(&m->envelope);
	buf_done(&m->next_envelope);
	close(m->fd);
	free(m);
}

ssize_t
filter_message_read(const struct filter_message *m, uint64_t at, void *data, size_t size)
{
	ssize_t n;

	if (at >= m->body.size)
		return 0;
	if (size > m->body.size - at)
		size = (size_t)(m->body.size - at);
	n = disk_pread(m->fd, data, size, (off_t)(m->body.at + at));
	if (n == 0)
		errno = EIO;		/* the file became shorter */
	return n == 0 ? -1 : n;
}

/* --- what the filter at work wants --- */

static const char *
add_body(struct filter_message *m, const struct milter_reply *r)
{
	if (!m->next_new_body)
		m->next_body = (struct msg_filter_extent){ m->tail, 0 };
	m->next_new_body = true;
	if (r->len > m->rules.most - m->next_body.size)
		return "its new body is larger than a message may be";
	/* As the workers will judge; they make CRLF of other line ends. */
	if (!m->rules.binary && memchr(r->data, '\0', r->len) != NULL)
		return "its new body has a NUL in it";
	if (disk_pwrite(m->fd, r->data, r->len, (off_t)(m->next_body.at + m->next_body.size)) == -1)
		return "there is no room for its new body";
	m->next_body.size += r->len;
	return NULL;
}

static struct filter_header *
header_to_edit(struct filter_message *m)
{
	if (!m->next_edited)
		filter_header_copy(&m->next, &m->header);
	m->next_edited = true;
	return &m->next;
}

static const char *
add_envelope(struct filter_message *m, char what, const struct milter_reply *r)
{
	bool good = filter_address_put(&m->next_envelope, what, r->name, r->value, &m->rules);

	if (!good && buf_ok(&m->next_envelope))
		return "it names an address that none can be";
	/* Of all filters together, as the workers will count. */
	if (!good || m->changes + ++m->next_changes > ENVELOPE_CHANGES_MAX ||
	    m->envelope.len + m->next_envelope.len > MSG_FILTER_CHANGES_MAX)
		return "it wants too many changes of the envelope";
	return NULL;
}

const char *
filter_message_change(struct filter_message *m, const struct milter_reply *r, bool leading)
{
	if (r->code == 'b')
		return add_body(m, r);
	if (++m->edits > FILTER_EDITS_MAX)
		return "it wants too many changes";
	switch (r->code) {
	case 'h':
		return filter_header_insert(header_to_edit(m), UINT32_MAX, r->name, r->value, leading);
	case 'i':
		return filter_header_insert(header_to_edit(m), r->index, r->name, r->value, leading);
	case 'm':
		return filter_header_change(header_to_edit(m), r->index, r->name, r->value, leading);
	case '+':
	case '2':
		return add_envelope(m, '+', r);
	case '-':
		return add_envelope(m, '-', r);
	case 'e':
		return add_envelope(m, '=', r);
	default:		/* quarantine */
		m->next_hold = true;
		snprintf(m->next_reason, sizeof(m->next_reason), "%s", r->name);
		for (char *c = m->next_reason; *c != '\0'; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				*c = '?';
		return NULL;
	}
}

void
filter_message_keep(struct filter_message *m, const char *filter)
{
	if (m->next_edited) {
		filter_header_done(&m->header);
		m->header = m->next;
		m->next = (struct filter_header){ 0 };
		m->edited = true;
	}
	if (m->next_new_body) {
		m->body = m->next_body;
		m->tail = m->body.at + m->body.size;
		m->new_body = true;
		m->edited |= !m->separated;	/* else it would go on with the header */
	}
	if (m->next_hold) {
		snprintf(m->hold_by, sizeof(m->hold_by), "%s", filter);
		snprintf(m->hold, sizeof(m->hold), "%s", m->next_reason);
	}
	if (m->next_envelope.len > 0)
		buf_add(&m->envelope, m->next_envelope.data, m->next_envelope.len);
	m->changes += m->next_changes;
	filter_message_forget(m);
}

void
filter_message_forget(struct filter_message *m)
{
	filter_header_done(&m->next);
	buf_clear(&m->next_envelope);
	m->next_edited = m->next_new_body = m->next_hold = false;
	m->edits = m->next_changes = 0;
}

/* Writes it behind all others. */
static int
append(struct filter_message *m, const struct buf *b, struct msg_filter_extent *e)
{
	*e = (struct msg_filter_extent){ m->tail, b->len };
	if (!buf_ok(b)) {
		errno = E2BIG;
		return -1;
	}
	if (disk_pwrite(m->fd, buf_text(b), b->len, (off_t)m->tail) == -1)
		return -1;
	m->tail += b->len;
	return 0;
}

int
filter_message_finish(struct filter_message *m, struct msg_filter_answer *a)
{
	struct buf text = BUF_INIT(FILTER_HEADER_MAX + FILTER_FIELDS_MAX * 2 + 2);
	int rc = 0;

	a->header = m->head;
	a->body = m->body;
	if (m->edited) {
		filter_header_print(&text, &m->header);
		rc = append(m, &text, &a->header);
	}
	if (rc == 0 && m->envelope.len > 0)
		rc = append(m, &m->envelope, &a->changes);
	buf_done(&text);
	a->flags |= (uint8_t)((m->edited || m->new_body ? FILTER_CHANGED_CONTENT : 0) |
	    (m->envelope.len > 0 ? FILTER_CHANGED_ENVELOPE : 0) | (m->hold_by[0] != '\0' ? FILTER_HOLD : 0));
	if (m->hold_by[0] != '\0') {
		memcpy(a->filter, m->hold_by, sizeof(a->filter));
		snprintf(a->text, sizeof(a->text), "%s", m->hold);
	}
	return rc;
}
