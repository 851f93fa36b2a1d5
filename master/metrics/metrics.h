/* metrics - the helper that shows the counters to Prometheus */
#ifndef MASTER_METRICS_METRICS_H
#define MASTER_METRICS_METRICS_H

#include "common/boot/boot.h"

extern const struct boot_role metrics_role;

#endif
