/*
 * deliver_roles - what the program is, by the name that it was started under
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  what has another name than those two sends nothing: a master of another version may have it
 * Fails by: cannot
 */
#include <string.h>

#include "common/base/mem.h"
#include "deliver/deliver.h"

/*
 * Callbacks between two looks for replies to whole contents: what a host has taken is marked before other
 * work goes on, or it would come twice when the process ends
 */
#define OTHERS 8

static void
run_deliver(struct boot *b)
{
	deliver_run(b, false);
}

static void
run_evacuation(struct boot *b)
{
	deliver_run(b, true);
}

static const struct boot_role deliver_role = {
	.name = "deliver",
	.title = "delivers, drops and returns mail",
	.per_server = true,
	.others = OTHERS,
	.run = run_deliver,
	.on_control = deliver_control,
	.finish = deliver_finish,
};

/* The name is that of the role: what it may do is the same. */
static const struct boot_role evacuation_role = {
	.name = "deliver",
	.title = "brings the queue of a virtual server that is stopped to another node",
	.per_server = true,
	.others = OTHERS,
	.run = run_evacuation,
	.on_control = deliver_control,
	.finish = deliver_finish,
};

const struct boot_role *
deliver_roles_of(const char *program)
{
	static const struct { const char *name; const struct boot_role *role; } rows[] = {
		{ "postern-deliver", &deliver_role }, { "postern-evacuation", &evacuation_role },
	};
	const char *slash = strrchr(program, '/');

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(slash != NULL ? slash + 1 : program, rows[i].name) == 0)
			return rows[i].role;
	return &maintenance_role;
}
