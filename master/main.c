/*
 * main - postern, the supervisor: reads its arguments
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  judges arguments and nothing else
 * Fails by: EX_USAGE
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/unistd.h>

#include "common/base/standard.h"
#include "common/config/config_check.h"
#include "master/master.h"
#include "master/upgrade/upgrade.h"

struct arguments {
	struct master_options options;
	bool check, print;
	int try_take_over;		/* descriptor; -1 none */
};

/* Of options without a letter. A service that runs gives them to the program that takes over. */
enum { OPTION_TAKE_OVER = 256, OPTION_TRY_TAKE_OVER };

#define INSTALLED POSTERN_SYSCONFDIR "/postern/postern.ini"
#define USAGE "usage: postern [-fghtTV] [-c file] [-S name]\n"

/* What is wrong has been said. */
static int
say_usage(void)
{
	fputs(USAGE, stderr);
	return EX_USAGE;
}

static int
show_help(void)
{
	fputs(USAGE
	    "  -c, --config FILE  the configuration, instead of " POSTERN_SYSCONFDIR "/postern/postern.ini\n"
	    "  -f, --foreground   stay in the foreground\n"
	    "  -g, --greet        when the service is ready, say how to send a first message and manage it\n"
	    "  -h, --help         show this\n"
	    "  -S, --start NAME   also start a virtual server that an operator stopped\n"
	    "  -t, --test         check the configuration, and exit\n"
	    "  -T, --test-print   the same, and print it as it takes effect\n"
	    "  -V, --version      print the version\n", stdout);
	return EX_OK;
}

static bool
read_descriptor(int *fd, const char *text)
{
	const char *why = NULL;

	*fd = (int)strtonum(text, STDERR_FILENO + 1, INT_MAX, &why);
	return why == NULL && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* -1: the arguments are good; else the exit status. */
static int
read_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "foreground", no_argument, NULL, 'f' },
		{ "greet", no_argument, NULL, 'g' }, { "help", no_argument, NULL, 'h' },
		{ "start", required_argument, NULL, 'S' }, { "test", no_argument, NULL, 't' },
		{ "take-over", required_argument, NULL, OPTION_TAKE_OVER },
		{ "test-print", no_argument, NULL, 'T' },
		{ "try-take-over", required_argument, NULL, OPTION_TRY_TAKE_OVER },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fghtTVc:S:", options, NULL)) != -1)
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
		case OPTION_TAKE_OVER:
		case OPTION_TRY_TAKE_OVER:
			if (!read_descriptor(c == OPTION_TAKE_OVER ? &a->options.take_over :
			    &a->try_take_over, optarg))
				return say_usage();
			break;
		case 'h':
			return show_help();
		case 'V':
			printf("postern %s\n", POSTERN_VERSION);
			return EX_OK;
		default:
			return say_usage();
		}
	if (optind == argc)
		return -1;
	fprintf(stderr, "postern: %s: there are options only\n", argv[optind]);
	return say_usage();
}

int
main(int argc, char **argv)
{
	static char path[PATH_MAX];
	struct arguments a = { .options = { .config_path = INSTALLED,
	    .take_over = -1 }, .try_take_over = -1 };
	int status;

	if (standard_open() == -1)
		return EX_OSERR;
	setproctitle_init(argc, argv, environ);
	status = read_arguments(&a, argc, argv);
	if (status != -1)
		return status;
	a.options.installed = strcmp(a.options.config_path, INSTALLED) == 0;
	/* Absolute: the service leaves the folder in which it was started. Who takes over is told it so. */
	if (a.options.take_over != -1 || a.try_take_over != -1) {
		snprintf(path, sizeof(path), "%s", a.options.config_path);
	} else if (realpath(a.options.config_path, path) == NULL) {
		fprintf(stderr, "postern: %s: %s\n", a.options.config_path, strerror(errno));
		return EX_NOINPUT;
	}
	a.options.config_path = path;
	if (a.print)
		return config_check_print(path, NULL);
	if (a.check)
		return config_check_run(path, NULL);
	if (a.try_take_over != -1)
		return takeover_trial_run(path, a.try_take_over);
	return service_run(&a.options);
}
