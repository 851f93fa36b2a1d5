/*
 * command_send - which service a command is for, and its words on their way there
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a command for one service never reaches another
 * Fails by: an exit status, or a CONTROL_CLIENT_ value; NULL when it has been said why
 */
#include <limits.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "master/posternctl/posternctl.h"

const char *
command_send_config(const struct command_context *c)
{
	return c->config_path != NULL ? c->config_path : POSTERN_SYSCONFDIR "/postern/postern.ini";
}

char *
command_send_absolute(const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		return mem_strdup(path);
	return mem_printf("%s/%s", here, path);
}

char *
command_send_socket(const struct command_context *c)
{
	struct config_faults faults;
	struct config *config;
	char *path = NULL;

	if (c->socket_path != NULL)
		return mem_strdup(c->socket_path);
	faults = (struct config_faults){ 0 };
	config = config_read(command_send_config(c), &faults);
	if (config != NULL)
		path = control_words_socket(config->service.run);
	else if (c->config_path == NULL)
		path = control_words_socket(POSTERN_RUNDIR "/postern");
	else
		fprintf(stderr,
		    "posternctl: %s has errors (posternctl -c %s check) and does not say which service is "
		    "meant; name its socket with -s\n", c->config_path, c->config_path);
	config_free(config);
	config_faults_done(&faults);
	return path;
}

int
command_send_words(const struct command_context *c, const char *what, const char *const *words, size_t count)
{
	return command_send_for(c, what, words, count, NULL);
}

int
command_send_for(const struct command_context *c, const char *what, const char *const *words, size_t count,
    struct buf *out)
{
	const char *all[CONTROL_WORDS_MAX] = { what };
	char *path;
	int status;

	for (size_t i = 0; i < count && i + 1 < CONTROL_WORDS_MAX; i++)
		all[i + 1] = words[i];
	path = command_send_socket(c);
	if (path == NULL)
		return EX_CONFIG;
	status = control_client_service(path, all, count + 1, out);
	free(path);
	return status;
}

int
command_send_lines(const struct command_context *c, const char *const *words, size_t count,
    void (*each)(void *arg, char *line), void *arg)
{
	char *path = command_send_socket(c);
	int status = path != NULL ? control_client_lines(path, words, count, each, arg) : EX_CONFIG;

	free(path);
	return status;
}

int
command_send_no_answer(int status)
{
	fprintf(stderr, "posternctl: the service %s\n",
	    status == CONTROL_CLIENT_CUT ? "ended before it answered" : "is not running");
	return EX_UNAVAILABLE;
}
