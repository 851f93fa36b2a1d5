/* counters_text - counters and measures as the text Prometheus reads (exposition format 0.0.4) */
#ifndef COMMON_PROCESS_COUNTERS_TEXT_H
#define COMMON_PROCESS_COUNTERS_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/process/counters.h"

struct counters_text_server {
	const char *name;		/* of the virtual server; has nothing to escape */
	const struct counters *counters;
};

/*
 * Every counter with HELP and TYPE and one sample a virtual server, also when it is zero:
 * "postern_state{server="default"} 2".
 */
void counters_text_prometheus(struct buf *out, const struct counters_text_server *server, size_t n);
void counters_text_manual(FILE *out);		/* an entry of a list for each of them, in mdoc */

#endif
