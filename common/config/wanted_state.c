/*
 * wanted_state - which virtual servers should run, remembered over restarts in STATE/NAME.state
 *
 * Runs in:  master, posternctl; the latter while the service is down. Syncs one small file where called
 * Owns:     the .state files
 * Promise:  a file is the new one or the old one as a whole
 * Fails by: -1 and errno; a file that cannot be read counts as "running"
 */
#include "common/config/wanted_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"

static const char wanted_state_stopped[] = "stopped\n", wanted_state_running[] = "running\n";

bool
wanted_state_wanted(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s.state", folder, name), text[sizeof(wanted_state_stopped)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	free(path);
	if (fd == -1)
		return true;
	n = disk_pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	return n < 7 || strncmp(text, wanted_state_stopped, 7) != 0;
}

int
wanted_state_write(const char *folder, const char *name, bool running)
{
	char *path = mem_printf("%s/%s.state", folder, name),
	    *part = mem_printf("%s/.%s.state.part", folder, name);
	const char *text = running ? wanted_state_running : wanted_state_stopped;
	int result = disk_replace(part, path, 0644, text, strlen(text));
	int saved = errno;

	free(path);
	free(part);
	errno = saved;
	return result;
}

void
wanted_state_forget(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s.state", folder, name);

	unlink(path);
	free(path);
}
