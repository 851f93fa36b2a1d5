/* buf - a growing byte buffer with a cap and a sticky failure, which is asked for once */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;	/* NULL until the first byte; always NUL-terminated beyond len when not NULL */
	size_t len;
	size_t size;	/* allocated */
	size_t cap;	/* never more than this many bytes of content */
	bool failed;	/* an add would have passed the cap; the content is what fitted before it */
};

#define BUF_INIT(limit) ((struct buf){ .cap = (limit) })

void buf_init(struct buf *b, size_t cap);
void buf_done(struct buf *b);			/* frees; the object may be used again */
void buf_wipe(struct buf *b);			/* the same for secrets */
void buf_clear(struct buf *b);			/* empties it, forgets a failure, keeps the memory */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* In decimal; zeros in front make it `width` bytes, of BUF_NUMBER_MAX at most. */
#define BUF_NUMBER_MAX 20
void buf_number(struct buf *b, uint64_t number, size_t width);
void buf_drop(struct buf *b, size_t len);	/* removes from the front */
/* Room for `len` more bytes at data+len (the caller then raises len); NULL and failed when over the cap. */
char *buf_room(struct buf *b, size_t len);
/* Memory for `size` bytes of content in all, if it has less: exactly so much, where adding doubles it. */
void buf_reserve(struct buf *b, size_t size);
void buf_cut(struct buf *b, size_t len);	/* removes from the end */
/* The text, "" when empty. */
const char *buf_text(const struct buf *b);

static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

#endif
