/*
 * config_check - judges the INI set on disk and shows what is in effect
 *
 * Runs in:  master, posternctl; for postern -t and -T, posternctl check and config
 * Owns:     nothing
 * Promise:  prints all faults at once; changes nothing
 * Fails by: EX_CONFIG
 */
#include "common/config/config_check.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/config/config.h"

int
config_check_run(const char *path, config_check_files *files)
{
	struct config_faults faults = { 0 };
	struct config *c = config_read(path, &faults);
	int status;
	size_t errors, warnings;

	if (c != NULL && files != NULL)
		files(c, &faults);
	config_faults_print(&faults, stdout);
	errors = faults.errors;
	warnings = faults.count - faults.errors;
	if (c == NULL || errors > 0)
		printf("%s: %zu error%s, %zu warning%s\n", path, errors, errors == 1 ? "" : "s", warnings,
		    warnings == 1 ? "" : "s");
	else
		printf("%s: good, %zu virtual server%s, %zu warning%s\n", path, c->nserver,
		    c->nserver == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
	status = c == NULL || errors > 0 ? EX_CONFIG : EX_OK;
	config_free(c);
	config_faults_done(&faults);
	return status;
}

int
config_check_print(const char *path, const char *name)
{
	struct config_faults faults = { 0 };
	struct config *c = config_read(path, &faults);
	int status;

	config_faults_print(&faults, stderr);
	status = c == NULL || faults.errors > 0 ? EX_CONFIG : EX_OK;
	if (c != NULL && name != NULL && config_server_by_name(c, name) == NULL) {
		fprintf(stderr, "there is no virtual server %s%s\n", log_safe(name),
		    config_faults_first_error(&faults, name) != NULL ? " without errors in its file" : "");
		status = config_faults_first_error(&faults, name) != NULL ? EX_CONFIG : 3;
	} else if (c != NULL) {
		config_print(c, name, stdout);
	}
	config_free(c);
	config_faults_done(&faults);
	return status;
}
