/*
 * key - the table of configuration keys: one row a key. Reader, checks, `posternctl config`, sample INI files
 * and the manual's key list all come from these rows.
 */
#ifndef COMMON_CONFIG_KEY_H
#define COMMON_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

enum key_section { KEY_SERVICE, KEY_MANAGER, KEY_LIMITS, KEY_GENERAL, KEY_ACCESS, KEY_MESSAGES,
    KEY_DELIVERY, KEY_LDAP, KEY_SECURITY, KEY_DOMAIN, KEY_REMOTE, KEY_FILTER, KEY_OAUTH, KEY_SECTION_COUNT };
/* Of [service], [manager], [limits]; a virtual server, a [domain], a [host], a [filter], an [oauth]. */
enum key_owner { KEY_OWNER_SERVICE, KEY_OWNER_SERVER, KEY_OWNER_DOMAIN, KEY_OWNER_REMOTE, KEY_OWNER_FILTER,
    KEY_OWNER_OAUTH, KEY_OWNER_COUNT };
enum key_kind {
	KEY_TEXT, KEY_PATH, KEY_HOST, KEY_BOOL, KEY_NUMBER, KEY_SIZE, KEY_TIME, KEY_TIMES, KEY_ENUM,
	KEY_FLAGS, KEY_STRINGS, KEY_NETS,
	KEY_LISTEN, KEY_LISTEN_TLS, KEY_SOURCES, KEY_KIND_COUNT
};

enum key_choice_kind {
	KEY_CHOICE_USUAL,
	KEY_CHOICE_MISSING,	/* known, but not available in this version */
	/* Another word for the value of one before, in any letter case; these are the last */
	KEY_CHOICE_OTHER,
};
struct key_choice {
	const char *name;
	int value;
	enum key_choice_kind kind;
};

/* Who may set it by command. An operator of a virtual server never sets what could hurt others. */
enum key_guard {
	KEY_GUARD_NONE,		/* also operators of the virtual server */
	/* The same, but while it has an account at other hosts: it decides who is shown the password */
	KEY_GUARD_ACCOUNT,
	KEY_GUARD_RANGE,	/* the same, but only within operator-listen of [service] */
	/* Operators of the service: files, folders, users, addresses, limits of processes and disks */
	KEY_GUARD_SERVICE,
};

/* Whether one value or list item has the right form: 0, or -1 and *why, static, as in "must be WHY". */
typedef int key_check(const char *text, const char **why);

struct key {
	enum key_section section;
	const char *name;
	enum key_kind kind;
	/* The default as it would be written (KEY_STRINGS: the word for the empty list); NULL: none */
	const char *standard;
	const char *derived;	/* the default in words, when it is no constant */
	/* Bytes, milliseconds, the number itself, KEY_PATH: characters; max 0: no limit of its own */
	uint64_t min, max;
	bool unlimited;		/* the word "unlimited" is allowed */
	bool automatic;		/* the word "auto" is allowed, for the value 0 */
	/* Known, but not available in this version: refused unless equal to the default */
	bool missing;
	bool addresses;		/* KEY_NETS: no domain names */
	bool needed;		/* there is no default: it must be given */
	/* Only in the file of a virtual server, not in the shared sections of postern.ini */
	bool own;
	enum key_guard guard;
	const char *ceiling;	/* how far operators of the virtual server may lift it: a key of [service] */
	const struct key_choice *choice;	/* KEY_ENUM, KEY_FLAGS: ended by a NULL name */
	key_check *check;	/* KEY_TEXT, KEY_STRINGS: NULL allows all */
	/* KEY_STRINGS: the item is taken out by that text, too; NULL: by its own alone */
	bool (*covers)(const char *item, const char *text);
	size_t offset, size;	/* into the struct of its owner, as config_server or config_domain */
	const char *meaning;	/* one or two sentences for sample and manual */
};

/* In this order: the rows of [service], a virtual server, [domain], [host], [filter], [oauth]. */
extern const struct key key_rows[];
extern const size_t key_rows_count;

/* NULL: there is none of that name. */
const struct key *key_find(enum key_section section, const char *name);
/* The rows of one owner, which stand side by side. */
const struct key *key_owner_rows(enum key_owner owner, size_t *count);
enum key_owner key_owner_of(enum key_section section);
bool key_section_is_global(enum key_section section);	/* in postern.ini only */
bool key_section_is_named(enum key_section section);	/* [domain NAME]: there may be several */
/* Which of its owner's rows the key is; the key must be there. */
size_t key_owner_index(enum key_section section, const char *name);
const char *key_section_name(enum key_section section);		/* "general"; KEY_DOMAIN: "domain" */
enum key_section key_section_find(const char *name);		/* KEY_SECTION_COUNT: none */
/* The most similar name of the section within two edits; NULL: none. */
const char *key_suggest(enum key_section section, const char *name);
/* Edits (insert, delete, change, swap of neighbours) between two words in any letter case; at most 99. */
unsigned key_distance(const char *a, const char *b);

/* "25M", "2048K" in bytes; "90s", "10m", "12h", "2d" in ms; "100"; yes/no, on/off, true/false. 0 or -1. */
int key_parse_size(const char *text, uint64_t *value) __attribute__((warn_unused_result));
int key_parse_time(const char *text, uint64_t *value) __attribute__((warn_unused_result));
int key_parse_number(const char *text, uint64_t *value) __attribute__((warn_unused_result));
int key_parse_bool(const char *text, bool *value) __attribute__((warn_unused_result));

/* The text of a value, in the largest unit that divides it: "25M", "90s", "2d". */
void key_format_size(char *dst, size_t size, uint64_t bytes);
void key_format_time(char *dst, size_t size, uint64_t ms);
void key_format_number(char *dst, size_t size, uint64_t value);

key_check key_check_account;	/* a user name, in any script, blanks allowed */
key_check key_check_path;	/* "/a/b", absolute and without ".." */
key_check key_check_events;	/* "syslog", "stderr", "json", "/path" */
key_check key_check_fingerprint;	/* SHA-256 of a certificate: 64 digits, perhaps with colons */
key_check key_check_filter;	/* "inet:127.0.0.1:8891", "unix:/path" */
key_check key_check_https;	/* "https://name/path" */
key_check key_check_dkim;	/* an item of struct config_dkim */
key_check key_check_host;	/* a host name */
key_check key_check_word;	/* printable ASCII without blanks */
key_check key_check_operator;
key_check key_check_ldap_attribute;	/* the name of an attribute, or its number */
key_check key_check_ldap_base;		/* "dc=example,dc=com" */
key_check key_check_ldap_delimiter;	/* characters that begin a tag: "+" */
key_check key_check_ldap_filter;	/* with %s or %u, and its brackets closed */
key_check key_check_ldap_uri;	/* "ldap://host:port", "ldaps://host", "ldapi://%2Frun%2Fslapd%2Fldapi" */
key_check key_check_line;	/* printable ASCII that fits a reply line */
key_check key_check_log_field;	/* a field of the protocol log, in any letter case */
key_check key_check_manager_host;	/* a host name or an address, without a port */
key_check key_check_manager_listen;	/* "/path", "address:port" */
key_check key_check_node;	/* a name as ssh takes it, and no option */
key_check key_check_metrics;	/* "/path", loopback "address:port" */
key_check key_check_mailbox;	/* "a@b" */
key_check key_check_smart_host;	/* "name", "[address]", each with an optional ":port" */
key_check key_check_tenant;	/* a directory id or a domain */
key_check key_check_own_address;	/* "192.0.2.1", "[2001:db8::1]:25", "mail.example.com" */
key_check key_check_paused;	/* "example.com", "*.example.com", "[192.0.2.1]" */
key_check key_check_range;	/* "192.0.2.1:25-2599", "[2001:db8::/64]:*", "*:25" */
key_check key_check_remote;	/* "mx.example.com", "*.example.com", "192.0.2.0/24", "*" */
key_check key_check_resolver;	/* "address", "address:port", "[address]:port" */

/* Whether an item of that form allows the address and its port. */
bool key_check_range_has(const char *text, const struct sockaddr *sa);

/* The fields of the protocol log, by enum config_log_field. */
extern const char *const key_check_log_fields[];

/* Prints a commented sample of the service file, or with `server` of a virtual server's file. */
void key_print_sample(FILE *out, bool server);
/* Prints "section key" for each key, for the lints. */
void key_print_names(FILE *out);
/* Prints the mdoc list of one section for postern.ini(5). */
void key_print_manual(FILE *out, enum key_section section);

#endif
