/* evacuate_private - what the files of the component have of each other; one block a file */
#ifndef DELIVER_EVACUATE_EVACUATE_PRIVATE_H
#define DELIVER_EVACUATE_EVACUATE_PRIVATE_H

#include <bsd/sys/queue.h>

#include "common/spool/spool_move.h"
#include "common/tls/tls.h"
#include "deliver/evacuate/evacuate.h"
#include "deliver/outbound/outbound.h"

#define EVACUATE_PIECE (64U << 10)	/* octets of a file that are read or written at a time */
#define EVACUATE_PATIENCE_MS 300000	/* without a byte */

/* --- evacuate_sender: the messages that go --- */

enum leaving_step {
	LEAVING_OPEN,		/* its files are opened; on a thread */
	LEAVING_READY, LEAVING_READ /* the same */, LEAVING_SENDING,
	LEAVING_SENT,		/* its answer is to come */
	LEAVING_LEAVE,		/* removed, or kept with its error; on a thread */
};

struct leaving {
	TAILQ_ENTRY(leaving) link;
	struct evacuate_sender *sender;
	enum leaving_step step;
	struct spool_move file;
	struct buf note, piece;
	off_t at;			/* octets of the file that were read */
	void (*done)(void *arg, int error);
	void *arg;
};

enum link_state {
	LINK_NONE,
	LINK_OPENS,		/* outbound has the job */
	LINK_ASKED,		/* XEVACUATE was sent */
	LINK_OPEN,
	LINK_BROKEN,		/* not again before evacuate_sender_open */
};

struct evacuate_sender {
	struct boot *boot;
	struct spool *spool;
	struct outbound *outbound;
	struct pool_lane *lane;
	void (*submit)(struct leaving *l, enum leaving_step step);	/* for a thread */
	TAILQ_HEAD(, leaving) all;
	struct leaving *now;		/* whose octets go */
	enum link_state state;
	char host[320];
	unsigned serial;
	/* the job that opens the connection */
	bool opening;
	struct outbound_job job;
	struct destination to;
	const char *shown;		/* in what place our certificate is set; of the config */
	struct verdict verdict;
	/* the connection */
	int fd;
	struct ssl_st *tls;
	struct loop_io *io;
	struct loop_timer *patience;
	struct buf in, out;
	char said[EVACUATE_LINE_MAX];	/* the last refusal of the host */
	char why[EVACUATE_LINE_MAX];	/* the connection cannot be had, or is over */
	char words[2 * EVACUATE_LINE_MAX];
};

/* --- evacuate_link: the connection to the other node --- */

void evacuate_link_open(struct evacuate_sender *s);	/* when there is none; it may break at once */
/* Sends what is ready, as far as the socket takes it. */
void evacuate_link_pump(struct evacuate_sender *s);
/* It is over: those that a thread has end when it is done with them, the others one by one. */
void evacuate_link_break(struct evacuate_sender *s, int error);
void evacuate_link_close(struct evacuate_sender *s);	/* nothing is on it */
void evacuate_link_quit(struct evacuate_sender *s);	/* the same, and says so */

/* --- evacuate_arrival: a message that comes: its files --- */

enum arrival_step { ARRIVAL_OPEN, ARRIVAL_WRITE, ARRIVAL_JUDGE };

struct node;
struct arrival {
	LIST_ENTRY(arrival) link;
	struct node *node;
	struct evacuate_put put;
	enum arrival_step step;		/* for a thread */
	struct spool_move file;
	uint64_t got;			/* octets of note and message */
	struct buf piece;		/* the last ones, to be written */
	int error;
	const char *why;		/* in words; NULL: those of `error` */
};
struct arrival *evacuate_arrival_new(const struct evacuate_put *put);
void evacuate_arrival_free(struct arrival *a);		/* it is in no list */
bool evacuate_arrival_is_whole(const struct arrival *a);
/* On a thread: its step; the error stays in it. */
void evacuate_arrival_run(struct arrival *a, struct spool *spool, const struct config_server *server);

#endif
