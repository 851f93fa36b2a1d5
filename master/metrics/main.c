/*
 * main - postern-metrics: the helper that shows the counters to Prometheus
 *
 * Runs in:  metrics
 * Owns:     nothing
 * Promise:  that of boot_main
 * Fails by: the exit status of boot_main
 */
#include "master/metrics/metrics.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &metrics_role);
}
