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

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/config/key.h"
#include "master/posternctl/posternctl.h"

#define USAGE \
	"usage: posternctl [-c file] [-s socket] [--on host,...] [--on-timeout time] command " \
	"[argument ...]; posternctl help shows them all\n"

#define NODES_LIMIT_MOST_MS 86400000
enum { OPTION_ON = 256, OPTION_ON_TIMEOUT };	/* they have no letter */

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' },
	{ "on", required_argument, NULL, OPTION_ON },
	{ "on-timeout", required_argument, NULL, OPTION_ON_TIMEOUT },
	{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

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
say_unknown(int letter, const char *word)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);

	if (letter > ' ' && letter <= '~')
		buf_printf(&why, "there is no option -%c", letter);
	else
		complaint_unknown(&why, "option", word, option_name, options);
	fprintf(stderr, "posternctl: %s\n" USAGE, buf_text(&why));
	buf_done(&why);
}

/* An option with a value. EX_OK, or it has been said what is wrong. */
static int
take_value(struct command_context *context, int option, const char *value)
{
	if (option == 'c')
		context->config_path = value;
	else if (option == 's')
		context->socket_path = value;
	else if (option == OPTION_ON)
		context->nodes = value;
	else if (key_parse_time(value, &context->nodes_limit_ms) == -1 || context->nodes_limit_ms < 1000 ||
	    context->nodes_limit_ms > NODES_LIMIT_MOST_MS) {
		fprintf(stderr, "posternctl: --on-timeout %s: it wants " COMPLAINT_TIME
		    ", from 1s to 1d\n" USAGE, log_safe(value));
		return EX_USAGE;
	}
	return EX_OK;
}

/* With --on these are files of the nodes, and time is of no use without. */
static int
judge(const struct command_context *context)
{
	if (context->nodes == NULL && context->nodes_limit_ms != 0) {
		fprintf(stderr, "posternctl: --on-timeout is for --on\n" USAGE);
		return EX_USAGE;
	}
	if (context->nodes != NULL || context->config_path == NULL || access(context->config_path, R_OK) == 0)
		return EX_OK;
	fprintf(stderr, "posternctl: %s: %s\n", context->config_path, strerror(errno));
	return EX_NOINPUT;
}

int
main(int argc, char **argv)
{
	struct command_context context = { 0 };
	int c, status = EX_OK;

	if (standard_open() == -1)
		return EX_OSERR;
	log_open("posternctl", "", LOG_TO_STDERR);
	answers_memory_begin();
	opterr = 0;
	while (status == EX_OK && (c = getopt_long(argc, argv, "+:c:s:Vh", options, NULL)) != -1)
		switch (c) {
		case 'c':
		case 's':
		case OPTION_ON:
		case OPTION_ON_TIMEOUT:
			status = take_value(&context, c, optarg);
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
			say_unknown(optopt, argv[optind - 1]);
			return EX_USAGE;
		}
	if (status == EX_OK)
		status = judge(&context);
	return status != EX_OK ? status :
	    command_run(&context, (const char *const *)argv + optind, (size_t)(argc - optind));
}
