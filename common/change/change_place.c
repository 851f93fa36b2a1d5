/*
 * change_place - how a command names a key of an INI file; pure
 *
 * Runs in:  master, posternctl
 * Owns:     its texts until change_place_done
 * Promise:  what is formatted is parsed to the same place
 * Fails by: -1 and what is wrong
 */
#include "common/change/change_place.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"

struct config_place
change_place_config(const struct change_place *p)
{
	return (struct config_place){ .section = p->section, .name = p->name, .key = p->key };
}

void
change_place_format(struct buf *out, const struct change_place *p)
{
	buf_printf(out, "%s%s%s.%s", key_section_name(p->section), p->name != NULL ? ":" : "",
	    p->name != NULL ? p->name : "", p->key);
}

void
change_place_done(struct change_place *p)
{
	free(p->name);
	free(p->key);
	*p = (struct change_place){ 0 };
}

static bool
fits_file(enum key_section section, bool server)
{
	enum key_owner owner = key_owner_of(section);

	return owner == KEY_OWNER_SERVER || server == !key_section_is_global(section);
}

/* "tls" alone: where it stands. */
static void
blame_bare(const char *key, bool server, struct buf *why)
{
	const char *comma = " did you mean ";

	buf_printf(why, "%.60s: a key is named with its section;", key);
	for (size_t i = 0; i < key_rows_count; i++)
		if (strcmp(key_rows[i].name, key) == 0 && fits_file(key_rows[i].section, server)) {
			bool named = key_section_is_named(key_rows[i].section);

			buf_printf(why, "%s%s%s.%s", comma, key_section_name(key_rows[i].section),
			    named ? ":NAME" : "", key);
			comma = " or ";
		}
	buf_puts(why, *comma == ' ' && comma[1] == 'd' ? " say SECTION.KEY" : "?");
}

static void
blame_section(const char *name, bool server, struct buf *why)
{
	enum key_section best = KEY_SECTION_COUNT;
	unsigned least = 3;

	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++)
		if (fits_file(s, server) && key_distance(name, key_section_name(s)) < least) {
			least = key_distance(name, key_section_name(s));
			best = s;
		}
	buf_printf(why, "unknown section [%.60s]", name);
	if (best != KEY_SECTION_COUNT)
		buf_printf(why, "; did you mean %s?", key_section_name(best));
}

/* The word in front of the last dot: "access", "domain:example.com". */
static int
take_section(struct change_place *p, char *word, bool server, struct buf *why)
{
	char *name = strchr(word, ':');
	bool named;

	if (name != NULL)
		*name++ = '\0';
	p->section = key_section_find(word);
	if (p->section == KEY_SECTION_COUNT) {
		blame_section(word, server, why);
		return -1;
	}
	named = key_section_is_named(p->section);
	if (!fits_file(p->section, server)) {
		buf_printf(why, server ?
		    "[%s] is in postern.ini: say it without the name of a virtual server" :
		    "[%s] is in the file of a virtual server: say its name", word);
		return -1;
	}
	if (named != (name != NULL)) {
		buf_printf(why, named ? "say whose [%s]: %s:NAME.KEY" : "[%s] has no name behind it", word,
		    word);
		return -1;
	}
	if (!named)
		return 0;
	p->name = config_edit_section_name(p->section, name);
	if (p->name == NULL)
		buf_printf(why, "\"%.100s\" is no name of a [%s] section", name, word);
	return p->name != NULL ? 0 : -1;
}

static int
take_key(struct change_place *p, const char *key, bool any, struct buf *why)
{
	const char *best = key_suggest(p->section, key);
	enum key_section other = KEY_SERVICE;

	p->key = mem_strdup(key);
	if (any || key_find(p->section, key) != NULL)
		return 0;
	buf_printf(why, "unknown key \"%.60s\" in [%s]", key, key_section_name(p->section));
	while (other < KEY_SECTION_COUNT && key_find(other, key) == NULL)
		other++;
	if (best != NULL)
		buf_printf(why, "; did you mean \"%s\"?", best);
	else if (other < KEY_SECTION_COUNT)
		buf_printf(why, "; it belongs in [%s]", key_section_name(other));
	return -1;
}

int
change_place_parse(struct change_place *p, const char *text, size_t len, bool server, bool any,
    struct buf *why)
{
	char *word = mem_strndup(text, len), *dot = strrchr(word, '.');
	int result = -1;

	*p = (struct change_place){ 0 };
	if (dot == NULL || dot == word || dot[1] == '\0') {
		blame_bare(word, server, why);
	} else {
		*dot = '\0';
		result = take_section(p, word, server, why);
		if (result == 0)
			result = take_key(p, dot + 1, any, why);
	}
	if (result == -1)
		change_place_done(p);
	free(word);
	return result;
}
