/*
 * fence - whose home it is: a number in queue/owner that grows each time another one takes the home
 *
 * A lock keeps others out as long as it is seen. It is not seen where the file system is on another host and
 * its holder was given up there: frozen, cut off, thought dead. Who takes the home then writes the next
 * generation, and who had it before finds that before it writes, answers or sends anything more.
 *
 * A holder is a virtual server of one supervisor after the other in the same run folder of a running kernel
 * (boot_fence); its workers share the home. Among them the locks are enough: they see each other's.
 */
#ifndef COMMON_SPOOL_FENCE_H
#define COMMON_SPOOL_FENCE_H

#include <stdbool.h>

#include "common/spool/fence_record.h"

struct fence;

/*
 * `lost` is called when the home has another holder: once, on whatever thread finds it. It is not to return;
 * where it does, all calls fail with ESTALE.
 */
struct fence *fence_new(const char *holder, const char *host, void (*lost)(void *arg, const char *why),
    void *arg);
void fence_free(struct fence *f);		/* NULL is fine */

/*
 * Takes the locks of the queue folder, for the life of `f`, and with them the home. It syncs a file when the
 * home was another one's. -1 and errno: EWOULDBLOCK another process has a lock, or of another holder any has
 * the home.
 */
int fence_own(struct fence *f, int queue) __attribute__((warn_unused_result));
/*
 * From now on the home is that of our holder. The locks are taken as by fence_own, unless a process of the
 * same holder, or one of a version without fences, has them: then the home is joined. -1 and errno:
 * EWOULDBLOCK another one has it, or one takes it just now.
 */
int fence_claim(struct fence *f, int queue) __attribute__((warn_unused_result));
/*
 * The home is ours still: one statx(2) of an open file. A process that does not own the queue waits in its
 * first call until one of the same holder does, some seconds at the most. False and errno: ESTALE it was
 * taken over; EBUSY another holder has it; else it is not known, as the file system does not answer.
 */
bool fence_holds(struct fence *f, int queue) __attribute__((warn_unused_result));

/* --- for the taking over of a home whose processes do not run here --- */

/* 1; 0 and empty: nobody has had it; -1 and errno: EBADMSG it is of another version. */
int fence_read(int queue, struct fence_record *r) __attribute__((warn_unused_result));
/* 1: a process has it now, also one that does not own the queue; 0: none; -1 and errno. */
int fence_is_locked(int queue) __attribute__((warn_unused_result));
/* 1: processes of another holder have the home, and *r is its record; 0: none has, or ours; -1 and errno. */
int fence_is_others(const struct fence *f, int queue,
    struct fence_record *r) __attribute__((warn_unused_result));
/*
 * From now on whoever has the home has lost it, and its locks count no more. The next holder takes it as if
 * it were free. `host` is for people. -1 and errno: ENOENT there is no fence: the processes of an old version
 * would not see it.
 */
int fence_break(int queue, const char *host) __attribute__((warn_unused_result));

#endif
