/* ctl_wire - control messages on a descriptor, without a channel: see ctl.h */
#ifndef COMMON_IPC_CTL_WIRE_H
#define COMMON_IPC_CTL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipc/ctl.h"

#define CTL_WIRE_MAGIC 0x5043
#define CTL_WIRE_MANY 8		/* messages of one ctl_wire_recv_many */

struct ctl_head { uint16_t magic, version; uint32_t type, request, len; };

/* `pass`, a descriptor (-1 none), stays the caller's. `flags` of sendmsg(2). 0, or -1 and errno. */
int ctl_wire_send(int fd, const struct ctl_head *head, const void *data, int pass,
    int flags) __attribute__((warn_unused_result));
/*
 * `flags` of recvmsg(2). 1 a message (m filled; data in the `size` bytes of `space`), 0 the peer closed, -1
 * and errno: EAGAIN nothing is there, EBADMSG refused, EPROTO of another version (m->request is its number).
 */
int ctl_wire_recv(int fd, unsigned from, struct ctl_message *m, void *space, size_t size,
    int flags) __attribute__((warn_unused_result));
/*
 * At most `n` of those that are there, in one call of the kernel: how many. Each has `size` bytes of `space`.
 * `wait`: for the first one. *rc: 1, or what came then, as above; a refused one is the last that is read.
 */
size_t ctl_wire_recv_many(int fd, unsigned from, struct ctl_message *m, size_t n, void *space, size_t size,
    bool wait, int *rc) __attribute__((warn_unused_result));

#endif
