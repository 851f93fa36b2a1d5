/*
 * roster_roles - the kinds of child processes, one row a role
 *
 * Runs in:  master
 * Owns:     the table
 * Promise:  program, descriptors and way of replacement of a role stand here and nowhere else
 * Fails by: not at all
 */
#include "master/processes/processes.h"

const struct roster_role roster_roles[ROLE_COUNT] = {
	[ROLE_LISTENER] = { .name = "listener", .per_server = true, .sockets = true, .overlaps = true,
	    .at_once = 3 },
	/* overlaps: what listeners put into the queue goes on without a gap */
	[ROLE_PICKUP] = { .name = "pickup", .per_server = true, .hint = ROSTER_HINT_WRITE, .overlaps = true,
	    .at_once = 1 },
	[ROLE_DELIVER] = { .name = "deliver", .per_server = true, .hint = ROSTER_HINT_READ, .at_once = 1 },
	[ROLE_RESOLVER] = { .name = "resolver", .at_once = 1 },
	[ROLE_METRICS] = { .name = "metrics", .sockets = true },
	[ROLE_WEB] = { .name = "web", .sockets = true, .at_once = 3 },
	[ROLE_AUTH] = { .name = "auth", .whole_config = true, .at_once = 1 },
	[ROLE_FETCH] = { .name = "fetch", .whole_config = true, .at_once = 1 },
	[ROLE_DIRECTORY] = { .name = "directory", .whole_config = true, .at_once = 1 },
	[ROLE_FILTER] = { .name = "filter", .whole_config = true, .at_once = 1 },
	[ROLE_LIMITS] = { .name = "limits", .whole_config = true, .at_once = 1 },
	[ROLE_MAINTENANCE] = { .name = "maintenance", .program = "deliver" },
};
