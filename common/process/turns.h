/* turns - long steps of many, as handshakes are: one in each turn of the loop, other events between them */
#ifndef COMMON_PROCESS_TURNS_H
#define COMMON_PROCESS_TURNS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>

struct loop;
struct turns;

struct turns_place {
	TAILQ_ENTRY(turns_place) entry;		/* while it waits */
	void (*go_on)(void *arg);
	void *arg;
	bool waits;
};

struct turns *turns_new(struct loop *l);
void turns_free(struct turns *t);		/* no place waits any more */
/*
 * True: do the step now. False: `go_on` is called in a later turn, once, and does it; until then watch no
 * descriptor for it.
 */
bool turns_enter(struct turns *t, struct turns_place *p) __attribute__((warn_unused_result));
void turns_leave(struct turns *t, struct turns_place *p);	/* at any time: it does not go on */

#endif
