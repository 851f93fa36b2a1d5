/*
 * config_list - values of several items: strings, networks, times, addresses to listen on
 *
 * Runs in:  every process
 * Owns:     the lists in the structs of config (config_list_clear)
 * Promise:  an item is checked before it is taken; new items are added after those that are there, so
 *           repeated keys add up
 * Fails by: -1 with the reason in a buffer; items before the bad one stay
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

#define ITEMS_MAX 100000
#define TIMES_MAX 16

static void *
list_field(const struct key *k, const void *base)
{
	return (char *)mem_unconst(base) + k->offset;
}

static int
add_string(const struct key *k, void *base, const char *item, struct buf *why)
{
	struct config_strings *list = list_field(k, base);
	const char *reason = NULL;

	if (k->standard != NULL && strcmp(item, k->standard) == 0)
		return 0;
	if (k->check != NULL && k->check(item, &reason) == -1) {
		buf_printf(why, "\"%s\" is not %s", item, reason);
		return -1;
	}
	list->text = mem_grow(list->text, list->count, sizeof(*list->text));
	list->text[list->count++] = mem_strdup(item);
	return 0;
}

/* Words for networks, in lists of addresses. */
static const struct { const char *word, *networks[5]; } words[] = {
	{ "loopback", { "127.0.0.0/8", "::1" } },
	{ "unspecified", { "0.0.0.0/8", "::" } },
	{ "link-local", { "169.254.0.0/16", "fe80::/10" } },
	{ "multicast", { "224.0.0.0/4", "ff00::/8" } },
	{ "private", { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7" } },
};

static int add_net(const struct key *k, void *base, const char *item, struct buf *why);

/* False: it is no word. */
static bool
add_word(const struct key *k, void *base, const char *item, struct buf *why)
{
	for (size_t i = 0; i < nitems_of(words); i++) {
		if (strcmp(words[i].word, item) != 0)
			continue;
		for (size_t j = 0; words[i].networks[j] != NULL; j++)
			(void)add_net(k, base, words[i].networks[j], why);
		return true;
	}
	return false;
}

static int
add_net(const struct key *k, void *base, const char *item, struct buf *why)
{
	struct config_nets *list = list_field(k, base);
	struct net_entry e;
	const char *reason;

	if (k->addresses && add_word(k, base, item, why))
		return 0;
	if (net_entry_parse(&e, item, &reason) == -1) {
		buf_printf(why, "\"%s\": %s", item, reason);
		return -1;
	}
	if (e.family == AF_UNSPEC && k->addresses) {
		net_entry_done(&e);
		buf_printf(why, "\"%s\": a domain name cannot stand in this list; use addresses and networks",
		    item);
		return -1;
	}
	config_nets_add(list, e);
	return 0;
}

static int
add_time(const struct key *k, void *base, const char *item, struct buf *why)
{
	struct config_times *list = list_field(k, base);
	uint64_t ms;

	if (key_parse_time(item, &ms) == -1 || ms < k->min || ms > k->max) {
		buf_printf(why, "\"%s\" is not a time from 1s to 30d, like 90s, 15m, 4h or 2d", item);
		return -1;
	}
	if (list->count == TIMES_MAX) {
		buf_printf(why, "has more than %d times", TIMES_MAX);
		return -1;
	}
	list->ms = mem_grow(list->ms, list->count, sizeof(*list->ms));
	list->ms[list->count++] = ms;
	return 0;
}

static int
add_listen(const struct key *k, void *base, const char *item, struct buf *why)
{
	struct config_server *s = base;
	struct net_address a;
	const char *reason;
	bool tls = k->kind == KEY_LISTEN_TLS;

	if (net_address_parse(&a, item, tls ? 465 : 25, &reason) == -1) {
		buf_printf(why, "\"%s\": %s", item, reason);
		return -1;
	}
	if (net_port_is_unclear(item)) {
		const char *port = strrchr(item, ':');

		buf_printf(why, "\"%s\": without brackets it is an address and no port; "
		    "did you mean [%.*s]:%s, or [%s]?", item, (int)(port - item), item, port + 1, item);
		return -1;
	}
	if (s->nlisten == CONFIG_LISTEN_MAX) {
		buf_printf(why, "has more than %d addresses", CONFIG_LISTEN_MAX);
		return -1;
	}
	s->listen = mem_grow(s->listen, s->nlisten, sizeof(*s->listen));
	s->listen[s->nlisten++] = (struct config_listen){ .address = a, .text = mem_strdup(item),
	    .tls = tls };
	return 0;
}

static int
add_source(const struct key *k, void *base, const char *item, struct buf *why)
{
	struct config_server *s = base;
	struct net_address a;
	const char *reason;

	if (strchr(item, '*') != NULL || net_address_parse(&a, item, 0, &reason) == -1 ||
	    net_port((struct sockaddr *)&a.sa) != 0 || net_is_any((struct sockaddr *)&a.sa)) {
		buf_printf(why,
		    "\"%s\" is not an address of this host without a port, like 192.0.2.1 or 2001:db8::1",
		    item);
		return -1;
	}
	if (s->nsource_address == nitems_of(s->source_address) ||
	    (s->nsource_address == 1 && s->source_address[0].sa.ss_family == a.sa.ss_family)) {
		buf_printf(why,
		    "\"%s\" is a second address of its family; one IPv4 and one IPv6 address may be given",
		    item);
		return -1;
	}
	s->source_address[s->nsource_address++] = a;
	return 0;
}

static void
clear_listen(const struct key *k, struct config_server *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nlisten; i++) {
		if (s->listen[i].tls == (k->kind == KEY_LISTEN_TLS))
			free(s->listen[i].text);
		else
			s->listen[kept++] = s->listen[i];
	}
	s->nlisten = kept;
	if (kept == 0) {
		free(s->listen);
		s->listen = NULL;
	}
}

static void
clear_strings(struct config_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->text[i]);
	free(list->text);
	*list = (struct config_strings){ 0 };
}

/* Strings may have blanks, so only commas separate them. */
static const struct { int (*add)(const struct key *, void *, const char *, struct buf *);
    const char *separators; } kinds[] = {
	[KEY_TIMES] = { add_time, ", \t" },
	[KEY_STRINGS] = { add_string, "," },
	[KEY_NETS] = { add_net, ", \t" },
	[KEY_LISTEN] = { add_listen, ", \t" },
	[KEY_LISTEN_TLS] = { add_listen, ", \t" },
	[KEY_SOURCES] = { add_source, ", \t" },
};

int
config_list_add(const struct key *k, void *base, const char *text, struct buf *why)
{
	char *copy = mem_strdup(text), *rest = copy, *item;
	int result = 0;

	while (result == 0 && (item = strsep(&rest, kinds[k->kind].separators)) != NULL) {
		size_t len;

		while (isblank((unsigned char)*item))
			item++;
		len = strlen(item);
		while (len > 0 && isblank((unsigned char)item[len - 1]))
			item[--len] = '\0';
		if (len == 0)
			continue;
		if (config_list_count(k, base) >= ITEMS_MAX) {
			buf_printf(why, "has more than %d items", ITEMS_MAX);
			result = -1;
		} else
			result = kinds[k->kind].add(k, base, item, why);
	}
	free(copy);
	return result;
}

void
config_list_clear(const struct key *k, void *base)
{
	struct config_times *times;

	switch (k->kind) {
	case KEY_LISTEN:
	case KEY_LISTEN_TLS:
		clear_listen(k, base);
		break;
	case KEY_SOURCES:
		((struct config_server *)base)->nsource_address = 0;
		break;
	case KEY_TIMES:
		times = list_field(k, base);
		free(times->ms);
		*times = (struct config_times){ 0 };
		break;
	case KEY_NETS:
		config_nets_done(list_field(k, base));
		break;
	default:
		clear_strings(list_field(k, base));
	}
}

void
config_list_seal(struct config_server *s)
{
	size_t count;
	const struct key *rows = key_owner_rows(KEY_OWNER_SERVER, &count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].kind == KEY_NETS)
			config_nets_seal(list_field(&rows[i], s));
}

size_t
config_list_count(const struct key *k, const void *base)
{
	const struct config_server *s = base;
	size_t n = 0;

	switch (k->kind) {
	case KEY_LISTEN:
	case KEY_LISTEN_TLS:
		for (size_t i = 0; i < s->nlisten; i++)
			n += s->listen[i].tls == (k->kind == KEY_LISTEN_TLS);
		return n;
	case KEY_SOURCES:
		return s->nsource_address;
	case KEY_TIMES:
		return ((struct config_times *)list_field(k, base))->count;
	case KEY_NETS:
		return ((struct config_nets *)list_field(k, base))->count;
	default:
		return ((struct config_strings *)list_field(k, base))->count;
	}
}

static void
print_item(const struct key *k, const void *base, size_t i, struct buf *out)
{
	const struct config_server *s = base;
	char text[NET_TEXT_SIZE];
	uint64_t ms;

	switch (k->kind) {
	case KEY_LISTEN:
	case KEY_LISTEN_TLS:
		net_format(text, (const struct sockaddr *)&s->listen[i].address.sa);
		buf_puts(out, strncmp(text, "0.0.0.0:", 8) == 0 ? "*" : "");
		buf_puts(out, strncmp(text, "0.0.0.0:", 8) == 0 ? text + 7 : text);
		break;
	case KEY_SOURCES:
		net_format_ip(text, (const struct sockaddr *)&s->source_address[i].sa);
		buf_puts(out, text);
		break;
	case KEY_TIMES:
		ms = ((struct config_times *)list_field(k, base))->ms[i];
		key_format_time(text, sizeof(text), ms);
		buf_puts(out, text);
		break;
	case KEY_NETS:
		net_entry_format(text, sizeof(text), &((struct config_nets *)list_field(k, base))->entry[i]);
		buf_puts(out, text);
		break;
	default:
		buf_puts(out, ((struct config_strings *)list_field(k, base))->text[i]);
	}
}

void
config_list_print(const struct key *k, const void *base, struct buf *out)
{
	const struct config_server *s = base;
	bool sockets = k->kind == KEY_LISTEN || k->kind == KEY_LISTEN_TLS;
	size_t all = sockets ? s->nlisten : config_list_count(k, base), shown = 0;

	for (size_t i = 0; i < all; i++) {
		if (sockets && s->listen[i].tls != (k->kind == KEY_LISTEN_TLS))
			continue;
		buf_puts(out, shown++ == 0 ? "" : ", ");
		print_item(k, base, i, out);
	}
	if (shown == 0 && k->kind == KEY_STRINGS && k->standard != NULL)
		buf_puts(out, k->standard);
}
