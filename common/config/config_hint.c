/*
 * config_hint - what was probably meant: words in keys and values that other programs' files have; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  static texts, and rows of the table
 * Fails by: NULL or ""
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

const char *
config_hint_secret(enum key_section section, const char *name)
{
	static const char *const words[] = { "password", "passwd", "pass", "passwords", "secret",
	    "client-secret", "bind-password" };
	const char *key = section == KEY_ACCESS ? "password-file" : "secret-file";

	for (size_t i = 0; i < nitems_of(words); i++)
		if (strcmp(words[i], name) == 0)
			return key_find(section, key) != NULL ? key : "secret-file";
	return NULL;
}

/* inih parts key and value at the colon of the address. */
const struct key *
config_hint_without_equals(enum key_section section, const char *name)
{
	size_t len = strcspn(name, " \t");
	char *word = mem_strndup(name, len);
	const struct key *k = name[len] != '\0' ? key_find(section, word) : NULL;

	free(word);
	return k;
}

const char *
config_hint_value(const char *value)
{
	size_t len = strlen(value);

	if (strstr(value, " #") != NULL || strstr(value, "\t#") != NULL)
		return " (a comment behind a value begins with ; and not with #)";
	if (len > 1 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0])
		return " (values have no quotes around them)";
	return "";
}
