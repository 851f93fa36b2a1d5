/*
 * change_guarded - who may make a change: an operator of the virtual server, or of the service only; pure
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  says so of what names files before the change is judged: a judge opens them, and tells what is in
 *           them. Of what decides who is shown a password after that: it is the file that counts, as it was
 *           read and as it would be, not only what runs
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

bool
change_guarded_has_account(const struct config *config, const char *server)
{
	return has_account(config != NULL ? config_server_by_name(config, server) : NULL);
}

static bool
has_item(const struct edit_items *items, const char *text)
{
	size_t i = 0;

	while (i < items->count && strcmp(items->text[i], text) != 0)
		i++;
	return i < items->count;
}

/* A list of networks with the path of a file that it has not had: its lines would be shown in faults. */
static bool
names_new_file(const struct change_key *k, const struct key *row)
{
	struct edit_items before, after;
	bool found = false;

	config_edit_list_split(&before, row, k->before != NULL ? k->before : "");
	config_edit_list_split(&after, row, k->after != NULL ? k->after : "");
	for (size_t i = 0; i < after.count; i++)
		found = found || (after.text[i][0] == '/' && !has_item(&before, after.text[i]));
	config_edit_list_done(&before);
	config_edit_list_done(&after);
	return found;
}

const struct change_key *
change_guarded(const struct change *c)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct change_key *k = &c->key[i];
		const struct key *row = key_find(k->place.section, k->place.key);

		if (row != NULL && (row->guard == KEY_GUARD_SERVICE ||
		    (row->kind == KEY_NETS && names_new_file(k, row))))
			return k;
	}
	return NULL;
}

const struct change_key *
change_guarded_account(const struct change *c, const struct config_server *running)
{
	bool account = c->server != NULL && (c->account || has_account(running));

	for (size_t i = 0; i < c->keys && account; i++) {
		const struct key *row = key_find(c->key[i].place.section, c->key[i].place.key);

		if (row != NULL && row->guard == KEY_GUARD_ACCOUNT)
			return &c->key[i];
	}
	return NULL;
}
