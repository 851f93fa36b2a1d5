/*
 * buf - a growing byte buffer with a cap and a sticky failure
 *
 * Runs in:  every process; an object belongs to one thread at a time
 * Owns:     its memory
 * Promise:  never over its cap; a failed add changes nothing but the flag
 * Fails by: the failed flag, asked once with buf_ok()
 */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

void
buf_init(struct buf *b, size_t cap)
{
	*b = BUF_INIT(cap);
}

void
buf_done(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT(b->cap);
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->size);
	buf_done(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

char *
buf_room(struct buf *b, size_t len)
{
	if (b->failed || len > b->cap - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->len + len + 1 > b->size) {
		size_t size = b->size < 64 ? 64 : b->size;

		while (size < b->len + len + 1)
			size *= 2;
		b->data = mem_array(b->data, size, 1);
		b->size = size;
	}
	return b->data + b->len;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	char *to = buf_room(b, len);

	if (to == NULL)
		return;
	if (len > 0)
		memcpy(to, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void
buf_number(struct buf *b, uint64_t number, size_t width)
{
	char text[BUF_NUMBER_MAX], *at = text + sizeof(text);

	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (at > text && (size_t)(text + sizeof(text) - at) < width)
		*--at = '0';
	buf_add(b, at, (size_t)(text + sizeof(text) - at));
}

/* Most texts fit the room that is there: they are made in place, once. */
void
buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->data != NULL && !b->failed ? b->size - b->len : 0;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, fmt, ap);
	if (n >= 0 && buf_room(b, (size_t)n) != NULL) {
		if ((size_t)n >= room)
			vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->failed = true;
		if (room > 0)
			b->data[b->len] = '\0';
	}
	va_end(again);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

void
buf_reserve(struct buf *b, size_t size)
{
	if (size > b->cap)
		size = b->cap;
	if (size + 1 <= b->size)
		return;
	b->data = mem_array(b->data, size + 1, 1);
	b->data[b->len] = '\0';
	b->size = size + 1;
}

void
buf_cut(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len == 0)
		return;
	b->len -= len;
	b->data[b->len] = '\0';
}

const char *
buf_text(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}
