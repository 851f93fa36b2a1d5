/*
 * server_name - what a virtual server may be called: its name is that of its file and folders; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  a good name is a name of a file in its folder, and no hidden one
 * Fails by: false
 */
#include "common/config/server_name.h"

#include <string.h>

#include "common/config/config.h"

bool
server_name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= CONFIG_NAME_MAX && name[n] == '\0' && name[0] != '-';
}
