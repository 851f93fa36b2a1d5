/*
 * counters - numbers of one virtual server in memory shared by its processes and the master; one row a
 * counter. Names follow the "SMTP Server" performance object. Adding is atomic and cheap, in any process and
 * thread.
 */
#ifndef COMMON_PROCESS_COUNTERS_H
#define COMMON_PROCESS_COUNTERS_H

#include <stdint.h>

#include "common/process/client_count.h"
#include "common/process/measures.h"

enum counter {
	COUNTER_MESSAGES_RECEIVED, COUNTER_MESSAGE_BYTES_RECEIVED, COUNTER_RECIPIENTS_RECEIVED,
	COUNTER_MESSAGES_SENT, COUNTER_MESSAGE_BYTES_SENT, COUNTER_MESSAGES_DELIVERED,
	COUNTER_MESSAGES_SIGNED, COUNTER_MESSAGES_UNSIGNED,
	COUNTER_REFUSED_SIZE, COUNTER_REFUSED_RELAY, COUNTER_REFUSED_STORAGE, COUNTER_REFUSED_FILTER,
	COUNTER_REFUSED_HOP, COUNTER_PASSED,
	COUNTER_INBOUND_TOTAL, COUNTER_INBOUND_CURRENT, COUNTER_INBOUND_REFUSED,
	COUNTER_TLS_SESSIONS, COUNTER_TLS_FAILED,
	COUNTER_OUTBOUND_TOTAL, COUNTER_OUTBOUND_CURRENT, COUNTER_OUTBOUND_REFUSED,
	COUNTER_OUTBOUND_SLOWED, COUNTER_CONNECTION_ERRORS,
	COUNTER_LEASES_ASKED, COUNTER_LEASES_ENDED, COUNTER_LEASES_LOST,
	COUNTER_LOGINS_REFUSED,
	COUNTER_BYTES_RECEIVED, COUNTER_BYTES_SENT,
	COUNTER_QUEUE_LENGTH, COUNTER_QUEUE_LOCAL, COUNTER_QUEUE_LOCAL_RETRY,
	COUNTER_QUEUE_REMOTE, COUNTER_QUEUE_RETRY,
	COUNTER_QUEUE_HELD, COUNTER_QUEUE_ETRN,
	COUNTER_ETRN_MESSAGES,
	COUNTER_EVACUATED_OUT, COUNTER_EVACUATED_IN, COUNTER_EVACUATED_AGAIN,
	COUNTER_RETRIES, COUNTER_NDRS, COUNTER_DELAY_REPORTS, COUNTER_SUCCESS_REPORTS,
	COUNTER_BADMAIL_PICKUP, COUNTER_BADMAIL_GENERAL, COUNTER_BADMAIL_HOPS, COUNTER_BADMAIL_NDR,
	COUNTER_BADMAIL_NO_RECIPIENTS, COUNTER_BADMAIL_DAMAGED, COUNTER_BADMAIL_BYTES,
	COUNTER_TLS_REPORTS_SENT, COUNTER_TLS_REPORTS_FAILED,
	COUNTER_PICKUP, COUNTER_DROP, COUNTER_DNS_QUERIES, COUNTER_HINTS_LOST, COUNTER_LOG_LOST,
	COUNTER_CRASHES, COUNTER_STATE,
	COUNTER_COUNT
};

struct counter_row {
	const char *name;	/* "messages_received_total": text form, [a-z_] */
	const char *title;	/* "Messages Received Total": the original's name, or a like one */
	int gauge;		/* may fall */
};
extern const struct counter_row counters_rows[COUNTER_COUNT];

struct counters;

/* Master: makes the shared memory; *fd is for the children. NULL and errno. */
struct counters *counters_new(int *fd);
/* Worker: maps an inherited descriptor. NULL and errno. */
struct counters *counters_map(int fd);
/* The same for reading only: the descriptor may be a read-only one; nothing may be added or set. */
struct counters *counters_map_readonly(int fd);
void counters_free(struct counters *c);
/* A number of what lies where in the memory: programs with the same one can share it. */
uint64_t counters_layout(void);

void counters_add(struct counters *c, enum counter which, int64_t n);	/* c NULL: nothing (unit tests) */
void counters_set(struct counters *c, enum counter which, int64_t n);
int64_t counters_get(const struct counters *c, enum counter which);
/*
 * Gauges of a process that died must not stay: each worker keeps its own share of INBOUND_CURRENT and
 * OUTBOUND_CURRENT in its slot; the master clears the slot when the process is reaped.
 */

/* Up to 64 listeners, those of the last two reloads that still drain, and the other workers */
#define COUNTERS_SLOTS 256U
void counters_use_slot(struct counters *c, unsigned slot);	/* worker: its slot */
void counters_clear_slot(struct counters *c, unsigned slot);	/* master */
/* Connections per client, in the same memory. */
struct client_count *counters_client_count(struct counters *c);
/* What is measured, in the same memory; NULL: no counters. Mapped for reading only, it may not be written. */
struct measures *counters_measures(const struct counters *c);

#endif
