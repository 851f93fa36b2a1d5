/*
 * msg_directory - questions about recipients and senders to the directory helper, and its answers
 *
 * Runs in:  listener, deliver, directory
 * Owns:     the list of an answer
 * Promise:  what a _take function accepted has terminated strings, the count that it says, and addresses
 *           that an envelope may hold
 * Fails by: false, -1 and errno
 */
#include "common/msg/msg_directory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/ipc/ctl_server.h"
#include "common/ipc/ctl_text.h"

/* The fixed part of a message; a short list follows it. */
struct answer {
	uint8_t result;
	uint8_t apart;			/* the list is in the descriptor */
	uint8_t reserved[2];
	char status[12];
	char text[200];
	uint32_t count;
	uint32_t size, reserved_too[2];
};
static_assert(sizeof(struct answer) == DIRECTORY_ANSWER_MIN, "as the table of messages says");

void
msg_directory_done(struct msg_directory *a)
{
	free(a->list);
	*a = (struct msg_directory){ .result = DIRECTORY_TROUBLE };
}

void
msg_directory_set(struct msg_directory *a, enum msg_directory_result result, const char *status,
    const char *fmt, ...)
{
	va_list ap;

	msg_directory_done(a);
	a->result = result;
	snprintf(a->status, sizeof(a->status), "%s", status);
	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
}

const char *
msg_directory_next(const struct msg_directory *a, const char **at, enum msg_directory_kind *kind)
{
	const char *p = *at == NULL ? a->list : *at;

	if (p == NULL || p >= a->list + a->size)
		return NULL;
	*kind = (enum msg_directory_kind)*p;
	*at = p + strlen(p) + 1;
	return p + 1;
}

bool
msg_directory_query_take(struct msg_directory_query *q, const void *data, size_t len)
{
	struct address a;

	if (len != sizeof(*q))
		return false;
	memcpy(q, data, len);
	return q->want <= DIRECTORY_WANT_OWN && ctl_text_is_ended(q->address, sizeof(q->address)) &&
	    ctl_text_is_ended(q->member, sizeof(q->member)) && address_from_text(&a, q->address) == 0;
}

bool
msg_directory_test_take(struct msg_directory_test *t, const void *data, size_t len)
{
	struct address a;

	if (len != sizeof(*t))
		return false;
	memcpy(t, data, len);
	return ctl_text_is_ended(t->server, sizeof(t->server)) &&
	    ctl_text_is_ended(t->address, sizeof(t->address)) && address_from_text(&a, t->address) == 0;
}

/* --- answers --- */

/* The list in a memory descriptor; -1 and errno. */
static int
list_apart(const struct msg_directory *a)
{
	int fd = memfd_create("postern-directory", MFD_CLOEXEC);

	if (fd != -1 && disk_write(fd, a->list, a->size) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
send_trouble(struct ctl_server *s, uint32_t request)
{
	struct msg_directory a = { 0 };

	msg_directory_set(&a, DIRECTORY_TROUBLE, "4.3.0", "no memory for a long list");
	msg_directory_send(s, request, &a);
}

size_t
msg_directory_format(void *payload, const struct msg_directory *a)
{
	struct answer head = { .result = (uint8_t)a->result, .count = a->count, .size = (uint32_t)a->size,
	    .apart = a->size > DIRECTORY_INLINE };

	memcpy(head.status, a->status, sizeof(head.status));
	memcpy(head.text, a->text, sizeof(head.text));
	memcpy(payload, &head, sizeof(head));
	if (head.apart || a->size == 0)
		return sizeof(head);
	memcpy((char *)payload + sizeof(head), a->list, a->size);
	return sizeof(head) + a->size;
}

void
msg_directory_send(struct ctl_server *s, uint32_t request, const struct msg_directory *a)
{
	char *payload = mem_zalloc(DIRECTORY_ANSWER_MAX);
	size_t len = msg_directory_format(payload, a);
	bool apart = a->size > DIRECTORY_INLINE;
	int fd = apart ? list_apart(a) : -1;

	if (apart && fd == -1)
		send_trouble(s, request);
	else
		ctl_server_answer(s, CTL_DIRECTORY_ANSWER, request, payload, len, fd);
	if (fd != -1)
		close(fd);
	free(payload);
}

static bool
read_list(struct msg_directory *a, const struct answer *head, const struct ctl_message *m)
{
	if (head->size > DIRECTORY_LIST_MAX || (!head->apart && m->len != sizeof(*head) + head->size) ||
	    (head->apart && m->fd == -1))
		return false;
	a->size = head->size;
	a->list = mem_zalloc(a->size + 1);
	if (!head->apart)
		memcpy(a->list, (const char *)m->data + sizeof(*head), a->size);
	else if (disk_pread(m->fd, a->list, a->size, 0) != (ssize_t)a->size)
		return false;
	return a->size == 0 || a->list[a->size - 1] == '\0';
}

/* Whether a recipient can be made of it: of an address, or of a text about a member. */
static bool
item_is_good(enum msg_directory_kind kind, const char *text)
{
	struct address parsed;

	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	switch (kind) {
	case DIRECTORY_FINAL:
	case DIRECTORY_ABSENT:
	case DIRECTORY_UNSURE:
		return address_from_text(&parsed, text) == 0 && !address_is_bare(&parsed) &&
		    !address_is_null(&parsed);
	case DIRECTORY_MEMBER:
		return *text != '\0' && strlen(text) <= DIRECTORY_MEMBER_MAX;
	case DIRECTORY_FAULT:
		return text[0] == '5' && text[1] == '.' && strlen(text) <= DIRECTORY_MEMBER_MAX;
	}
	return false;
}

/* Whether each item is good, and there are as many as said. */
static bool
list_is_good(const struct msg_directory *a)
{
	enum msg_directory_kind kind;
	const char *at = NULL, *text;
	uint32_t count = 0;

	for (; (text = msg_directory_next(a, &at, &kind)) != NULL; count++)
		if (!item_is_good(kind, text))
			return false;
	return count == a->count && count <= DIRECTORY_MAX;
}

bool
msg_directory_take(struct msg_directory *a, const struct ctl_message *m)
{
	struct answer head;
	bool good = m->len >= sizeof(head);

	*a = (struct msg_directory){ .result = DIRECTORY_TROUBLE };
	if (m->lost) {
		msg_directory_set(a, DIRECTORY_TROUBLE, "4.3.0", "no descriptor is left for a long list");
		return true;
	}
	if (good) {
		memcpy(&head, m->data, sizeof(head));
		good = head.result <= DIRECTORY_TROUBLE &&
		    ctl_text_is_ended(head.status, sizeof(head.status)) &&
		    ctl_text_is_ended(head.text, sizeof(head.text)) && read_list(a, &head, m);
	}
	if (good) {
		a->result = (enum msg_directory_result)head.result;
		memcpy(a->status, head.status, sizeof(a->status));
		memcpy(a->text, head.text, sizeof(a->text));
		a->count = head.count;
		good = list_is_good(a);
	}
	if (!good)
		msg_directory_done(a);
	return good;
}
