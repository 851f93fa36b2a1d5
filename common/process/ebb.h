/*
 * ebb - gives freed memory back to the kernel when what a process holds has fallen far below its height.
 * The allocator by itself gives back only what is free above the last piece in use, so one session that
 * stays can pin what a thousand others left.
 */
#ifndef COMMON_PROCESS_EBB_H
#define COMMON_PROCESS_EBB_H

#include <stddef.h>

#include "common/process/loop.h"

struct ebb;

/* Below this nothing is given back: it is taken again with the next message. */
#define EBB_LEAST (4u << 20)
/* So much may stay free above the last piece in use: what comes and goes with each large message. */
#define EBB_KEPT (1u << 20)
/* After the fall; a load that comes in waves keeps what it needs again. */
#define EBB_WAIT_MS 5000

/* For a process that has no struct ebb: EBB_KEPT. */
void ebb_keep(void);
/* `wait_ms`, `give_back`: EBB_WAIT_MS and ebb_give_back, but for a test. */
struct ebb *ebb_new(struct loop *l, uint64_t wait_ms, void (*give_back)(void *arg), void *arg);
void ebb_free(struct ebb *e);			/* NULL is fine */
/* So many bytes are held now, by the caller's own count. Cheap: for each change. */
void ebb_held(struct ebb *e, size_t bytes);
/* The usual `give_back`. */
void ebb_give_back(void *arg);

#endif
