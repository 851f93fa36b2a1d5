/*
 * alias_expand - from a local address to what it stands for: a mailbox, forwarding addresses, the members of
 * groups in groups; pure
 *
 * Runs in:  directory, a pool thread; asks through its source
 * Owns:     the addresses found so far, the entries on the way
 * Promise:  each entry is opened once, so that a loop ends; each address is listed once; nothing is left out
 *           in silence: a member that is not in the directory is listed as unknown, one too deep refuses all
 * Fails by: DIRECTORY_REFUSED, DIRECTORY_TROUBLE
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define SEARCHES_MAX 500000U

/* Texts, each once; lower case. */
struct set {
	char **text;		/* by hash; NULL: free */
	size_t size, count;	/* size: a power of two */
};

struct alias_expand {
	const struct alias_expand_source *from;
	struct msg_directory *answer;
	struct set entries, addresses;
	struct buf list;
	uint32_t listed, searches;
	uint32_t gone;		/* members without a mail address, or not in the directory */
	bool ended;		/* the answer is set */
	bool cut;		/* a loop was met */
};

static void visit_value(struct alias_expand *w, const struct ldap_entry *owner, const char *value,
    uint64_t depth);

/* --- sets --- */

static size_t
slot_of(const struct set *s, const char *text)
{
	size_t i = 2166136261U;

	for (const char *p = text; *p != '\0'; p++)
		i = (i ^ (unsigned char)*p) * 16777619U;
	for (i &= s->size - 1; s->text[i] != NULL && strcmp(s->text[i], text) != 0;
	    i = (i + 1) & (s->size - 1))
		;
	return i;
}

static void
set_grow(struct set *s)
{
	struct set bigger = { .size = s->size == 0 ? 64 : s->size * 2, .count = s->count };

	bigger.text = mem_zalloc(bigger.size * sizeof(*bigger.text));
	for (size_t i = 0; i < s->size; i++)
		if (s->text[i] != NULL)
			bigger.text[slot_of(&bigger, s->text[i])] = s->text[i];
	free(s->text);
	*s = bigger;
}

static void
set_free(struct set *s)
{
	for (size_t i = 0; i < s->size; i++)
		free(s->text[i]);
	free(s->text);
}

/* False: it was there. */
static bool
set_add(struct set *s, const char *text)
{
	char *lower = mem_strdup(text);
	size_t i;

	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if ((s->count + 1) * 2 > s->size)
		set_grow(s);
	i = slot_of(s, lower);
	if (s->text[i] != NULL) {
		free(lower);
		return false;
	}
	s->text[i] = lower;
	s->count++;
	return true;
}

/* --- the answer --- */

static void
end_with(struct alias_expand *w, enum msg_directory_result result, const char *status, const char *why)
{
	if (w->ended)
		return;
	msg_directory_set(w->answer, result, status, "%s", why);
	w->ended = true;
}

static void
list_address(struct alias_expand *w, const char *address, bool known)
{
	if (!set_add(&w->addresses, address))
		return;
	if (w->listed == DIRECTORY_MAX) {
		end_with(w, DIRECTORY_REFUSED, "5.2.4",
		    "it stands for more addresses than a message can have");
		return;
	}
	buf_puts(&w->list, known ? "." : "?");
	buf_add(&w->list, address, strlen(address) + 1);
	w->listed++;
}

/* True: an entry was found. Else the answer is set, but not for LDAP_CONN_NONE. */
static bool
is_found(struct alias_expand *w, enum ldap_conn_result found, const char *why)
{
	if (found == LDAP_CONN_MANY)
		end_with(w, DIRECTORY_REFUSED, "5.1.4",
		    "the directory has more than one entry with that address");
	else if (found == LDAP_CONN_REFUSED || found == LDAP_CONN_LOST)
		end_with(w, DIRECTORY_TROUBLE, "4.4.3", why);
	return found == LDAP_CONN_FOUND;
}

static bool
may_search(struct alias_expand *w)
{
	if (++w->searches > SEARCHES_MAX)
		end_with(w, DIRECTORY_REFUSED, "5.2.4", "the group is too large to be expanded");
	else if (w->from->is_late != NULL && w->from->is_late(w->from->arg))
		end_with(w, DIRECTORY_TROUBLE, "4.4.3", "the directory took too long over it");
	return !w->ended;
}

/* --- entries --- */

static bool
is_open(const struct ldap_entry *e)
{
	return e->group || e->forward.count > 0 || e->member.count > 0;
}

/* `address`: the one that the entry was found by; NULL: it was found by its DN, and has its own address. */
static void
visit_entry(struct alias_expand *w, const struct ldap_entry *e, const char *address, uint64_t depth)
{
	if (address == NULL)
		address = e->address;
	if (!is_open(e)) {
		if (address != NULL)
			list_address(w, address, true);
		w->gone += address == NULL;
		return;
	}
	if (!set_add(&w->entries, e->dn)) {
		w->cut = true;
		return;
	}
	if (depth > w->from->depth) {
		end_with(w, DIRECTORY_REFUSED, "5.4.6",
		    "groups and forwarding addresses stand in one another too deep (group-depth)");
		return;
	}
	if (e->keep && e->forward.count > 0 && address != NULL)
		list_address(w, address, true);
	for (size_t i = 0; i < e->forward.count && !w->ended; i++)
		visit_value(w, e, e->forward.text[i], depth + 1);
	/* Mail that is forwarded does not go to the members as well. */
	for (size_t i = 0; i < e->member.count && e->forward.count == 0 && !w->ended; i++)
		visit_value(w, NULL, e->member.text[i], depth + 1);
}

/* An address that is forwarded to itself, among others, is a mailbox that keeps a copy. */
static void
visit_found(struct alias_expand *w, const struct ldap_entry *owner, const struct ldap_entry *e,
    const char *address, uint64_t depth)
{
	if (owner != NULL && strcasecmp(owner->dn, e->dn) == 0) {
		if (address == NULL)
			address = e->address;
		if (address != NULL)
			list_address(w, address, true);
		return;
	}
	visit_entry(w, e, address, depth);
}

static void
visit_dn(struct alias_expand *w, const struct ldap_entry *owner, const char *dn, uint64_t depth)
{
	char why[LDAP_CONN_WHY_SIZE] = "";
	struct ldap_entry *e = NULL;
	enum ldap_conn_result found;

	if (!may_search(w))
		return;
	found = w->from->by_dn(w->from->arg, dn, &e, why);
	if (is_found(w, found, why))
		visit_found(w, owner, e, NULL, depth);
	w->gone += found == LDAP_CONN_NONE;
	ldap_entry_release(e);
}

static void
visit_address(struct alias_expand *w, const struct ldap_entry *owner, const struct address *a, uint64_t depth)
{
	char why[LDAP_CONN_WHY_SIZE] = "";
	struct ldap_entry *e = NULL;
	enum ldap_conn_result found;

	if (!w->from->is_local(w->from->arg, address_domain(a))) {
		list_address(w, a->text, true);
		return;
	}
	if (!may_search(w))
		return;
	found = w->from->by_address(w->from->arg, a->text, &e, why);
	if (found == LDAP_CONN_NONE)
		list_address(w, a->text, false);
	else if (is_found(w, found, why))
		visit_found(w, owner, e, a->text, depth);
	ldap_entry_release(e);
}

static void
visit_value(struct alias_expand *w, const struct ldap_entry *owner, const char *value, uint64_t depth)
{
	struct address a;

	if (ldap_entry_is_dn(value))
		visit_dn(w, owner, value, depth);
	else if (ldap_entry_address(&a, value, w->from->domain) == 0)
		visit_address(w, owner, &a, depth);
	else
		w->gone++;
}

static void
conclude_expansion(struct alias_expand *w, const struct ldap_entry *e)
{
	if (w->ended)
		return;
	if (w->listed == 0 && w->cut) {
		end_with(w, DIRECTORY_REFUSED, "5.4.6", "it is forwarded in a loop");
		return;
	}
	if (w->listed == 0) {
		end_with(w, DIRECTORY_REFUSED, "5.2.4",
		    e->group || e->member.count > 0 ? "the group has no member with a mail address" :
		    "it is forwarded to nothing that is a mail address");
		return;
	}
	msg_directory_set(w->answer, DIRECTORY_LIST, "", "%s", "");
	if (w->gone > 0)
		snprintf(w->answer->text, sizeof(w->answer->text),
		    "%u members without a mail address or no longer there", w->gone);
	w->answer->count = w->listed;
	w->answer->size = w->list.len;
	w->answer->list = mem_zalloc(w->list.len);
	memcpy(w->answer->list, w->list.data, w->list.len);
}

static bool
is_postmaster(const char *address)
{
	return strncasecmp(address, "postmaster@", 11) == 0;
}

void
alias_expand_run(const struct alias_expand_source *from, const char *address, bool whole,
    struct msg_directory *a)
{
	struct alias_expand w = { .from = from, .answer = a, .list = BUF_INIT(DIRECTORY_LIST_MAX) };
	char why[LDAP_CONN_WHY_SIZE] = "";
	struct ldap_entry *e = NULL;
	enum ldap_conn_result found = from->by_address(from->arg, address, &e, why);

	if (found == LDAP_CONN_NONE && is_postmaster(address))	/* RFC 5321 4.5.1 */
		msg_directory_set(a, DIRECTORY_MAILBOX, "", "%s", "");
	else if (found == LDAP_CONN_NONE)
		msg_directory_set(a, DIRECTORY_UNKNOWN, "5.1.1", "%s", "the directory has no such address");
	else if (is_found(&w, found, why) && !is_open(e))
		msg_directory_set(a, DIRECTORY_MAILBOX, "", "%s", "");
	else if (found == LDAP_CONN_FOUND && !whole)
		msg_directory_set(a, DIRECTORY_LIST, "", "%s", "");
	else if (found == LDAP_CONN_FOUND) {
		visit_entry(&w, e, address, 0);
		conclude_expansion(&w, e);
	}
	ldap_entry_release(e);
	set_free(&w.entries);
	set_free(&w.addresses);
	buf_done(&w.list);
}
