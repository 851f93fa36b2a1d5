/*
 * service_start - starts the service: by systemd where it has our unit, else by running postern
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  returns when the service is up, or has printed why not
 * Fails by: an exit status
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/host/unit_file.h"
#include "common/host/wanted_state.h"
#include "master/posternctl/posternctl.h"

/* Runs a program and waits for its end: its exit status. */
static int
execute_and_wait(const char *path, const char *const *argv)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execv(path, (char *const *)(uintptr_t)argv);	/* it changes no argument */
		fprintf(stderr, "posternctl: %s: %s\n", path, strerror(errno));
		_exit(EX_UNAVAILABLE);
	}
	status = 0;
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

/* Path of postern: beside this program (a build folder), else as installed. Owned by the caller. */
static char *
find_master(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		char *beside, *slash;

		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		beside = mem_printf("%s/postern", self);
		if (access(beside, X_OK) == 0)
			return beside;
		free(beside);
	}
	return mem_strdup(POSTERN_SBINDIR "/postern");
}

/* Remembers that `name` should run: the unit of systemd has no -S. EX_OK or an exit status. */
static int
want_server(const char *config_path, const char *name)
{
	struct config_faults faults = { 0 };
	struct config *config = config_read(config_path, &faults);
	int status = EX_OK;

	if (config == NULL) {
		config_faults_print(&faults, stderr);
		status = EX_CONFIG;
	} else if (config_server_by_name(config, name) == NULL) {
		fprintf(stderr, "posternctl: there is no virtual server %s\n", name);
		status = 3;
	} else if (!wanted_state_wanted(config->service.state, name) &&
	    wanted_state_write(config->service.state, name, true) == -1) {
		fprintf(stderr, "posternctl: %s: %s\n", config->service.state, strerror(errno));
		status = errno == EACCES || errno == EPERM ? EX_NOPERM : EX_IOERR;
	}
	config_free(config);
	config_faults_done(&faults);
	return status;
}

/* Whether this user may write to the folder, or may make it. */
static bool
may_write(const char *folder)
{
	char *path = mem_strdup(folder), *slash;
	bool may;

	while (!(may = access(path, W_OK) == 0) && errno == ENOENT && (slash = strrchr(path, '/')) != NULL &&
	    slash != path)
		*slash = '\0';
	free(path);
	return may;
}

/* A service of one's own is fine. EX_OK, or an exit status: the start could only fail for want of rights. */
static int
may_start(const char *config_path)
{
	struct config_faults faults = { 0 };
	struct config *config = config_read(config_path, &faults);
	int status = EX_OK;

	if (geteuid() != 0 && config != NULL && !may_write(config->service.run)) {
		fprintf(stderr, "posternctl: the service is not running, and only root may start it\n");
		status = EX_NOPERM;
	}
	config_free(config);	/* what is wrong with the files the start will say */
	config_faults_done(&faults);
	return status;
}

int
service_start_up(const char *config_path, bool standard, const char *name)
{
	const char *argv[] = { "postern", "-c", config_path, name != NULL ? "-S" : NULL, name, NULL };
	char *master;
	int status;

	if (standard && unit_file_is_there()) {
		const char *start[] = { "systemctl", "start", "postern.service", NULL };

		status = name != NULL ? want_server(config_path, name) : EX_OK;
		if (status == EX_OK)
			status = execute_and_wait("/bin/systemctl", start);
		if (status == EX_OK)
			printf("the service has been started\n");
		return status;
	}
	status = may_start(config_path);
	if (status != EX_OK)
		return status;
	master = find_master();
	status = execute_and_wait(master, argv);
	if (status == EX_OK)
		printf("the service has been started\n");
	free(master);
	return status;
}
