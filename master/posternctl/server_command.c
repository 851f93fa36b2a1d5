/*
 * server_command - deletes virtual servers: INI file and wanted state
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  the INI file is kept under another name. Mail folders are never removed
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/server_numbers.h"
#include "common/config/wanted_state.h"
#include "master/posternctl/posternctl.h"

#define SERVER_COMMAND_FILE_MAX 65536

static int
may_be_deleted(const struct server_set *set, const char *name)
{
	int status = server_set_find(set, name);

	if (status == EX_OK && strcmp(name, "default") == 0)
		status = server_set_refuse(1, name, "cannot be deleted");
	if (status == EX_OK && set->config->nserver == 1 && strcmp(set->config->server[0].name, name) == 0)
		status = server_set_refuse(1, name, "is the last virtual server; it cannot be deleted");
	return status;
}

/* Where its file is kept: an earlier one of the same name is not replaced. */
static char *
free_path(const struct server_set *set, const char *name)
{
	char *path = server_set_path(set, name, ".deleted");
	char ending[32];

	for (unsigned n = 2; access(path, F_OK) == 0 && n < 1000; n++) {
		free(path);
		snprintf(ending, sizeof(ending), ".deleted-%u", n);
		path = server_set_path(set, name, ending);
	}
	return path;
}

int
server_command_delete(const char *config_path, const char *name)
{
	struct server_set set;
	int status = server_set_open(&set, config_path);
	char *path, *kept;

	if (status == EX_OK)
		status = may_be_deleted(&set, name);
	path = server_set_path(&set, name, "");
	kept = free_path(&set, name);
	if (status == EX_OK && rename(path, kept) == -1)
		status = server_set_say_errno(path);
	if (status == EX_OK) {
		const struct config_server *s = config_server_by_name(set.config, name);

		if (server_set_move_state(set.config->service.state, name, NULL, true) == -1)
			(void)server_set_say_errno(set.config->service.state);
		printf("%s has been deleted; its file is kept as %s%s%s\n", name, kept,
		    s != NULL ? ", its mail in " : "", s != NULL ? s->home : "");
	}
	free(path);
	free(kept);
	server_set_close(&set);
	return status;
}
