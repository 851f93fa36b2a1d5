/*
 * server_set - the INI files of all virtual servers, and what is remembered of each
 *
 * Runs in:  posternctl
 * Owns:     the configuration of a struct server_set
 * Promise:  a name that is no name of a virtual server leads to no path
 * Fails by: an exit status and a line on the standard error output
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/server_numbers.h"
#include "common/config/wanted_state.h"
#include "master/posternctl/posternctl.h"

bool
server_set_name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= CONFIG_NAME_MAX && name[n] == '\0' && name[0] != '-';
}

int
server_set_say_errno(const char *what)
{
	int status = errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM :
	    errno == EEXIST ? 1 : EX_IOERR;

	fprintf(stderr, "posternctl: %s: %s\n", what, strerror(errno));
	return status;
}

int
server_set_refuse(int status, const char *name, const char *why)
{
	fprintf(stderr, "posternctl: %s %s\n", log_safe(name), why);
	return status;
}

char *
server_set_path(const struct server_set *set, const char *name, const char *ending)
{
	const char *slash = strrchr(set->config_path, '/');
	int folder = slash != NULL ? (int)(slash - set->config_path) + 1 : 0;

	return mem_printf("%.*sservers/%s.ini%s", folder, set->config_path, name, ending);
}

int
server_set_open(struct server_set *set, const char *config_path)
{
	*set = (struct server_set){ .config_path = config_path };
	set->config = config_read(config_path, &set->faults);
	if (set->config != NULL)
		return EX_OK;
	config_faults_print(&set->faults, stderr);
	return EX_CONFIG;
}

void
server_set_close(struct server_set *set)
{
	config_free(set->config);
	config_faults_done(&set->faults);
}

int
server_set_move_state(const char *folder, const char *from, const char *to, bool wanted)
{
	struct server_numbers n;
	uint32_t id;
	int result = 0;

	wanted_state_forget(folder, from);
	if (to != NULL && !wanted)
		result = wanted_state_write(folder, to, false);
	server_numbers_read(&n, folder);
	id = server_numbers_find(&n, from);
	if (id != 0 && result == 0) {
		(void)server_numbers_set(&n, to != NULL ? to : from, to != NULL ? id : 0);
		result = server_numbers_write(&n, folder);
	}
	server_numbers_done(&n);
	return result;
}

int
server_set_find(const struct server_set *set, const char *name)
{
	char *path = server_set_path(set, name, "");
	bool there = server_set_name_is_good(name) && access(path, F_OK) == 0;

	free(path);
	return there ? EX_OK : server_set_refuse(SERVER_SET_NO_MATCH, name, "is no virtual server");
}
