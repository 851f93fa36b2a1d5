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

struct arguments {
	struct master_options options;
	bool check, print;
};

static int
say_usage(void)
{
	fprintf(stderr, "usage: postern [-fgtTV] [-c file] [-S name]\n");
	return EX_USAGE;
}

/* -1: the arguments are good; else the exit status. */
static int
read_arguments(struct arguments *a, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "fgtTVc:S:")) != -1)
		switch (c) {
		case 'f':
			a->options.foreground = true;
			break;
		case 'g':
			a->options.greet = true;
			break;
		case 't':
			a->check = true;
			break;
		case 'T':
			a->print = true;
			break;
		case 'c':
			a->options.config_path = optarg;
			break;
		case 'S':
			a->options.start = optarg;
			break;
		case 'V':
			printf("postern %s\n", POSTERN_VERSION);
			return EX_OK;
		default:
			return say_usage();
		}
	return optind != argc ? say_usage() : -1;
}

int
main(int argc, char **argv)
{
	static char path[PATH_MAX];
	struct arguments a = { .options.config_path = POSTERN_SYSCONFDIR "/postern/postern.ini" };
	int status;

	setproctitle_init(argc, argv, environ);
	status = read_arguments(&a, argc, argv);
	if (status != -1)
		return status;
	if (realpath(a.options.config_path, path) == NULL) {
		fprintf(stderr, "postern: %s: %s\n", a.options.config_path, strerror(errno));
		return EX_NOINPUT;
	}
	a.options.config_path = path; /* absolute: the service leaves the folder in which it was started */
	if (a.print)
		return config_check_print(path, NULL);
	if (a.check)
		return config_check_run(path, NULL);
	return service_run(&a.options);
}
