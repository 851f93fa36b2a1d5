/*
 * tls_report_owner - what the reports about TLS need of the worker: its queue, its helpers
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a report that is queued is tried at once
 * Fails by: cannot
 */
#include "deliver/deliver.h"
#include "deliver/outbound/outbound.h"
#include "deliver/schedule/schedule.h"
#include "deliver/tls_report/tls_report.h"

static void
on_queued(void *arg, const char *id)
{
	struct queue_owner *queue = arg;

	if (queue->ending)
		return;		/* whoever comes next finds it */
	schedule_hint(queue->schedule, id);
	schedule_go(queue->schedule);
}

struct tls_reports *
tls_report_owner_new(struct queue_owner *queue, struct outbound *outbound)
{
	const struct tls_report_means means = { .boot = queue->boot, .enqueue = queue->enqueue,
	    .resolver = outbound->helper[CTL_HELPER_RESOLVER],
	    .fetch = outbound->helper[CTL_HELPER_FETCH], .queued = on_queued, .arg = queue };

	outbound->reports = tls_reports_new(queue->pool, queue->spool, &means);
	return outbound->reports;
}
