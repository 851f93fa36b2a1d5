/*
 * change_guarded - who may make a change: an operator of the virtual server, or of the service only; pure
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  says so before the change is judged: a judge opens files that it names, and tells what is in them
 * Fails by: the key that is for operators of the service
 */
#include <string.h>

#include "common/change/change.h"
#include "common/config/config.h"

static bool
has_account(const struct config_server *s)
{
	bool found = s == NULL || s->outbound_auth != CONFIG_OUT_ANONYMOUS;	/* NULL: nothing is known */

	for (size_t i = 0; s != NULL && i < s->ndomain; i++)
		found = found || (s->domain[i].has_outbound_auth &&
		    s->domain[i].outbound_auth != CONFIG_OUT_ANONYMOUS);
	return found;
}

/* A list of networks with the path of a file that it has not had: its lines would be shown in faults. */
static bool
names_new_file(const struct change_key *k)
{
	const char *at = k->after != NULL ? k->after : "";

	while (*at != '\0') {
		size_t len;
		char item[260];
		const char *found;

		at += strspn(at, ", \t");
		len = strcspn(at, ", \t");
		if (*at == '/') {
			if (len >= sizeof(item) || k->before == NULL)
				return true;
			memcpy(item, at, len);
			item[len] = '\0';
			found = strstr(k->before, item);
			if (found == NULL || (found[len] != '\0' && strchr(", \t", found[len]) == NULL))
				return true;
		}
		at += len;
	}
	return false;
}

const struct change_key *
change_guarded(const struct change *c, const struct config_server *s)
{
	bool account = c->server != NULL && has_account(s);

	for (size_t i = 0; i < c->keys; i++) {
		const struct change_key *k = &c->key[i];
		const struct key *row = key_find(k->place.section, k->place.key);

		if (row == NULL)
			continue;
		if (row->guard == KEY_GUARD_SERVICE || (row->guard == KEY_GUARD_ACCOUNT && account) ||
		    (row->kind == KEY_NETS && names_new_file(k)))
			return k;
	}
	return NULL;
}
