/*
 * import_judge - what postern-import says of a virtual server, judged: it has read a file of strangers
 *
 * Runs in:  posternctl, web
 * Owns:     nothing
 * Promise:  only keys of the table here are taken, and values that can stand in an INI file; what is not
 *           taken gets a line in the report
 * Fails by: false
 */
#include "common/import/import_judge.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/config/server_name.h"
#include "common/edit/config_edit.h"

#define SECTION_MAX 65536U

/* No path, account, user or file of this host is among them. */
static const char *const taken[] = {
	"general.id", "general.description", "general.listen", "general.connection-limit",
	"general.connection-timeout", "general.banner", "general.log", "general.log-roll",
	"general.log-roll-size", "general.log-fields", "general.log-format",
	"access.authentication", "access.basic-domain", "access.connection-control",
	"access.connection-list", "access.relay", "access.relay-list", "access.relay-authenticated",
	"access.helo-required", "access.dsn",
	"messages.max-message-size", "messages.max-session-size", "messages.max-messages-per-connection",
	"messages.max-recipients", "messages.ndr-copy-to", "messages.pickup-dots",
	"delivery.retry", "delivery.delay-notify", "delivery.expire", "delivery.local-delay-notify",
	"delivery.local-expire", "delivery.connections", "delivery.connections-per-domain",
	"delivery.connection-timeout", "delivery.port", "delivery.hop-limit", "delivery.masquerade",
	"delivery.fqdn", "delivery.smart-host", "delivery.smart-host-after-direct",
	"delivery.reverse-dns", "delivery.outbound-tls",
	"ldap.enable", "ldap.uri", "ldap.base", "ldap.schema",
	"domain.type", "domain.relay", "domain.helo", "domain.route", "domain.outbound-tls",
	"domain.hold", "domain.atrn-accounts",
};

static bool
is_taken(const char *section, const char *key)
{
	size_t len = strlen(section);

	for (size_t i = 0; i < nitems_of(taken); i++)
		if (strncmp(taken[i], section, len) == 0 && taken[i][len] == '.' &&
		    strcmp(taken[i] + len + 1, key) == 0)
			return true;
	return false;
}

/* What the key says of a text, so that no file is written that the service would refuse. */
static bool
is_fit(enum key_section section, const char *key, const char *value, struct buf *why)
{
	const struct key *k = key_find(section, key);
	const char *wanted;

	if (k == NULL || k->kind != KEY_TEXT || k->check == NULL || k->check(value, &wanted) == 0)
		return true;
	buf_printf(why, "it must be %s; left out", wanted);
	return false;
}

/* A line of the report about a key that is left out. */
static void
say_left_out(json_t *server, const char *domain, const char *key, const char *value, const char *why)
{
	json_t *row = json_object();

	json_object_set_new(row, "outcome", json_string("changed"));
	json_object_set_new(row, "loud", json_true());
	if (domain != NULL)
		json_object_set_new(row, "domain", json_string(domain));
	json_object_set_new(row, "key", json_string(key));
	json_object_set_new(row, "old", json_string(value));
	json_object_set_new(row, "why", json_string(why));
	json_array_append_new(json_object_get(server, "report"), row);
}

/*
 * One section with its keys as text. `keys` has them as "section.key", those of a domain as "key". False: a
 * key was taken out of `keys`, and has its line; then it is to be tried again.
 */
static bool
put_section(json_t *server, json_t *keys, enum key_section section, const char *domain, struct buf *text)
{
	const char *name = key_section_name(section), *key;
	struct config_edit *e = config_edit_new("", 0, true);
	struct buf why = BUF_INIT(1000), out = BUF_INIT(SECTION_MAX);
	size_t len = strlen(name);
	json_t *value;
	bool fine = domain == NULL || config_edit_section_add(e, section, domain, &why) == 0;
	void *next;

	json_object_foreach_safe(keys, next, key, value) {
		const char *word = json_string_value(value), *rest = key;
		struct config_place place = { .section = section, .name = domain };

		if (domain == NULL && (strncmp(key, name, len) != 0 || key[len] != '.'))
			continue;
		rest += domain == NULL ? len + 1 : 0;
		place.key = rest;
		if (fine && word == NULL)
			buf_puts(&why, "is no text");
		else if (fine && !is_taken(name, rest))
			buf_puts(&why, "is no key of an import");
		if (fine && (why.len > 0 || !is_fit(section, rest, word, &why) ||
		    config_edit_set(e, &place, word, &why) == -1)) {
			say_left_out(server, domain, key, word != NULL ? word : "-", buf_text(&why));
			json_object_del(keys, key);
			fine = false;
		}
		if (!fine)
			break;
	}
	if (fine) {
		config_edit_text(e, &out);
		buf_add(text, buf_text(&out), out.len);
		if (out.len > 0)
			buf_puts(text, "\n");
	}
	config_edit_free(e);
	buf_done(&why);
	buf_done(&out);
	return fine;
}

static bool
has_default_domain(json_t *domains)
{
	const char *name;
	json_t *keys;

	json_object_foreach(domains, name, keys) {
		const char *type = json_string_value(json_object_get(keys, "type"));

		if (type != NULL && strcmp(type, "default") == 0)
			return true;
	}
	return false;
}

/* One [domain]. It goes when it cannot be written, and when it has no type left. */
static void
put_domain(json_t *server, json_t *domains, const char *name, struct buf *text)
{
	json_t *keys = json_object_get(domains, name);
	size_t before;

	do {
		before = json_object_size(keys);
		if (json_object_get(keys, "type") == NULL)
			break;
		if (put_section(server, keys, KEY_DOMAIN, name, text))
			return;
	} while (json_object_size(keys) < before);
	say_left_out(server, name, "type", name, "this domain cannot be written: left out");
	json_object_del(domains, name);
}

/* What no section has looked at is no word of a command either. */
static void
drop_strangers(json_t *server, json_t *keys)
{
	json_t *value;
	const char *key;
	void *next;

	json_object_foreach_safe(keys, next, key, value) {
		const char *word = json_string_value(value);
		bool known = false;

		for (int section = KEY_GENERAL; section <= KEY_SECURITY && !known; section++) {
			const char *name = key_section_name((enum key_section)section);

			known = word != NULL && strncmp(key, name, strlen(name)) == 0 &&
			    key[strlen(name)] == '.';
		}
		if (known)
			continue;
		say_left_out(server, NULL, key, word != NULL ? word : "-", "is no key of an import");
		json_object_del(keys, key);
	}
}

bool
import_judge_server(json_t *server, const char *hostname, struct buf *text)
{
	json_t *keys = json_object_get(server, "keys"), *domains = json_object_get(server, "domains"), *value;
	const char *name = json_string_value(json_object_get(server, "name")), *key;
	void *next;

	if (name == NULL || !server_name_is_good(name) || !json_is_object(keys) ||
	    !json_is_object(domains) || !json_is_array(json_object_get(server, "report")))
		return false;
	drop_strangers(server, keys);
	for (int section = KEY_GENERAL; section <= KEY_SECURITY; section++) {
		size_t before;

		do
			before = json_object_size(keys);
		while (!put_section(server, keys, (enum key_section)section, NULL, text) &&
		    json_object_size(keys) < before);
	}
	if (!has_default_domain(domains)) {
		value = json_object();
		json_object_set_new(value, "type", json_string("default"));
		json_object_set_new(domains, hostname, value);
	}
	json_object_foreach_safe(domains, next, key, value) {
		char *copy = mem_strdup(key);

		put_domain(server, domains, copy, text);
		free(copy);
	}
	return buf_ok(text);
}
