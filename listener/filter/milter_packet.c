/*
 * milter_packet - packets of the milter protocol: a length, one byte that says what it is, data; pure
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  a packet is given out when all of it is there, and none longer than MILTER_PACKET_MAX
 * Fails by: -1
 */
#include <string.h>

#include "listener/filter/filter.h"

enum { LENGTH_SIZE = 4 };

void
milter_packet_put_number(struct buf *out, uint32_t number)
{
	const unsigned char bytes[LENGTH_SIZE] = { (unsigned char)(number >> 24),
	    (unsigned char)(number >> 16), (unsigned char)(number >> 8), (unsigned char)number };

	buf_add(out, bytes, sizeof(bytes));
}

uint32_t
milter_packet_number(const char *data)
{
	const unsigned char *p = (const unsigned char *)data;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t
milter_packet_begin(struct buf *out, char code)
{
	size_t begin = out->len;

	milter_packet_put_number(out, 0);
	buf_add(out, &code, 1);
	return begin;
}

void
milter_packet_end(struct buf *out, size_t begin)
{
	size_t len;

	if (!buf_ok(out))
		return;
	len = out->len - begin - LENGTH_SIZE;
	for (size_t i = 0; i < LENGTH_SIZE; i++)
		out->data[begin + i] = (char)(len >> (8 * (LENGTH_SIZE - 1 - i)));
}

void
milter_packet_put(struct buf *out, char code, const void *data, size_t len)
{
	size_t begin = milter_packet_begin(out, code);

	if (len > 0)
		buf_add(out, data, len);
	milter_packet_end(out, begin);
}

int
milter_packet_next(const struct buf *in, struct milter_packet *p, size_t *size)
{
	uint32_t len;

	if (in->len < LENGTH_SIZE)
		return 0;
	len = milter_packet_number(in->data);
	if (len == 0 || len > MILTER_PACKET_MAX)
		return -1;
	if (in->len < LENGTH_SIZE + (size_t)len)
		return 0;
	*p = (struct milter_packet){ in->data[LENGTH_SIZE], in->data + LENGTH_SIZE + 1, len - 1 };
	*size = LENGTH_SIZE + (size_t)len;
	return 1;
}
