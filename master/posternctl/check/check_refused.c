/*
 * check_refused - what check says of a file that it could not open as the service would
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what only this user may not see is a warning, as check cannot know whether the service may
 * Fails by: cannot
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/boot/named_file.h"
#include "master/posternctl/check/check.h"

bool
check_refused_say(char *text, size_t size, const char *key, const char *path, const struct ctl_opened *answer)
{
	bool hidden = answer->error == EACCES && access(path, R_OK) == -1;

	if (hidden)
		snprintf(text, size, "%s \"%s\" cannot be looked at by this user; root can", key, path);
	else
		snprintf(text, size, "%s %s", key, answer->why);
	return hidden;
}
