/*
 * filter_place - where a mail filter listens, as text; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a numeric address with a port, or the path of a socket: no name is looked up
 * Fails by: -1 and a static text that says what would be right
 */
#include "common/config/filter_place.h"

#include <string.h>
#include <sys/un.h>

#include "common/base/net.h"

enum { PATH_LIMIT = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

static int
parse_unix(struct filter_place *a, const char *path, const char **why)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	size_t len = strlen(path);

	if (path[0] != '/' || len > PATH_LIMIT || strstr(path, "/../") != NULL ||
	    strcmp(path + len - (len < 3 ? len : 3), "/..") == 0) {
		*why = "unix: and an absolute path without \"..\", at most 107 characters long";
		return -1;
	}
	memcpy(sun.sun_path, path, len + 1);
	memcpy(&a->sa, &sun, sizeof(sun));
	a->len = sizeof(sun);
	return 0;
}

int
filter_place_parse(struct filter_place *a, const char *text, const char **why)
{
	struct net_address net;

	memset(a, 0, sizeof(*a));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(a, text + 5, why);
	if (strncmp(text, "inet:", 5) != 0 || text[5] == '*' ||
	    net_address_parse(&net, text + 5, 0, why) == -1 || net_port((struct sockaddr *)&net.sa) == 0 ||
	    net_is_any((struct sockaddr *)&net.sa)) {
		*why = "inet:ADDRESS:PORT with a numeric address, as inet:127.0.0.1:8891 or "
		    "inet:[::1]:8891, or unix:/PATH";
		return -1;
	}
	a->sa = net.sa;
	a->len = net.len;
	return 0;
}
