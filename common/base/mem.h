/* mem - allocation that does not return NULL: a process out of memory stops and is started again */
#ifndef COMMON_BASE_MEM_H
#define COMMON_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_zalloc(size_t size);				/* zeroed */
void *mem_array(void *old, size_t count, size_t size);	/* reallocarray(3); new part not zeroed */
/*
 * Room for one more than `count`: twice as much when `count` is a power of two. For an array that grows by
 * this function alone, one by one from nothing.
 */
void *mem_grow(void *old, size_t count, size_t size);
char *mem_strdup(const char *text);			/* NULL gives NULL */
char *mem_strndup(const char *text, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For an interface without const that only reads: struct iovec, the key of bsearch(3), OpenSSL. */
static inline void *
mem_unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

#define mem_new(type) ((type *)mem_zalloc(sizeof(type)))
#define nitems_of(array) (sizeof(array) / sizeof((array)[0]))

#endif
