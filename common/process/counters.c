/*
 * counters - numbers of one virtual server in shared memory
 *
 * Runs in:  every process but posternctl; the master makes, reads and clears, workers add
 * Owns:     the mapping
 * Promise:  adding is one atomic instruction; current connections of a dead worker do not stay counted
 * Fails by: NULL and errno from new and map; never afterwards
 */
#include "common/process/counters.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

const struct counter_row counters_rows[COUNTER_COUNT] = {
	[COUNTER_MESSAGES_RECEIVED] = { "messages_received_total", "Messages Received Total", 0 },
	[COUNTER_MESSAGE_BYTES_RECEIVED] = { "message_bytes_received_total", "Message Bytes Received Total",
	    0 },
	[COUNTER_RECIPIENTS_RECEIVED] = { "recipients_received_total", "Recipients Received Total", 0 },
	[COUNTER_MESSAGES_SENT] = { "messages_sent_total", "Messages Sent Total", 0 },
	[COUNTER_MESSAGE_BYTES_SENT] = { "message_bytes_sent_total", "Message Bytes Sent Total", 0 },
	[COUNTER_MESSAGES_DELIVERED] = { "messages_delivered_total", "Messages Delivered Total", 0 },
	[COUNTER_MESSAGES_SIGNED] = { "messages_signed_total", "Messages Signed", 0 },
	[COUNTER_MESSAGES_UNSIGNED] = { "messages_unsigned_total", "Messages Not Signed", 0 },
	[COUNTER_REFUSED_SIZE] = { "messages_refused_for_size_total", "Messages Refused for Size", 0 },
	[COUNTER_REFUSED_RELAY] = { "recipients_refused_for_relay_total", "Recipients Refused for Relay", 0 },
	[COUNTER_REFUSED_FILTER] = { "refused_by_filters_total", "Refused by Mail Filters", 0 },
	[COUNTER_REFUSED_HOP] = { "messages_refused_by_next_hop_total",
	    "Messages Refused by the Next Hop", 0 },
	[COUNTER_PASSED] = { "messages_passed_through_total", "Messages Passed Through Unstored", 0 },
	[COUNTER_REFUSED_STORAGE] = { "messages_refused_for_storage_total",
	    "Messages Refused for Mail Objects", 0 },
	[COUNTER_INBOUND_TOTAL] = { "inbound_connections_total", "Inbound Connections Total", 0 },
	[COUNTER_INBOUND_CURRENT] = { "inbound_connections_current", "Inbound Connections Current", 1 },
	[COUNTER_INBOUND_REFUSED] = { "inbound_connections_refused_total", "Inbound Connections Refused", 0 },
	[COUNTER_TLS_SESSIONS] = { "inbound_tls_sessions_total", "Inbound TLS Sessions Total", 0 },
	[COUNTER_TLS_FAILED] = { "inbound_tls_handshakes_failed_total", "Inbound TLS Handshakes Failed", 0 },
	[COUNTER_OUTBOUND_TOTAL] = { "outbound_connections_total", "Outbound Connections Total", 0 },
	[COUNTER_OUTBOUND_CURRENT] = { "outbound_connections_current", "Outbound Connections Current", 1 },
	[COUNTER_OUTBOUND_REFUSED] = { "outbound_connections_refused_total", "Outbound Connections Refused",
	    0 },
	[COUNTER_OUTBOUND_SLOWED] = { "outbound_slow_downs_total", "Outbound Slow Downs", 0 },
	[COUNTER_CONNECTION_ERRORS] = { "connection_errors_total", "Total Connection Errors", 0 },
	[COUNTER_LEASES_ASKED] = { "leases_asked_total", "Leases Asked For", 0 },
	[COUNTER_LEASES_ENDED] = { "connections_ended_by_lease_total",
	    "Connections Ended By Their Lease", 0 },
	[COUNTER_LEASES_LOST] = { "leases_without_engine", "Leases Without Their Engine", 1 },
	[COUNTER_LOGINS_REFUSED] = { "logins_refused_total", "Logins Refused", 0 },
	[COUNTER_BYTES_RECEIVED] = { "bytes_received_total", "Bytes Received Total", 0 },
	[COUNTER_BYTES_SENT] = { "bytes_sent_total", "Bytes Sent Total", 0 },
	[COUNTER_QUEUE_LENGTH] = { "queue_length", "Queue Length", 1 },
	[COUNTER_QUEUE_LOCAL] = { "local_queue_length", "Local Queue Length", 1 },
	[COUNTER_QUEUE_LOCAL_RETRY] = { "local_retry_queue_length", "Local Retry Queue Length", 1 },
	[COUNTER_QUEUE_REMOTE] = { "remote_queue_length", "Remote Queue Length", 1 },
	[COUNTER_QUEUE_RETRY] = { "remote_retry_queue_length", "Remote Retry Queue Length", 1 },
	[COUNTER_QUEUE_HELD] = { "held_queue_length", "Held Queue Length", 1 },
	[COUNTER_QUEUE_ETRN] = { "kept_queue_length", "Kept Queue Length", 1 },
	[COUNTER_ETRN_MESSAGES] = { "etrn_messages_total", "ETRN Messages Total", 0 },
	[COUNTER_EVACUATED_OUT] = { "messages_evacuated_total", "Messages Evacuated To Other Nodes", 0 },
	[COUNTER_EVACUATED_IN] = { "messages_taken_over_total", "Messages Taken Over From Other Nodes", 0 },
	[COUNTER_EVACUATED_AGAIN] = { "messages_taken_over_again_total",
	    "Messages Of Other Nodes That Were Known", 0 },
	[COUNTER_RETRIES] = { "message_send_retries_total", "Message Send Retries", 0 },
	[COUNTER_NDRS] = { "ndrs_generated_total", "NDRs Generated", 0 },
	[COUNTER_DELAY_REPORTS] = { "delay_reports_total", "Delay Reports Generated", 0 },
	[COUNTER_SUCCESS_REPORTS] = { "success_reports_total", "Success Reports Generated", 0 },
	[COUNTER_BADMAIL_PICKUP] = { "badmail_bad_pickup_file_total", "Badmailed Messages (Bad Pickup File)",
	    0 },
	[COUNTER_BADMAIL_GENERAL] = { "badmail_general_failure_total", "Badmailed Messages (General Failure)",
	    0 },
	[COUNTER_BADMAIL_HOPS] = { "badmail_hop_count_exceeded_total",
	    "Badmailed Messages (Hop Count Exceeded)", 0 },
	[COUNTER_BADMAIL_NDR] = { "badmail_ndr_of_dsn_total", "Badmailed Messages (NDR of DSN)", 0 },
	[COUNTER_BADMAIL_NO_RECIPIENTS] = { "badmail_no_recipients_total",
	    "Badmailed Messages (No Recipients)", 0 },
	[COUNTER_BADMAIL_DAMAGED] = { "badmail_damaged_total", "Badmailed Messages (Damaged)", 0 },
	[COUNTER_BADMAIL_BYTES] = { "badmail_bytes", "Badmail Folder Bytes", 1 },
	[COUNTER_TLS_REPORTS_SENT] = { "tls_reports_sent_total", "TLS Reports Sent", 0 },
	[COUNTER_TLS_REPORTS_FAILED] = { "tls_reports_failed_total", "TLS Reports Failed", 0 },
	[COUNTER_PICKUP] = { "pickup_messages_retrieved_total", "Pickup Directory Messages Retrieved Total",
	    0 },
	[COUNTER_DROP] = { "directory_drops_total", "Directory Drops Total", 0 },
	[COUNTER_DNS_QUERIES] = { "dns_queries_total", "DNS Queries Total", 0 },
	[COUNTER_HINTS_LOST] = { "hints_lost_total", "Hints Lost", 0 },
	[COUNTER_LOG_LOST] = { "log_lines_lost_total", "Protocol Log Lines Lost", 0 },
	[COUNTER_CRASHES] = { "worker_crashes_total", "Worker Crashes", 0 },
	[COUNTER_STATE] = { "state", "State", 1 },
};

struct counters_memory {
	_Atomic int64_t shared[COUNTER_COUNT];
	struct { _Atomic int64_t inbound, outbound; } slot[COUNTERS_SLOTS];
	struct measures measures;
	struct client_count client_count;	/* unused pages take no memory */
};

struct counters {
	struct counters_memory *memory;
	unsigned slot;
};

static struct counters *
map_memory(int fd, int access)
{
	void *memory = mmap(NULL, sizeof(struct counters_memory), access, MAP_SHARED, fd, 0);
	struct counters *c;

	if (memory == MAP_FAILED)
		return NULL;
	c = mem_new(struct counters);
	c->memory = memory;
	return c;
}

struct counters *
counters_new(int *fd)
{
	bool sized;
	struct counters *c;

	static_assert(nitems_of(counters_rows) == COUNTER_COUNT, "one row a counter");
	*fd = memfd_create("postern-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd == -1)
		return NULL;
	/* Its size is sealed: a worker that shrank it would end the master with SIGBUS. */
	sized = ftruncate(*fd, sizeof(struct counters_memory)) == 0 &&
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
	c = sized ? map_memory(*fd, PROT_READ | PROT_WRITE) : NULL;
	if (c != NULL) {
		client_count_init(&c->memory->client_count);
		measures_set(&c->memory->measures, MEASURE_STARTED, clock_wall_us() / 1000000);
	}
	if (c == NULL) {
		int saved = errno;

		close(*fd);
		*fd = -1;
		errno = saved;
	}
	return c;
}

static struct counters *
map_inherited(int fd, int access)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size < (off_t)sizeof(struct counters_memory)) {
		errno = EINVAL;
		return NULL;
	}
	return map_memory(fd, access);
}

struct counters *
counters_map(int fd)
{
	return map_inherited(fd, PROT_READ | PROT_WRITE);
}

struct counters *
counters_map_readonly(int fd)
{
	return map_inherited(fd, PROT_READ);
}

void
counters_free(struct counters *c)
{
	if (c == NULL)
		return;
	munmap(c->memory, sizeof(struct counters_memory));
	free(c);
}

/* FNV-1a */
static uint64_t
mix(uint64_t sum, const void *data, size_t len)
{
	for (const unsigned char *p = data; len > 0; p++, len--)
		sum = (sum ^ *p) * 0x100000001b3U;
	return sum;
}

uint64_t
counters_layout(void)
{
	const uint64_t sizes[] = { sizeof(struct counters_memory), COUNTER_COUNT, COUNTERS_SLOTS,
		MEASURE_COUNT, MEASURES_ROWS, MEASURES_BUCKETS, CLIENT_COUNT_CELLS };
	uint64_t sum = mix(0xcbf29ce484222325U, sizes, sizeof(sizes));

	for (size_t i = 0; i < COUNTER_COUNT; i++)
		sum = mix(sum, counters_rows[i].name, strlen(counters_rows[i].name) + 1);
	return sum;
}

/* The cell that this process adds to. */
static _Atomic int64_t *
own_cell(const struct counters *c, enum counter which, unsigned slot)
{
	if (which == COUNTER_INBOUND_CURRENT)
		return &c->memory->slot[slot % COUNTERS_SLOTS].inbound;
	if (which == COUNTER_OUTBOUND_CURRENT)
		return &c->memory->slot[slot % COUNTERS_SLOTS].outbound;
	return &c->memory->shared[which];
}

void
counters_add(struct counters *c, enum counter which, int64_t n)
{
	if (c != NULL)
		atomic_fetch_add_explicit(own_cell(c, which, c->slot), n, memory_order_relaxed);
}

void
counters_set(struct counters *c, enum counter which, int64_t n)
{
	if (c != NULL)
		atomic_store_explicit(own_cell(c, which, c->slot), n, memory_order_relaxed);
}

int64_t
counters_get(const struct counters *c, enum counter which)
{
	int64_t sum;

	if (c == NULL)
		return 0;
	if (which != COUNTER_INBOUND_CURRENT && which != COUNTER_OUTBOUND_CURRENT)
		return atomic_load_explicit(own_cell(c, which, 0), memory_order_relaxed);
	sum = 0;
	for (unsigned i = 0; i < COUNTERS_SLOTS; i++)
		sum += atomic_load_explicit(own_cell(c, which, i), memory_order_relaxed);
	return sum;
}

void
counters_use_slot(struct counters *c, unsigned slot)
{
	c->slot = slot;
}

void
counters_clear_slot(struct counters *c, unsigned slot)
{
	atomic_store(&c->memory->slot[slot % COUNTERS_SLOTS].inbound, 0);
	atomic_store(&c->memory->slot[slot % COUNTERS_SLOTS].outbound, 0);
	client_count_clear(&c->memory->client_count, slot % COUNTERS_SLOTS);
}

struct client_count *
counters_client_count(struct counters *c)
{
	return c != NULL ? &c->memory->client_count : NULL;
}

struct measures *
counters_measures(const struct counters *c)
{
	return c != NULL ? &c->memory->measures : NULL;
}
