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

#include "common/base/buf.h"
#include "common/base/log.h"
#include "master/posternctl/posternctl.h"

#define USAGE \
	"usage: posternctl [-c file] [-s socket] command [argument ...]; posternctl help shows them all\n"

static const char *
option_name(const void *arg, size_t i)
{
	static char name[32];
	const struct option *option = (const struct option *)arg + i;

	if (option->name == NULL)
		return NULL;
	snprintf(name, sizeof(name), "--%s", option->name);
	return name;
}

/* `letter` 0: a long one. */
static void
say_unknown(const struct option *options, int letter, const char *word)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);

	if (letter > ' ' && letter <= '~')
		buf_printf(&why, "there is no option -%c", letter);
	else
		complaint_unknown(&why, "option", word, option_name, options);
	fprintf(stderr, "posternctl: %s\n" USAGE, buf_text(&why));
	buf_done(&why);
}

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
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:c:s:Vh", options, NULL)) != -1)
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
		case ':':
			fprintf(stderr, "posternctl: %s needs a value\n" USAGE, argv[optind - 1]);
			return EX_USAGE;
		default:
			say_unknown(options, optopt, argv[optind - 1]);
			return EX_USAGE;
		}
	return command_run(&context, (const char *const *)argv + optind, (size_t)(argc - optind));
}
