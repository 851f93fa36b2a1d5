/*
 * persist - which virtual servers should run, remembered over restarts in STATE/NAME.state
 *
 * Runs in:  master; posternctl while the service is down
 * Owns:     the .state files
 * Promise:  a file is whole or the old one
 * Fails by: -1 and errno; a file that cannot be read counts as "running"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "master/master.h"

static const char persist_stopped[] = "stopped\n", persist_running[] = "running\n";

bool
persist_wanted(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s.state", folder, name), text[sizeof(persist_stopped)] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	free(path);
	if (fd == -1)
		return true;
	ssize_t n = disk_pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	return n < 7 || strncmp(text, persist_stopped, 7) != 0;
}

static int
persist_put(const char *part, const char *path, const char *text)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -1;
	int result = disk_write(fd, text, strlen(text));
	if (result == 0)
		result = disk_sync(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return result == 0 ? rename(part, path) : -1;
}

int
persist_write(const char *folder, const char *name, bool running)
{
	char *path = mem_printf("%s/%s.state", folder, name), *part = mem_printf("%s/.%s.state.part", folder, name);
	unlink(part); /* of one who died here */
	int result = persist_put(part, path, running ? persist_running : persist_stopped);
	int saved = errno;
	if (result == -1)
		unlink(part);
	free(path);
	free(part);
	errno = saved;
	return result;
}

void
persist_forget(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s.state", folder, name);
	unlink(path);
	free(path);
}
