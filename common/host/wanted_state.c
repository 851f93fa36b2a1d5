/*
 * wanted_state - which virtual servers should run, and which has lost its home, remembered over restarts in
 * STATE/NAME.state
 *
 * Runs in:  master, posternctl; the latter while the service is down. Syncs one small file where called
 * Owns:     the .state files
 * Promise:  a file is the new one or the old one as a whole
 * Fails by: -1 and errno; a file that cannot be read counts as "running"
 */
#include "common/host/wanted_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"

#define STOPPED "stopped\n"
#define LOST STOPPED "home-lost "
#define TEXT_SIZE (sizeof(LOST) + WANTED_STATE_WHY_SIZE)

/* What the file says, as far as it fits; "" when there is none. */
static void
read_text(const char *folder, const char *name, char text[TEXT_SIZE])
{
	char *path = mem_printf("%s/%s.state", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	memset(text, 0, TEXT_SIZE);
	free(path);
	if (fd == -1)
		return;
	if (disk_pread(fd, text, TEXT_SIZE - 1, 0) == -1)
		text[0] = '\0';
	close(fd);
}

static void
make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
}

bool
wanted_state_wanted(const char *folder, const char *name)
{
	char text[TEXT_SIZE];

	read_text(folder, name, text);
	return strncmp(text, STOPPED, strlen("stopped")) != 0;
}

bool
wanted_state_lost(const char *folder, const char *name, char why[WANTED_STATE_WHY_SIZE])
{
	char text[TEXT_SIZE];
	bool lost;

	read_text(folder, name, text);
	lost = strncmp(text, LOST, strlen(LOST)) == 0;
	snprintf(why, WANTED_STATE_WHY_SIZE, "%.*s", WANTED_STATE_WHY_SIZE - 1,
	    lost ? text + strlen(LOST) : "");
	why[strcspn(why, "\n")] = '\0';
	make_printable(why, strlen(why));
	return lost;
}

static int
write_text(const char *folder, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s.state", folder, name),
	    *part = mem_printf("%s/.%s.state.part", folder, name);
	int result = disk_replace(part, path, 0644, text, strlen(text));
	int saved = errno;

	free(path);
	free(part);
	errno = saved;
	return result;
}

int
wanted_state_write(const char *folder, const char *name, bool running)
{
	return write_text(folder, name, running ? "running\n" : STOPPED);
}

int
wanted_state_write_lost(const char *folder, const char *name, const char *why)
{
	char text[TEXT_SIZE];

	snprintf(text, sizeof(text), LOST "%.*s\n", WANTED_STATE_WHY_SIZE - 1, why);
	make_printable(text + strlen(LOST), strlen(text + strlen(LOST)) - 1);
	return write_text(folder, name, text);
}

void
wanted_state_forget(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s.state", folder, name);

	unlink(path);
	free(path);
}
