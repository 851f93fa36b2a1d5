/*
 * secret - compared in a time that says nothing of where they differ; the line of a file that is one; pure
 *
 * Runs in:  master, posternctl, web, auth, limits, directory
 * Owns:     nothing
 * Promise:  all bytes are looked at
 * Fails by: a reason
 */
#include <string.h>

#include "common/account/secret.h"

bool
secret_is_same(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differ = 0;

	for (size_t i = 0; i < len; i++)
		differ = (unsigned char)(differ | (x[i] ^ y[i]));
	return differ == 0;
}

size_t
secret_mark(const char *data, size_t size)
{
	return size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

const char *
secret_line_find(const char *data, size_t size, const char **line, size_t *len)
{
	size_t mark = secret_mark(data, size);

	data += mark;
	size -= mark;
	if (size > 0 && data[size - 1] == '\n')
		size--;
	if (size > 0 && data[size - 1] == '\r')
		size--;
	if (size == 0)
		return "the secret file is empty";
	if (size > SECRET_LINE_MAX)
		return "the secret file is too large";
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n' || data[i] == '\r' || data[i] == '\0')
			return "the secret file has more than one line";
	*line = data;
	*len = size;
	return NULL;
}
