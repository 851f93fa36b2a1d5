/*
 * main - postern, the supervisor: reads its arguments
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  judges arguments and nothing else
 * Fails by: EX_USAGE
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "common/config/config_check.h"
#include "master/master.h"

static int
main_usage(void)
{
	fprintf(stderr, "usage: postern [-fgtTV] [-c file] [-S name]\n");
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	static char path[PATH_MAX];
	struct master_options o = { .config_path = POSTERN_SYSCONFDIR "/postern/postern.ini" };
	bool check = false, print = false;
	int c;

	setproctitle_init(argc, argv, environ);
	while ((c = getopt(argc, argv, "fgtTVc:S:")) != -1)
		switch (c) {
		case 'f':
			o.foreground = true;
			break;
		case 'g':
			o.greet = true;
			break;
		case 't':
			check = true;
			break;
		case 'T':
			print = true;
			break;
		case 'c':
			o.config_path = optarg;
			break;
		case 'S':
			o.start = optarg;
			break;
		case 'V':
			printf("postern %s\n", POSTERN_VERSION);
			return EX_OK;
		default:
			return main_usage();
		}
	if (optind != argc)
		return main_usage();
	if (realpath(o.config_path, path) == NULL) {
		fprintf(stderr, "postern: %s: %s\n", o.config_path, strerror(errno));
		return EX_NOINPUT;
	}
	o.config_path = path; /* absolute: the service leaves the folder in which it was started */
	if (print)
		return config_check_print(path, NULL);
	if (check)
		return config_check_run(path, NULL);
	return service_run(&o);
}
