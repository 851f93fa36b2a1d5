/*
 * message_id_scan - searches the Message-ID in the header of a content as its bytes come; pure
 *
 * Runs in:  listener, pickup
 * Owns:     nothing
 * Promise:  looks at HEADER_MAX bytes at the most; the value may stand on the line behind the field's name
 * Fails by: an empty id
 */
#include "common/mail/message_id_scan.h"

#include <string.h>
#include <strings.h>

#define HEADER_MAX (64U << 10)	/* it is searched in so many bytes */

static void
keep_id(struct message_id_scan *h, const char *value, size_t len)
{
	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t' || value[len - 1] == '\r'))
		len--;
	if (len == 0 && !h->folded) {
		h->folded = true;
		return;
	}
	h->over = true;
	memcpy(h->id, value, len);
	h->id[len] = '\0';
}

static void
judge_line(struct message_id_scan *h)
{
	static const char name[] = "Message-ID:";
	size_t n = sizeof(name) - 1, len = h->len;

	h->len = 0;
	if (h->folded)
		keep_id(h, h->line, h->line[0] == ' ' || h->line[0] == '\t' ? len : 0);
	else if (len == 0 || h->line[0] == '\r')
		h->over = true;
	else if (len >= n && strncasecmp(h->line, name, n) == 0)
		keep_id(h, h->line + n, len - n);
}

void
message_id_scan_add(struct message_id_scan *h, const char *data, size_t len)
{
	while (len > 0 && !h->over) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf != NULL ? (size_t)(lf - data) : len, room = MESSAGE_ID_SCAN_LINE - 1 - h->len;

		memcpy(h->line + h->len, data, n < room ? n : room);
		h->len += n < room ? n : room;
		h->seen += n + 1;
		if (lf == NULL)
			break;
		judge_line(h);
		data = lf + 1;
		len -= n + 1;
	}
	if (h->seen > HEADER_MAX)
		h->over = true;
}
