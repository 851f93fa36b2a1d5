/*
 * sendmail_ask - mailq, and sendmail -q: questions that posternctl answers
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  posternctl runs with the rights of the user that called, not with the group of this program
 * Fails by: an exit status that was said
 */
#include <bsd/string.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "pickup/sendmail/sendmail.h"

/* Where both were built and not installed. The rights of this program are gone by now, wherever it lies. */
static bool
find_beside(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return false;
	slash[1] = '\0';
	return strlcat(path, "posternctl", size) < size && access(path, X_OK) == 0;
}

static int
become_posternctl(const char *config, const char *first, const char *second)
{
	static const char installed[] = POSTERN_BINDIR "/posternctl";
	char path[PATH_MAX];

	if (!find_beside(path, sizeof(path)))
		strlcpy(path, installed, sizeof(path));
	if (config != NULL)
		execl(path, "posternctl", "-c", config, first, second, (char *)NULL);
	else
		execl(path, "posternctl", first, second, (char *)NULL);
	return sendmail_say(EX_OSFILE, "%s: %s", path, strerror(errno));
}

int
sendmail_ask_list(const char *config)
{
	return become_posternctl(config, "queue", "list");
}

int
sendmail_ask_retry(const char *config)
{
	return become_posternctl(config, "retry", NULL);
}
