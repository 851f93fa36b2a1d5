/*
 * mem - allocation that does not return NULL
 *
 * Runs in:  every process, any thread
 * Owns:     nothing; what it returns belongs to the caller (free)
 * Promise:  never NULL, but for mem_strdup(NULL)
 * Fails by: bug(): a process without memory ends and is started again; what it promised is on disk
 */
#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

void *
mem_zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		bug("out of memory: %zu bytes", size);
	return p;
}

void *
mem_array(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count, size);

	if (p == NULL && count != 0 && size != 0)
		bug("out of memory: %zu times %zu bytes", count, size);
	return p;
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return old;
	return mem_array(old, count == 0 ? 1 : 2 * count, size);
}

char *
mem_strdup(const char *text)
{
	return text != NULL ? mem_strndup(text, strlen(text)) : NULL;
}

char *
mem_strndup(const char *text, size_t len)
{
	char *copy = mem_zalloc(len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *
mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		bug("out of memory: text");
	return text;
}
