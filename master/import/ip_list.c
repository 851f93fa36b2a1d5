/*
 * ip_list - who may connect or relay, from the binary form of IIS (RelayIpList, IPSecurity) in hexadecimal
 * digits, or from an IIsIPSecuritySetting in words; pure
 *
 * Runs in:  import
 * Owns:     the items until ip_list_done
 * Promise:  read by its offsets, each of them judged; what is not understood is never taken for a list that
 *           lets somebody in
 * Fails by: IP_LIST_UNKNOWN and words
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "master/import/import.h"

/*
 * Little-endian words: offsets (with the top bit) of four headers, a flag, the size of the fixed part. A
 * header is two words, how many lists and how many entries in all, and a descriptor for each list. Of
 * addresses a list has one mask, which stands before them: family, entries with the mask, bytes of an entry,
 * 0, offset.
 */
#define OFFSET_BIT 0x80000000U
#define FAMILY_INET 2U
#define ENTRIES_MAX 16384U
enum { DENY_ADDRESSES, GRANT_ADDRESSES, DENY_NAMES, GRANT_NAMES, HEADERS };

struct blob {
	unsigned char *data;
	size_t len, used;	/* bytes that addresses have */
	struct ip_list *list;
	unsigned found[HEADERS];
};

static bool
fail(struct ip_list *l, const char *why)
{
	if (l->why.len == 0)
		buf_puts(&l->why, why);
	l->mode = IP_LIST_UNKNOWN;
	return false;
}

static void
add_item(struct ip_list *l, const char *text)
{
	buf_printf(&l->items, "%s%s", l->items.len > 0 ? ", " : "", text);
}

/* Also a name of a domain. */
static bool
add_entry(struct ip_list *l, const char *text)
{
	struct net_entry e;
	const char *why = "";
	char clean[NET_TEXT_SIZE];

	if (net_entry_parse(&e, text, &why) == -1) {
		buf_printf(&l->why, "%.100s: %s", text, why);
		l->mode = IP_LIST_UNKNOWN;
		return false;
	}
	l->names |= e.family == AF_UNSPEC;
	if (e.family == AF_UNSPEC) {
		add_item(l, e.domain);
	} else {
		net_entry_format(clean, sizeof(clean), &e);
		add_item(l, clean);
	}
	net_entry_done(&e);
	return true;
}

/* "0.0.0.0" alone in a list of those who may: nobody. */
static bool
is_nobody(const char *address, const char *mask)
{
	return strcmp(address, "0.0.0.0") == 0 && strcmp(mask, "255.255.255.255") == 0;
}

static bool
add_network(struct ip_list *l, const char *address, const char *mask, bool grant)
{
	char text[64];

	if (grant && is_nobody(address, mask))
		return true;
	snprintf(text, sizeof(text), "%.20s/%.20s", address, mask);
	return add_entry(l, text);
}

/* --- the binary form --- */

static bool
word_at(const struct blob *b, size_t at, uint32_t *word)
{
	if (at + 4 > b->len || at + 4 < at)
		return false;
	*word = (uint32_t)b->data[at] | (uint32_t)b->data[at + 1] << 8 | (uint32_t)b->data[at + 2] << 16 |
	    (uint32_t)b->data[at + 3] << 24;
	return true;
}

static bool
offset_at(const struct blob *b, size_t at, uint32_t *offset)
{
	if (!word_at(b, at, offset) || !(*offset & OFFSET_BIT))
		return false;
	*offset &= ~OFFSET_BIT;
	return *offset <= b->len;
}

static bool
take_addresses(struct blob *b, uint32_t at, uint32_t count, bool grant)
{
	char mask[INET_ADDRSTRLEN], address[INET_ADDRSTRLEN];

	if (count < 2 || count > ENTRIES_MAX || at + 4 * (size_t)count > b->len)
		return fail(b->list, "a list of addresses is cut");
	inet_ntop(AF_INET, b->data + at, mask, sizeof(mask));
	for (uint32_t i = 1; i < count; i++) {
		inet_ntop(AF_INET, b->data + at + 4 * (size_t)i, address, sizeof(address));
		if (!add_network(b->list, address, mask, grant))
			return false;
	}
	b->used = at + 4 * (size_t)count > b->used ? at + 4 * (size_t)count : b->used;
	return true;
}

static bool
take_address_lists(struct blob *b, uint32_t header, unsigned which)
{
	uint32_t lists, entries, seen = 0;

	if (!word_at(b, header, &lists) || !word_at(b, header + 4, &entries) || lists > ENTRIES_MAX ||
	    (lists == 0) != (entries == 0))
		return fail(b->list, "a header of addresses is damaged");
	for (uint32_t i = 0; i < lists; i++) {
		size_t at = header + 8 + 20 * (size_t)i;
		uint32_t family, count, bytes, offset;

		if (!word_at(b, at, &family) || !word_at(b, at + 4, &count) || !word_at(b, at + 8, &bytes) ||
		    !offset_at(b, at + 16, &offset))
			return fail(b->list, "a list of addresses is damaged");
		if (family != FAMILY_INET || bytes != 4)
			return fail(b->list, "addresses of a family that is not IPv4");
		if (!take_addresses(b, offset, count, which == GRANT_ADDRESSES))
			return false;
		seen += count - 1;
	}
	b->found[which] = entries;
	return seen == entries || fail(b->list, "its counts do not agree");
}

/*
 * How names are laid out is written nowhere. What stands behind the addresses is taken as names, each ended
 * by NUL, when there are exactly as many of them as the header says.
 */
static bool
take_names(struct blob *b, uint32_t header, unsigned which)
{
	uint32_t lists, entries, seen = 0;
	size_t at = b->used;

	if (!word_at(b, header, &lists) || !word_at(b, header + 4, &entries) || entries > ENTRIES_MAX ||
	    (lists == 0) != (entries == 0))
		return fail(b->list, "a header of names is damaged");
	b->found[which] = entries;
	while (entries > 0 && at < b->len) {
		const char *name = (const char *)b->data + at;
		size_t n = strnlen(name, b->len - at);

		if (n == b->len - at || n > 253)
			return fail(b->list, "a name of a domain is cut");
		if (n > 0 && (!net_is_hostname(name) || !add_entry(b->list, name)))
			return fail(b->list, "names of domains in a form that is not known");
		seen += n > 0;
		at += n + 1;
	}
	b->used = entries > 0 ? b->len : b->used;
	return seen == entries || fail(b->list, "names of domains in a form that is not known");
}

static bool
take_blob(struct blob *b)
{
	uint32_t header[HEADERS];
	unsigned deny, grant;

	for (unsigned i = 0; i < HEADERS; i++)
		if (!offset_at(b, 4 * (size_t)i, &header[i]))
			return fail(b->list, "it does not begin as such a list does");
	b->used = 0;
	if (!take_address_lists(b, header[DENY_ADDRESSES], DENY_ADDRESSES) ||
	    !take_address_lists(b, header[GRANT_ADDRESSES], GRANT_ADDRESSES))
		return false;
	for (unsigned i = 0; i < HEADERS; i++)	/* names stand behind all headers and addresses */
		b->used = header[i] + 8 > b->used ? header[i] + 8 : b->used;
	if (!take_names(b, header[DENY_NAMES], DENY_NAMES) ||
	    !take_names(b, header[GRANT_NAMES], GRANT_NAMES))
		return false;
	deny = b->found[DENY_ADDRESSES] + b->found[DENY_NAMES];
	grant = b->found[GRANT_ADDRESSES] + b->found[GRANT_NAMES];
	if (deny > 0 && grant > 0)
		return fail(b->list, "it grants to some and denies to others");
	b->list->mode = deny > 0 ? IP_LIST_ALL_EXCEPT : grant > 0 ? IP_LIST_ONLY : IP_LIST_EMPTY;
	return true;
}

static unsigned
digit(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') :
	    (unsigned)(tolower((unsigned char)c) - 'a') + 10;
}

/* Blanks between digits are the layout of the file. */
static bool
take_hex(struct ip_list *l, const char *text)
{
	size_t len = strlen(text), digits = 0;
	struct blob b = { .data = mem_zalloc(len / 2 + 1), .list = l };
	bool fine = true;

	for (const char *at = text; *at != '\0' && fine; at++) {
		if (isspace((unsigned char)*at))
			continue;
		fine = isxdigit((unsigned char)*at);
		if (fine)
			b.data[digits / 2] |= (unsigned char)(digit(*at) << (digits % 2 == 0 ? 4 : 0));
		digits += fine;
	}
	b.len = digits / 2;
	fine = fine && digits % 2 == 0 ? take_blob(&b) : fail(l, "it is no binary data");
	free(b.data);
	return fine;
}

/* --- in words --- */

/* "192.0.2.0, 255.255.255.0", "192.0.2.1", "example.com", "*.example.com" */
static bool
take_word(struct ip_list *l, char *text, bool grant, bool name)
{
	char *mask = strpbrk(text, ",/ ");

	if (name)
		return add_entry(l, strncmp(text, "*.", 2) == 0 ? text + 2 : text);
	if (mask == NULL)
		return add_network(l, text, "255.255.255.255", grant);
	*mask++ = '\0';
	mask += strspn(mask, ", /");
	return add_network(l, text, *mask != '\0' ? mask : "255.255.255.255", grant);
}

static bool
take_lines(struct ip_list *l, char *text)
{
	bool by_default = true, fine = true, grants = false, denies = false;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL && fine;
	    line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		bool grant, name;

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(line, "GrantByDefault") == 0) {
			by_default = strcmp(value, "TRUE") == 0;
			continue;
		}
		grant = strstr(line, "Grant") != NULL;
		name = strncmp(line, "Domain", 6) == 0;
		grants |= grant;
		denies |= !grant;
		if (grant != by_default)	/* the other lists have no effect */
			fine = take_word(l, value, grant, name);
	}
	if (!fine)
		return fail(l, "an entry is not understood");
	l->mode = !by_default ? IP_LIST_ONLY : denies ? IP_LIST_ALL_EXCEPT : IP_LIST_EMPTY;
	return true;
}

void
ip_list_parse(struct ip_list *l, const char *text)
{
	char *copy = mem_strdup(text);

	*l = (struct ip_list){ .items = BUF_INIT(IMPORT_VALUE_MAX), .why = BUF_INIT(300) };
	if (text[strspn(text, " \t\r\n")] == '\0')
		l->mode = IP_LIST_EMPTY;
	else if (strncmp(text, "GrantByDefault ", 15) == 0)
		(void)take_lines(l, copy);
	else
		(void)take_hex(l, text);
	if (!buf_ok(&l->items))
		(void)fail(l, "it has too many entries");
	free(copy);
}

void
ip_list_done(struct ip_list *l)
{
	buf_done(&l->items);
	buf_done(&l->why);
}
