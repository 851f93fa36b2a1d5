/*
 * ctl_version - the version of the control messages, and what all versions have in common
 *
 * Runs in:  every process but import
 * Owns:     nothing
 * Promise:  what is common never changes: see ctl.h
 * Fails by: cannot
 */
#include <assert.h>

#include "common/ipc/ctl.h"

#ifdef POSTERN_TEST
/* t/system/upgrade makes programs of another version: it changes the digits in their files. */
static const volatile char version_text[] = "postern-ctl-version:00007";
static_assert(CTL_VERSION == 7, "the digits are those of CTL_VERSION");

unsigned
ctl_version(void)
{
	unsigned version = 0;

	for (size_t i = sizeof(version_text) - 6; i < sizeof(version_text) - 1; i++)
		version = version * 10 + (unsigned)(version_text[i] - '0');
	return version;
}
#else
unsigned
ctl_version(void)
{
	return CTL_VERSION;
}
#endif

bool
ctl_version_knows(enum ctl_type type, unsigned version)
{
	return version == ctl_version() || (version >= CTL_VERSION_FIRST && type < CTL_COMMON);
}
