/*
 * event_filter - which events are meant by an address; for watch and trace
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a whole address, or "@domain", in any letter case
 * Fails by: cannot
 */
#include <string.h>
#include <strings.h>

#include "master/posternctl/events/events.h"

bool
event_filter_fits(const char *wish, const json_t *row, const char *name)
{
	const char *address = json_string_value(json_object_get(row, name));
	const char *at = address != NULL ? strrchr(address, '@') : NULL;

	return wish == NULL ||
	    (address != NULL && strcasecmp(wish, wish[0] == '@' && at != NULL ? at : address) == 0);
}
