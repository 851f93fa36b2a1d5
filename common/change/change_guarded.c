/*
 * change_guarded - who may make a change: an operator of the virtual server, or of the service only; pure
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  says so of what names files before the change is judged: a judge opens them, and tells what is in
 *           them. Of what decides who is shown a password after that: it is the file that counts, as it was
 *           read and as it would be, not only what runs
 *           An address to listen at is theirs within operator-listen of [service], unless it is that of
 *           another: of two, the one that is started later does not start
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

/* --- addresses to listen at --- */

/* The same address and port, in whatever form: ::ffff:192.0.2.1 is 192.0.2.1. */
static bool
is_same(const struct sockaddr *a, const struct sockaddr *b)
{
	uint8_t x[16], y[16];
	int family, other;
	size_t len = net_bytes(a, &family, x);

	return len == net_bytes(b, &other, y) && memcmp(x, y, len) == 0 && net_port(a) == net_port(b);
}

static bool
has_address(const struct config_strings *list, const struct sockaddr *sa)
{
	struct net_address a;
	const char *why;
	bool found = false;

	for (size_t i = 0; i < list->count && !found; i++)
		found = list->text[i][0] != '/' && net_address_parse(&a, list->text[i], 0, &why) == 0 &&
		    is_same((const struct sockaddr *)&a.sa, sa);
	return found;
}

static bool
has_listen(const struct config_server *s, const struct sockaddr *sa)
{
	size_t i = 0;

	while (i < s->nlisten && !is_same((const struct sockaddr *)&s->listen[i].address.sa, sa))
		i++;
	return i < s->nlisten;
}

/* True: another one has the address, as `why` says. */
static bool
is_taken(const struct config *running, const char *server, const struct sockaddr *sa, const char *item,
    struct buf *why)
{
	for (size_t i = 0; i < running->nserver; i++)
		if (strcmp(running->server[i].name, server) != 0 && has_listen(&running->server[i], sa)) {
			buf_printf(why, "%.80s is that of another virtual server", item);
			return true;
		}
	if (!has_address(&running->service.manager.listen, sa) && !has_address(&running->service.metrics, sa))
		return false;
	buf_printf(why, "%.80s is that of the manager or of metrics", item);
	return true;
}

static bool
is_allowed(const struct config *running, const char *server, const struct key *row, const char *item,
    struct buf *why)
{
	const struct config_strings *ranges = &running->service.operator_listen;
	struct net_address a;
	const char *unused;

	/* what is no address is refused by the judge, who says what would be one */
	if (net_address_parse(&a, item, row->kind == KEY_LISTEN_TLS ? 465 : 25, &unused) == -1)
		return true;
	for (size_t i = 0; i < ranges->count; i++)
		if (key_check_range_has(ranges->text[i], (const struct sockaddr *)&a.sa))
			return !is_taken(running, server, (const struct sockaddr *)&a.sa, item, why);
	buf_printf(why, "%.80s is outside of operator-listen of [service], which allows ", item);
	for (size_t i = 0; i < ranges->count; i++)
		buf_printf(why, "%s%s", i > 0 ? ", " : "", ranges->text[i]);
	buf_puts(why, ranges->count == 0 ? "no address" : "");
	return false;
}

/* An item that was there stays theirs. A key that is not there has its default. */
static bool
leaves_range(const struct change *c, const struct config *running, const struct change_key *k,
    const struct key *row, struct buf *why)
{
	const char *none = row->standard != NULL ? row->standard : "";
	struct edit_items before, after;
	bool found = c->server == NULL;

	config_edit_list_split(&before, row, k->before != NULL ? k->before : none);
	config_edit_list_split(&after, row, k->after != NULL ? k->after : none);
	for (size_t i = 0; i < after.count && !found; i++)
		found = !has_item(&before, after.text[i]) &&
		    !is_allowed(running, c->server, row, after.text[i], why);
	config_edit_list_done(&before);
	config_edit_list_done(&after);
	return found;
}

const struct change_key *
change_guarded(const struct change *c, const struct config *running, struct buf *why)
{
	for (size_t i = 0; i < c->keys; i++) {
		const struct change_key *k = &c->key[i];
		const struct key *row = key_find(k->place.section, k->place.key);

		if (row != NULL && (row->guard == KEY_GUARD_SERVICE ||
		    (row->guard == KEY_GUARD_RANGE && leaves_range(c, running, k, row, why)) ||
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
