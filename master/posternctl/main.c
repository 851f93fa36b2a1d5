/*
 * main - posternctl, the command of operators: reads its options
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a configuration that is named and cannot be read ends the command: another one is never used
 * Fails by: EX_USAGE, EX_NOINPUT
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "master/posternctl/posternctl.h"

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct command_context context = { 0 };
	int c;

	log_open("posternctl", "", LOG_TO_STDERR);
	while ((c = getopt_long(argc, argv, "+c:s:Vh", options, NULL)) != -1)
		switch (c) {
		case 'c':
			context.config_path = optarg;
			if (access(optarg, R_OK) == 0)
				break;
			fprintf(stderr, "posternctl: %s: %s\n", optarg, strerror(errno));
			return EX_NOINPUT;
		case 's':
			context.socket_path = optarg;
			break;
		case 'V':
			printf("postern %s\n", POSTERN_VERSION);
			return EX_OK;
		case 'h':
			command_usage(stdout);
			return EX_OK;
		default:
			fprintf(stderr, "posternctl help shows all commands and options\n");
			return EX_USAGE;
		}
	return command_run(&context, (const char *const *)argv + optind, (size_t)(argc - optind));
}
