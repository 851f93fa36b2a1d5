/*
 * key - the table of configuration keys: one row a key. Reader, checks, `posternctl config`, sample INI files
 * and the manual's key list all come from these rows.
 */
#ifndef COMMON_PROCESS_KEY_H
#define COMMON_PROCESS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum key_section { KEY_SERVICE, KEY_GENERAL, KEY_ACCESS, KEY_MESSAGES, KEY_DELIVERY, KEY_LDAP, KEY_SECURITY, KEY_DOMAIN, KEY_SECTION_COUNT };
enum key_kind {
	KEY_TEXT, KEY_PATH, KEY_HOST, KEY_BOOL, KEY_NUMBER, KEY_SIZE, KEY_TIME, KEY_TIMES, KEY_ENUM, KEY_FLAGS, KEY_STRINGS, KEY_NETS,
	KEY_LISTEN, KEY_KIND_COUNT
};

struct key_choice {
	const char *name;
	int value;
	bool missing;		/* known, but not available in this version */
};

struct key {
	enum key_section section;
	const char *name;
	enum key_kind kind;
	const char *standard;	/* the default as one would write it; NULL: none */
	uint64_t min, max;
	bool unlimited;		/* the word is allowed */
	bool missing;		/* known, but not available in this version: refused unless equal to the default */
	const struct key_choice *choice;	/* KEY_ENUM, KEY_FLAGS: ended by a NULL name */
	size_t offset;		/* into struct config_service, config_server or config_domain */
	const char *meaning;	/* one or two sentences for sample and manual */
};

extern const struct key key_rows[];
extern const size_t key_count;

const struct key *key_find(enum key_section section, const char *name);
const char *key_section_name(enum key_section section);		/* "general"; KEY_DOMAIN: "domain" */
/* The most similar name of the section within two edits, or NULL. */
const char *key_suggest(enum key_section section, const char *name);

/* "25M" "2048K" "100" -> bytes; "90s" "10m" "12h" "2d" -> ms. 0 or -1. */
int key_parse_size(const char *text, uint64_t *value) __attribute__((warn_unused_result));
int key_parse_time(const char *text, uint64_t *value) __attribute__((warn_unused_result));

/* A commented sample of the service file (server false) or of a virtual server's file, made from the rows. */
void key_print_sample(FILE *out, bool server);
/* The mdoc list of one section for postern.ini(5). */
void key_print_manual(FILE *out, enum key_section section);

#endif
