/*
 * web_wipe - memory of libraries: requests and their JSON may have had a password, a token or a ticket
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  what libevent and libjansson free is wiped before it is given back
 * Fails by: not at all
 */
#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "master/web/web.h"

static void
wipe_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* realloc(3) would leave the old bytes where they were. */
static void *
wipe_realloc(void *p, size_t size)
{
	size_t had = p != NULL ? malloc_usable_size(p) : 0;
	void *new = malloc(size);

	if (new == NULL)
		return NULL;
	if (had > 0)
		memcpy(new, p, had < size ? had : size);
	wipe_free(p);
	return new;
}

void
web_wipe_begin(void)
{
	event_set_mem_functions(malloc, wipe_realloc, wipe_free);
	answers_memory_begin();
}
