/*
 * config_value - one configuration value by its row: set from text, default, printed, freed
 *
 * Runs in:  every process
 * Owns:     the strings in the structs of config (config_value_clear)
 * Promise:  the only place that writes into these structs by offset; a value is checked before it is
 *           stored, and the printed text reads back as the same value
 * Fails by: -1 with the reason in a buffer; the old value stays
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config_private.h"

static void *
value_field(const struct key *k, const void *base)
{
	return (char *)mem_unconst(base) + k->offset;
}

/* Numbers and enums have the width of their field. */
static void
store_number(const struct key *k, void *base, uint64_t value)
{
	void *field = value_field(k, base);

	switch (k->size) {
	case 1:
		*(bool *)field = value != 0;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
	}
}

static uint64_t
load_number(const struct key *k, const void *base)
{
	const void *field = value_field(k, base);

	switch (k->size) {
	case 1:
		return *(const bool *)field;
	case 2:
		return *(const uint16_t *)field;
	case 4:
		return *(const uint32_t *)field;
	default:
		return *(const uint64_t *)field;
	}
}

/* An empty text is none. */
static void
store_text(const struct key *k, void *base, const char *text)
{
	char **field = value_field(k, base);
	char *copy = *text == '\0' ? NULL : mem_strdup(text);

	free(*field);
	*field = copy;
}

static int
set_text(const struct key *k, void *base, const char *text, struct buf *why)
{
	const char *reason = NULL;

	if (*text == '\0' && k->standard != NULL) {
		buf_puts(why, "has no value");
		return -1;
	}
	if (*text != '\0' && k->check != NULL && k->check(text, &reason) == -1) {
		buf_printf(why, "must be %s, not \"%s\"", reason, text);
		return -1;
	}
	store_text(k, base, text);
	return 0;
}

/* Host names are compared and shown in lower case. */
static int
set_host(const struct key *k, void *base, const char *text, struct buf *why)
{
	const char *reason = NULL;

	if (*text != '\0' && key_check_host(text, &reason) == -1) {
		buf_printf(why, "must be %s, not \"%s\"", reason, text);
		return -1;
	}
	store_text(k, base, text);
	for (char *p = *(char **)value_field(k, base); p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

/* Without "//", "/./" and a slash at the end, so that equal folders are equal texts. */
static void
path_normalize(char *dst, const char *path)
{
	size_t n = 0;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '/' && (p[1] == '/' || p[1] == '\0'))
			continue;
		if (*p == '/' && p[1] == '.' && (p[2] == '/' || p[2] == '\0')) {
			p++;
			continue;
		}
		dst[n++] = *p;
	}
	if (n == 0)
		dst[n++] = '/';
	dst[n] = '\0';
}

static int
set_path(const struct key *k, void *base, const char *text, struct buf *why)
{
	char path[256];
	const char *reason = NULL;

	if (*text == '\0' && k->standard == NULL) {
		store_text(k, base, "");
		return 0;
	}
	if (key_check_path(text, &reason) == -1) {
		buf_printf(why, "must be %s, not \"%s\"", reason, text);
		return -1;
	}
	path_normalize(path, text);
	if (k->max != 0 && strlen(path) > k->max) {
		buf_printf(why, "must be at most %" PRIu64 " characters long", k->max);
		return -1;
	}
	store_text(k, base, path);
	return 0;
}

static int
set_bool(const struct key *k, void *base, const char *text, struct buf *why)
{
	bool value;

	if (key_parse_bool(text, &value) == -1) {
		buf_printf(why, "must be yes or no, not \"%s\"", text);
		return -1;
	}
	store_number(k, base, value);
	return 0;
}

static const struct measure {
	int (*parse)(const char *, uint64_t *);
	void (*format)(char *, size_t, uint64_t);
	const char *what;
} measures[] = {
	[KEY_NUMBER] = { key_parse_number, key_format_number, "a number" },
	[KEY_SIZE] = { key_parse_size, key_format_size, "a size like 25M or 2048K" },
	[KEY_TIME] = { key_parse_time, key_format_time, "a time like 90s, 10m, 12h or 2d" },
};

static int
set_measure(const struct key *k, void *base, const char *text, struct buf *why)
{
	const struct measure *m = &measures[k->kind];
	char low[32], high[32];
	uint64_t value;

	if (*text == '\0' && k->standard == NULL) {
		store_number(k, base, 0);
		return 0;
	}
	if (strcmp(text, "unlimited") == 0 && k->unlimited) {
		store_number(k, base, CONFIG_UNLIMITED);
		return 0;
	}
	if (strcmp(text, "auto") == 0 && k->automatic) {
		store_number(k, base, 0);
		return 0;
	}
	if (m->parse(text, &value) == -1) {
		buf_printf(why, "must be %s%s%s, not \"%s\"", m->what, k->unlimited ? " or unlimited" : "",
		    k->automatic ? " or auto" : "", text);
		return -1;
	}
	if (value < k->min || (k->max != 0 && value > k->max)) {
		m->format(low, sizeof(low), k->min);
		m->format(high, sizeof(high), k->max);
		buf_printf(why, "must be %s %s%s%s%s%s, not %s", k->max != 0 ? "from" : "at least", low,
		    k->max != 0 ? " to " : "", k->max != 0 ? high : "",
		    k->unlimited ? ", or unlimited" : "", k->automatic ? ", or auto" : "", text);
		return -1;
	}
	store_number(k, base, value);
	return 0;
}

static const struct key_choice *
choice_named(const struct key *k, const char *name)
{
	for (const struct key_choice *c = k->choice; c->name != NULL; c++)
		if (c->kind == KEY_CHOICE_OTHER ? strcasecmp(c->name, name) == 0 : strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static bool
is_shown(const struct key_choice *c)
{
	return c->name != NULL && c->kind != KEY_CHOICE_OTHER;
}

/* The choice, or NULL with the reason. */
static const struct key_choice *
find_choice(const struct key *k, const char *name, struct buf *why)
{
	const struct key_choice *found = choice_named(k, name);
	const char *comma;

	if (found != NULL && found->kind != KEY_CHOICE_MISSING)
		return found;
	if (found != NULL) {
		buf_printf(why, "\"%s\" is not available in this version; there is ", name);
		name = NULL;
	} else
		buf_puts(why, "must be ");
	comma = "";
	for (const struct key_choice *c = k->choice; is_shown(c); c++) {
		if (c->kind == KEY_CHOICE_MISSING)
			continue;
		buf_printf(why, "%s%s", comma, c->name);
		comma = is_shown(c + 1) && !is_shown(c + 2) ? " or " : ", ";
	}
	if (name != NULL)
		buf_printf(why, ", not \"%s\"", name);
	return NULL;
}

static int
set_enum(const struct key *k, void *base, const char *text, struct buf *why)
{
	const struct key_choice *c = find_choice(k, text, why);

	if (c == NULL)
		return -1;
	store_number(k, base, (uint64_t)c->value);
	return 0;
}

static uint64_t
all_flags(const struct key *k)
{
	uint64_t value = 0;

	for (const struct key_choice *c = k->choice; c->name != NULL; c++)
		value |= c->kind == KEY_CHOICE_MISSING ? 0 : (uint64_t)c->value;
	return value;
}

/* "-name" leaves one out; a list that begins so has all others. */
static int
set_flags(const struct key *k, void *base, const char *text, struct buf *why)
{
	char *copy = mem_strdup(text), *rest = copy, *word;
	uint64_t value = 0;
	bool first = true;
	int result = 0;

	if (*text == '\0' && k->standard == NULL) {
		free(copy);
		store_number(k, base, 0);
		return 0;
	}

	while (result == 0 && (word = strsep(&rest, ", \t")) != NULL) {
		const struct key_choice *c;
		bool without = *word == '-';

		if (*word == '\0')
			continue;
		c = find_choice(k, word + without, why);
		if (without && first)
			value = all_flags(k);
		first = false;
		if (c == NULL)
			result = -1;
		else if (without)
			value &= ~(uint64_t)c->value;
		else
			value |= (uint64_t)c->value;
	}
	free(copy);
	if (result == 0 && value == 0) {
		buf_puts(why, "has no value");
		result = -1;
	}
	if (result == 0)
		store_number(k, base, value);
	return result;
}

static void
print_text(const struct key *k, const void *base, struct buf *out)
{
	const char *text = *(char **)value_field(k, base);

	buf_puts(out, text != NULL ? text : "");
}

static void
print_bool(const struct key *k, const void *base, struct buf *out)
{
	buf_puts(out, load_number(k, base) != 0 ? "yes" : "no");
}

static void
print_measure(const struct key *k, const void *base, struct buf *out)
{
	uint64_t value = load_number(k, base);
	char text[32] = "";

	if (k->unlimited && value == CONFIG_UNLIMITED)
		buf_puts(out, "unlimited");
	else if (k->automatic && value == 0)
		buf_puts(out, "auto");
	else if (value != 0 || k->standard != NULL) {
		measures[k->kind].format(text, sizeof(text), value);
		buf_puts(out, text);
	}
}

static void
print_enum(const struct key *k, const void *base, struct buf *out)
{
	const struct key_choice *c = k->choice;

	while (c->name != NULL && (uint64_t)c->value != load_number(k, base))
		c++;
	buf_puts(out, c->name != NULL ? c->name : "");
}

static void
print_flags(const struct key *k, const void *base, struct buf *out)
{
	const char *comma = "";

	for (const struct key_choice *c = k->choice; c->name != NULL; c++) {
		if ((load_number(k, base) & (uint64_t)c->value) == 0)
			continue;
		buf_printf(out, "%s%s", comma, c->name);
		comma = ", ";
	}
}

static const struct kind {
	int (*set)(const struct key *, void *, const char *, struct buf *);
	void (*print)(const struct key *, const void *, struct buf *);
	bool list, owned;
} kinds[] = {
	[KEY_TEXT] = { set_text, print_text, false, true },
	[KEY_PATH] = { set_path, print_text, false, true },
	[KEY_HOST] = { set_host, print_text, false, true },
	[KEY_BOOL] = { set_bool, print_bool, false, false },
	[KEY_NUMBER] = { set_measure, print_measure, false, false },
	[KEY_SIZE] = { set_measure, print_measure, false, false },
	[KEY_TIME] = { set_measure, print_measure, false, false },
	[KEY_TIMES] = { config_list_add, config_list_print, true, false },
	[KEY_ENUM] = { set_enum, print_enum, false, false },
	[KEY_FLAGS] = { set_flags, print_flags, false, false },
	[KEY_STRINGS] = { config_list_add, config_list_print, true, false },
	[KEY_NETS] = { config_list_add, config_list_print, true, false },
	[KEY_LISTEN] = { config_list_add, config_list_print, true, false },
	[KEY_LISTEN_TLS] = { config_list_add, config_list_print, true, false },
	[KEY_SOURCES] = { config_list_add, config_list_print, true, false },
};
_Static_assert(nitems_of(kinds) == KEY_KIND_COUNT, "a row for each kind");

int
config_value_set(const struct key *k, void *base, const char *text, struct buf *why)
{
	return kinds[k->kind].set(k, base, text, why);
}

bool
config_value_is_list(const struct key *k)
{
	return kinds[k->kind].list;
}

void
config_value_standard(const struct key *k, void *base)
{
	struct buf why = BUF_INIT(1000);

	if (k->standard != NULL && config_value_set(k, base, k->standard, &why) == -1)
		bug("the default of %s %s", k->name, buf_text(&why));
	buf_done(&why);
}

void
config_value_clear(const struct key *k, void *base)
{
	if (kinds[k->kind].list)
		config_list_clear(k, base);
	else if (kinds[k->kind].owned) {
		char **field = value_field(k, base);

		free(*field);
		*field = NULL;
	} else
		memset(value_field(k, base), 0, k->size);
}

bool
config_value_is_standard(const struct key *k, const char *text)
{
	bool same;
	int result;

	union { struct config_service service; struct config_server server; struct config_domain domain;
	    } given = { 0 }, standard = { 0 };
	struct buf why = BUF_INIT(1000), a = BUF_INIT(100000), b = BUF_INIT(100000);

	config_value_standard(k, &standard);
	result = config_value_set(k, &given, text, &why);
	config_value_print(k, &given, &a);
	config_value_print(k, &standard, &b);
	same = result == 0 && strcmp(buf_text(&a), buf_text(&b)) == 0;
	config_value_clear(k, &given);
	config_value_clear(k, &standard);
	buf_done(&why);
	buf_done(&a);
	buf_done(&b);
	return same;
}

void
config_value_print(const struct key *k, const void *base, struct buf *out)
{
	kinds[k->kind].print(k, base, out);
}
