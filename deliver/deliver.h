/* deliver - the deliver worker */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/boot/boot.h"

struct badmail;
struct boot;
struct enqueue;
struct etrn_server;
struct expand;
struct loop_io;
struct loop_timer;
struct outbound;
struct pool;
struct queue_admin;
struct queue_scan;
struct schedule;
struct spool;
struct trusted_ca;
struct w3clog;

/* --- deliver: what the worker is made of --- */

struct deliver {
	struct boot *boot;
	struct spool *spool;
	struct pool *pool;
	struct w3clog *log;
	struct enqueue *enqueue;
	struct outbound *outbound;
	struct trusted_ca *authorities;	/* NULL: no TLS */
	struct expand *expand;		/* NULL: no directory */
	struct schedule *schedule;
	struct badmail *badmail;
	struct etrn_server *etrn_server;
	struct queue_scan *queue_scan;
	struct queue_admin *queue_admin;
	struct loop_timer *own, *slow, *missed, *grace;
	struct loop_io *hint;
	int64_t hints_lost;		/* of the virtual server, when last looked */
	bool waiting, ending;
	bool scanned, retry;		/* the first scan is over; all is to be due then */
	bool look;			/* another scan is to follow the running one */
};

extern const struct boot_role deliver_role;

/* --- maintenance: the worker of a virtual server that is stopped --- */

extern const struct boot_role maintenance_role;
bool maintenance_is_meant(const char *program);	/* by the name it was started under */

#endif
