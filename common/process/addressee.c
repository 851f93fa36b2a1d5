/*
 * addressee - who a local recipient is: questions to the directory helper and its answers
 *
 * Runs in:  deliver, listener, directory
 * Owns:     the list of an answer
 * Promise:  what take() accepted has ended strings, the count it says, and addresses that stand in an envelope
 * Fails by: false, -1 and errno
 */
#include "common/process/addressee.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/process/counsel.h"
#include "common/process/payload.h"

/* The fixed part as it travels; the list follows when it is short. */
struct answer {
	uint8_t result;
	uint8_t apart;			/* the list is in the descriptor */
	uint8_t reserved[2];
	char status[12];
	char text[200];
	uint32_t count;
	uint32_t size, reserved_too[2];
};
static_assert(sizeof(struct answer) == ADDRESSEE_ANSWER_MIN, "as the table of messages says");

void
addressee_done(struct addressee *a)
{
	free(a->list);
	*a = (struct addressee){ .result = ADDRESSEE_TROUBLE };
}

void
addressee_set(struct addressee *a, enum addressee_result result, const char *status, const char *fmt, ...)
{
	va_list ap;

	addressee_done(a);
	a->result = result;
	snprintf(a->status, sizeof(a->status), "%s", status);
	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
}

const char *
addressee_next(const struct addressee *a, const char **at, bool *known)
{
	const char *p = *at == NULL ? a->list : *at;

	if (p == NULL || p >= a->list + a->size)
		return NULL;
	*known = *p == '.';
	*at = p + strlen(p) + 1;
	return p + 1;
}

bool
addressee_query_take(struct addressee_query *q, const void *data, size_t len)
{
	struct address a;

	if (len != sizeof(*q))
		return false;
	memcpy(q, data, len);
	return payload_is_ended(q->address, sizeof(q->address)) && address_from_text(&a, q->address) == 0;
}

/* --- answers --- */

/* The list in memory of its own; -1 and errno. */
static int
list_apart(const struct addressee *a)
{
	int fd = memfd_create("addressees", MFD_CLOEXEC);

	if (fd != -1 && disk_write(fd, a->list, a->size) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
send_trouble(struct counsel *s, uint32_t request)
{
	struct addressee a = { 0 };

	addressee_set(&a, ADDRESSEE_TROUBLE, "4.3.0", "no memory for a long list");
	addressee_send(s, request, &a);
}

void
addressee_send(struct counsel *s, uint32_t request, const struct addressee *a)
{
	char *payload = mem_zalloc(sizeof(struct answer) + ADDRESSEE_INLINE);
	struct answer head = { .result = (uint8_t)a->result, .count = a->count, .size = (uint32_t)a->size, .apart = a->size > ADDRESSEE_INLINE };
	size_t len = sizeof(head);
	int fd = -1;

	if (head.apart && (fd = list_apart(a)) == -1) {
		free(payload);
		send_trouble(s, request);
		return;
	}
	memcpy(head.status, a->status, sizeof(head.status));
	memcpy(head.text, a->text, sizeof(head.text));
	memcpy(payload, &head, sizeof(head));
	if (!head.apart && a->size > 0)
		memcpy(payload + sizeof(head), a->list, a->size), len += a->size;
	counsel_answer(s, CTL_SOUGHT, request, payload, len, fd);
	if (fd != -1)
		close(fd);
	free(payload);
}

static bool
read_list(struct addressee *a, const struct answer *head, const struct ctl_message *m)
{
	if (head->size > ADDRESSEE_LIST_MAX || (!head->apart && m->len != sizeof(*head) + head->size) || (head->apart && m->fd == -1))
		return false;
	a->size = head->size;
	a->list = mem_zalloc(a->size + 1);
	if (!head->apart)
		memcpy(a->list, (const char *)m->data + sizeof(*head), a->size);
	else if (disk_pread(m->fd, a->list, a->size, 0) != (ssize_t)a->size)
		return false;
	return a->size == 0 || a->list[a->size - 1] == '\0';
}

/* Whether each item is one that may be a recipient, and there are as many as was said. */
static bool
list_is_good(const struct addressee *a)
{
	const char *at = NULL, *text;
	struct address parsed;
	uint32_t count = 0;
	bool known;

	for (; (text = addressee_next(a, &at, &known)) != NULL; count++) {
		if ((text[-1] != '.' && text[-1] != '?') || address_from_text(&parsed, text) == -1 || address_is_bare(&parsed) ||
		    address_is_null(&parsed))
			return false;
		for (; *text != '\0'; text++)
			if ((unsigned char)*text < ' ' || *text == 127)
				return false;
	}
	return count == a->count && count <= ADDRESSEE_MAX;
}

bool
addressee_take(struct addressee *a, const struct ctl_message *m)
{
	struct answer head;
	bool good = m->len >= sizeof(head);

	*a = (struct addressee){ .result = ADDRESSEE_TROUBLE };
	if (good) {
		memcpy(&head, m->data, sizeof(head));
		good = head.result <= ADDRESSEE_TROUBLE && payload_is_ended(head.status, sizeof(head.status)) &&
		    payload_is_ended(head.text, sizeof(head.text)) && read_list(a, &head, m);
	}
	if (good) {
		a->result = (enum addressee_result)head.result;
		memcpy(a->status, head.status, sizeof(a->status));
		memcpy(a->text, head.text, sizeof(a->text));
		a->count = head.count;
		good = list_is_good(a);
	}
	if (m->fd != -1)
		close(m->fd);
	if (!good)
		addressee_done(a);
	return good;
}
