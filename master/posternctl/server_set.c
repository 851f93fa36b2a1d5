/*
 * server_set - the INI files of all virtual servers
 *
 * Runs in:  posternctl
 * Owns:     the configuration of a struct server_set
 * Promise:  faults have been printed when there is none
 * Fails by: an exit status
 */
#include <sysexits.h>

#include "master/posternctl/posternctl.h"

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
