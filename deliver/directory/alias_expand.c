/*
 * alias_expand - from a local address to what it stands for: a mailbox, forwarding addresses, the members of
 * groups in groups; pure
 *
 * Runs in:  directory, a pool thread; asks through its source
 * Owns:     the addresses found so far, the entries on the way
 * Promise:  each entry is opened once, so that a loop ends; each address is listed once; nothing is left out
 *           in silence: a member that cannot get the mail is listed with the reason, one that cannot be
 *           looked up now as waiting, and neither holds up the others
 * Fails by: DIRECTORY_REFUSED, DIRECTORY_LATER; DIRECTORY_TROUBLE when the directory itself is not there
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
	uint32_t good;		/* of the listed ones: addresses that go on now */
	uint32_t faults, late;	/* members that get no mail, and those that cannot be looked up now */
	char first_fault[200], first_late[200];
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
list_item(struct alias_expand *w, enum msg_directory_kind kind, const char *text)
{
	const char mark = (char)kind;

	if (w->listed == DIRECTORY_MAX) {
		end_with(w, DIRECTORY_REFUSED, "5.2.4",
		    "it stands for more addresses than a message can have");
		return;
	}
	buf_add(&w->list, &mark, 1);
	buf_add(&w->list, text, strlen(text) + 1);
	w->listed++;
	w->good += kind == DIRECTORY_FINAL || kind == DIRECTORY_ABSENT;
}

static void
list_address(struct alias_expand *w, enum msg_directory_kind kind, const char *address)
{
	if (set_add(&w->addresses, address))
		list_item(w, kind, address);
}

/* A text for people: no controls. */
static void
clean_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = ' ';
}

/* A member that gets no mail. The first one is told when nothing else is found. */
static void
list_fault(struct alias_expand *w, const char *status, const char *name, const char *why)
{
	char text[DIRECTORY_MEMBER_MAX];
	int n = snprintf(text, sizeof(text), "%s %.1000s: ", status, name);

	/* the last ": " is the one behind the name: see spool_badmail_admin */
	for (size_t at = (size_t)n; at + 1 < sizeof(text) && *why != '\0'; why++) {
		text[at++] = why[0] == ':' && why[1] == ' ' ? ',' : *why;
		text[at] = '\0';
	}
	clean_controls(text);
	if (w->faults++ == 0)
		snprintf(w->first_fault, sizeof(w->first_fault), "%.180s", text);
	list_item(w, DIRECTORY_FAULT, text);
}

/* A member that cannot be looked up now waits by itself; the others do not wait for it. */
static void
list_late(struct alias_expand *w, enum msg_directory_kind kind, const char *name, const char *why)
{
	if (w->late++ == 0)
		snprintf(w->first_late, sizeof(w->first_late), "%.100s: %.90s", name, why);
	if (kind == DIRECTORY_UNSURE)
		list_address(w, kind, name);
	else
		list_item(w, kind, name);
}

/* False: it is about the whole directory, and the answer is set. */
static bool
is_of_entry(struct alias_expand *w, enum ldap_conn_result found, const char *why)
{
	char text[LDAP_CONN_WHY_SIZE + 40];

	snprintf(text, sizeof(text), "%s%s",
	    found == LDAP_CONN_CONFIG ? "[ldap] does not fit this directory: " : "", why);
	if (found == LDAP_CONN_LOST || found == LDAP_CONN_CONFIG)
		end_with(w, DIRECTORY_TROUBLE, "4.4.3", text);
	return found != LDAP_CONN_LOST && found != LDAP_CONN_CONFIG;
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
			list_address(w, DIRECTORY_FINAL, address);
		else if (set_add(&w->entries, e->dn))
			list_fault(w, "5.1.1", e->dn, "it has no mail address");
		return;
	}
	if (!set_add(&w->entries, e->dn)) {
		w->cut = true;
		return;
	}
	if (depth > w->from->depth) {
		list_fault(w, "5.4.6", address != NULL ? address : e->dn,
		    "groups and forwarding addresses stand in one another too deep (group-depth)");
		return;
	}
	if (e->keep && e->forward.count > 0 && address != NULL)
		list_address(w, DIRECTORY_FINAL, address);
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
			list_address(w, DIRECTORY_FINAL, address);
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
	if (found == LDAP_CONN_FOUND)
		visit_found(w, owner, e, NULL, depth);
	else if (is_of_entry(w, found, why) && set_add(&w->entries, dn)) {
		if (found == LDAP_CONN_LATER)
			list_late(w, DIRECTORY_MEMBER, dn, why);
		else
			list_fault(w, "5.1.1", dn,
			    found == LDAP_CONN_REFUSED ? why : "the directory has no such entry");
	}
	ldap_entry_release(e);
}

static void
visit_address(struct alias_expand *w, const struct ldap_entry *owner, const struct address *a, uint64_t depth)
{
	char why[LDAP_CONN_WHY_SIZE] = "";
	struct ldap_entry *e = NULL;
	enum ldap_conn_result found;

	if (!w->from->is_local(w->from->arg, address_domain(a))) {
		list_address(w, DIRECTORY_FINAL, a->text);
		return;
	}
	if (!may_search(w))
		return;
	found = w->from->by_address(w->from->arg, a->text, &e, why);
	if (found == LDAP_CONN_FOUND)
		visit_found(w, owner, e, a->text, depth);
	else if (is_of_entry(w, found, why)) {
		if (found == LDAP_CONN_LATER)
			list_late(w, DIRECTORY_UNSURE, a->text, why);
		else
			list_address(w, DIRECTORY_ABSENT, a->text);
	}
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
	else if (set_add(&w->entries, value))
		list_fault(w, "5.1.3", value, "this is no mail address");
}

/* Nothing was found that can get the mail now: all of it waits, or all is lost. `e` NULL: of one member. */
static void
end_without_address(struct alias_expand *w, const struct ldap_entry *e)
{
	char text[sizeof(w->answer->text)], status[sizeof(w->answer->status)];
	size_t len = strcspn(w->first_fault, " ");

	if (w->late > 0) {
		end_with(w, DIRECTORY_LATER, "4.4.3", w->first_late);
	} else if (w->faults == 0 && w->cut) {
		end_with(w, DIRECTORY_REFUSED, "5.4.6", "it is forwarded in a loop");
	} else if (w->faults == 1 && (e == NULL || e->forward.count > 0 ||
	    strncmp(w->first_fault, "5.4.6", 5) == 0)) {
		snprintf(status, sizeof(status), "%.*s", (int)len, w->first_fault);
		end_with(w, DIRECTORY_REFUSED, status, w->first_fault + len + 1);
	} else {
		snprintf(text, sizeof(text), "%s%s%s", e == NULL || e->group || e->member.count > 0 ?
		    "the group has no member with a mail address" :
		    "it is forwarded to nothing that is a mail address",
		    w->faults > 0 ? ": " : "", w->faults > 0 ? w->first_fault + len + 1 : "");
		end_with(w, DIRECTORY_REFUSED, "5.2.4", text);
	}
}

static void
conclude_expansion(struct alias_expand *w, const struct ldap_entry *e)
{
	if (w->ended)
		return;
	if (!buf_ok(&w->list)) {
		end_with(w, DIRECTORY_REFUSED, "5.2.4", "the group is too large to be expanded");
		return;
	}
	if (w->good == 0) {
		end_without_address(w, e);
		return;
	}
	msg_directory_set(w->answer, DIRECTORY_LIST, "", "%s", "");
	if (w->faults + w->late > 0)
		snprintf(w->answer->text, sizeof(w->answer->text), "%u members get no mail, %u wait: %.140s",
		    w->faults, w->late, w->faults > 0 ? w->first_fault : w->first_late);
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

/* What a sender's mail is sent as: the first address of its entry, whatever that forwards to. */
static void
list_own(struct alias_expand *w, const struct ldap_entry *e, const char *address)
{
	if (e->address == NULL || strcmp(e->address, address) == 0) {
		end_with(w, DIRECTORY_MAILBOX, "", "");
		return;
	}
	list_address(w, DIRECTORY_FINAL, e->address);
	conclude_expansion(w, e);
}

/* The address itself. */
static void
expand_address(struct alias_expand *w, const char *address, enum msg_directory_want want)
{
	const struct alias_expand_source *from = w->from;
	char why[LDAP_CONN_WHY_SIZE] = "";
	struct ldap_entry *e = NULL;
	enum ldap_conn_result found = from->by_address(from->arg, address, &e, why);

	if (found == LDAP_CONN_NONE && is_postmaster(address))	/* RFC 5321 4.5.1 */
		end_with(w, DIRECTORY_MAILBOX, "", "");
	else if (found == LDAP_CONN_NONE)
		end_with(w, DIRECTORY_UNKNOWN, "5.1.1", "the directory has no such address");
	else if (found == LDAP_CONN_MANY)
		end_with(w, DIRECTORY_REFUSED, "5.1.4",
		    "the directory has more than one entry with that address");
	else if (found == LDAP_CONN_REFUSED)
		end_with(w, DIRECTORY_REFUSED, "5.1.3", why);
	else if (found == LDAP_CONN_LATER)
		end_with(w, DIRECTORY_LATER, "4.4.3", why);
	else if (!is_of_entry(w, found, why))
		;
	else if (want == DIRECTORY_WANT_OWN)
		list_own(w, e, address);
	else if (!is_open(e))
		end_with(w, DIRECTORY_MAILBOX, "", "");
	else if (want == DIRECTORY_WANT_LOOK)
		end_with(w, DIRECTORY_LIST, "", "");
	else {
		visit_entry(w, e, address, 0);
		conclude_expansion(w, e);
	}
	ldap_entry_release(e);
}

void
alias_expand_run(const struct alias_expand_source *from, const struct msg_directory_query *q,
    struct msg_directory *a)
{
	struct alias_expand w = { .from = from, .answer = a, .list = BUF_INIT(DIRECTORY_LIST_MAX) };

	if (q->member[0] == '\0') {
		expand_address(&w, q->address, (enum msg_directory_want)q->want);
	} else {
		visit_value(&w, NULL, q->member, 1);
		conclude_expansion(&w, NULL);
	}
	set_free(&w.entries);
	set_free(&w.addresses);
	buf_done(&w.list);
}
