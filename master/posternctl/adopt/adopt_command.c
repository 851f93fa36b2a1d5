/*
 * adopt_command - posternctl adopt: its words, and the order of what is done
 *
 * Runs in:  posternctl
 * Owns:     the paths
 * Promise:  all is judged before anything is changed. The order is: fence, owners, events, virtual server; a
 *           command that ended between is done again as a whole
 * Fails by: an exit status
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/adopt/adopt.h"

static int
run(struct adopt *a)
{
	int status = adopt_judge(a);

	if (status == EX_OK && !a->merge)
		status = adopt_server_judge(a);
	if (status == EX_OK)
		status = adopt_take(a);
	if (status != EX_OK || a->dry)
		return status;
	if (a->merge)
		return adopt_merge(a);
	adopt_tell_whole(a);
	return adopt_server_start(a);
}

int
adopt_command_run(const struct command_context *c, const struct command *row, const struct command *start,
    const char *const *words, size_t count)
{
	struct adopt a = { .context = c, .start = start };
	const struct option_row options[] = {
		{ .word = "--force", .set = &a.force }, { .word = "--dry-run", .set = &a.dry },
		{ .word = "--merge", .set = &a.merge },
		{ .word = "--from", .value = &a.from, .wanted = "the name of a virtual server" },
		{ .word = NULL },
	};
	const char *names[CONTROL_WORDS_MAX] = { NULL };
	int status = options_take(row, words, count, options, names, nitems_of(names));

	if (status == EX_OK && names[1] == NULL)
		status = usage_say(row, "say which folder, and which virtual server");
	if (status != EX_OK)
		return status;
	a.folder = names[0];
	a.name = names[1];
	a.words = names + 2;
	while (a.count < nitems_of(names) - 2 && a.words[a.count] != NULL)
		a.count++;
	status = server_set_open(&a.set, command_send_config(c));
	if (status == EX_OK)
		status = run(&a);
	server_set_close(&a.set);
	free(a.home);
	free(a.pickup);
	free(a.queue);
	free(a.drop);
	free(a.badmail);
	return status;
}
