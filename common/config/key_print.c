/*
 * key_print - the sample INI files and the manual's key lists, made from the key rows
 *
 * Runs in:  the build: the program that makes the files of etc/
 * Owns:     nothing
 * Promise:  when the ";" in front of the keys of a sample is removed, every key is set to its default
 * Fails by: the stream's error, which the caller checks
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/config/key.h"

#define COLUMNS 96
#define MANUAL_COLUMNS 76	/* mandoc -T lint complains past 80 */

static const char *const section_titles[KEY_SECTION_COUNT] = {
	[KEY_SERVICE] = "the service as a whole",
	[KEY_MANAGER] = "the manager in a web browser",
	[KEY_LIMITS] = "limits that several nodes share",
	[KEY_GENERAL] = "names, addresses and folders of the virtual server",
	[KEY_ACCESS] = "who may connect, and who may relay",
	[KEY_MESSAGES] = "limits of messages, badmail",
	[KEY_DELIVERY] = "how mail leaves",
	[KEY_LDAP] = "recipients from a directory",
	[KEY_SECURITY] = "who may control the virtual server",
	[KEY_OAUTH] = "one section for each source of OAuth2 tokens, used by outbound-auth = oauth2",
	[KEY_DOMAIN] = "one section for each domain that is local, or remote with rules of its own",
	[KEY_FILTER] = "one section for each mail filter (milter), asked in the order of the file",
	[KEY_REMOTE] = "one section for each pattern of remote hosts, with rules of its own",
};

/* Names of values in the manual. */
static const char *const placeholders[KEY_KIND_COUNT] = {
	[KEY_TEXT] = "text", [KEY_PATH] = "path", [KEY_HOST] = "name", [KEY_BOOL] = "yes | no",
	[KEY_NUMBER] = "number",
	[KEY_SIZE] = "size", [KEY_TIME] = "time", [KEY_TIMES] = "time ...", [KEY_ENUM] = NULL,
	[KEY_FLAGS] = NULL,
	[KEY_STRINGS] = "text, ...", [KEY_NETS] = "network, ...", [KEY_LISTEN] = "address:port, ...",
	[KEY_LISTEN_TLS] = "address:port, ...", [KEY_SOURCES] = "address, ...",
};

/* A comment of several lines. */
static void
print_comment(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > COLUMNS - 2) {
			len = COLUMNS - 2;
			while (text[len] != ' ')
				len--;
		}
		fprintf(out, "# %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

/* "Not available in this version: a, b." or nothing. */
static void
format_missing_choices(char *dst, size_t size, const struct key *k)
{
	size_t len = 0;

	*dst = '\0';
	for (const struct key_choice *c = k->choice; c != NULL && c->name != NULL; c++)
		if (c->kind == KEY_CHOICE_MISSING)
			len += (size_t)snprintf(dst + len, size - len, "%s%s",
			    len == 0 ? "Not available in this version: " : ", ", c->name);
	if (len > 0)
		snprintf(dst + len, size - len, ".");
}

/* "# tls = off | optional | required": no value of it is the default whatever else is set. */
static void
print_sample_choices(FILE *out, const struct key *k)
{
	const char *bar = "";

	fprintf(out, "# %s = ", k->name);
	for (const struct key_choice *c = k->choice; c->name != NULL; c++) {
		if (c->kind == KEY_CHOICE_MISSING)
			continue;
		fprintf(out, "%s%s", bar, c->name);
		bar = " | ";
	}
	fputc('\n', out);
}

/* An empty value of a key without a constant default leaves it unset. */
static void
print_sample_key(FILE *out, const struct key *k)
{
	const char *value = k->needed ? k->choice[0].name : k->standard;
	char text[1000], missing[200];

	format_missing_choices(missing, sizeof(missing), k);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", k->meaning, *missing != '\0' ? " " : "", missing,
	    k->derived != NULL ? " Default: " : "",
	    k->derived != NULL ? k->derived : "", k->derived != NULL ? "." : "");
	print_comment(out, text);
	if (k->kind == KEY_ENUM && value == NULL)
		print_sample_choices(out, k);
	else
		fprintf(out, ";%s =%s%s\n", k->name, value != NULL ? " " : "", value != NULL ? value : "");
}

static bool
section_is_sampled(enum key_section section, bool server)
{
	if (key_section_is_global(section) == server)
		return false;
	for (size_t i = 0; i < key_rows_count; i++)
		if (key_rows[i].section == section && !key_rows[i].missing)
			return true;
	return false;
}

void
key_print_sample(FILE *out, bool server)
{
	print_comment(out,
	    server ? "A virtual server of Postern; its name is the name of this file. See postern.ini(5)." :
	    "Postern, the service as a whole. See postern.ini(5). Each virtual server has its own file in "
	    "servers/. The sections of such a file may be here too: they are then the defaults of all "
	    "virtual servers.");
	print_comment(out,
	    "Lines with a semicolon in front show the defaults; a key whose default depends on others has no "
	    "value there, or its choices behind a #. A list continues in a line with the same key, in a "
	    "line that starts with a blank, or after a comma. A semicolon after a blank starts a comment.");
	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++) {
		bool named;

		if (!section_is_sampled(s, server))
			continue;
		named = key_section_is_named(s);
		fprintf(out, "\n# ---- %s\n%s%s%s]\n", section_titles[s], named ? ";[" : "[",
		    key_section_name(s), s == KEY_DOMAIN ? " example.com" : s == KEY_REMOTE ?
		    " mx.example.com" : named ? " name" : "");
		for (size_t i = 0; i < key_rows_count; i++) {
			if (key_rows[i].section != s || key_rows[i].missing)
				continue;
			fputc('\n', out);
			print_sample_key(out, &key_rows[i]);
		}
	}
}

/* Text in the form of mdoc: each sentence on a new line, short lines, nothing that looks like a macro. */
static void
print_sentences(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > MANUAL_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%s%.*s", column > 0 ? " " : "",
		    column == 0 && (*text == '.' || *text == '\'') ? "\\&" : "", (int)len, text);
		column += len + 1;
		text += len;
		if (text[-1] == '.' && *text == ' ') {
			fputc('\n', out);
			column = 0;
		}
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
print_choices(FILE *out, const struct key *k)
{
	const char *bar = "";

	for (const struct key_choice *c = k->choice; c->name != NULL && c->kind != KEY_CHOICE_OTHER; c++) {
		fprintf(out, "%sCm %s", bar, c->name);
		bar = k->kind == KEY_ENUM ? " | " : " , ";
	}
}

/* "From 1s to 1d." The limits of numbers, sizes and times, as the reader checks them. */
static void
print_manual_range(FILE *out, const struct key *k)
{
	static void (*const formats[KEY_KIND_COUNT])(char *, size_t, uint64_t) = {
		[KEY_NUMBER] = key_format_number, [KEY_SIZE] = key_format_size, [KEY_TIME] = key_format_time,
		[KEY_TIMES] = key_format_time,
	};
	char low[32], high[32];

	if (formats[k->kind] == NULL || (k->min <= 1 && k->max == 0))
		return;
	formats[k->kind](low, sizeof(low), k->min);
	formats[k->kind](high, sizeof(high), k->max);
	if (k->max == 0)
		fprintf(out, "At least\n.Cm %s .\n", low);
	else
		fprintf(out, "From\n.Cm %s\nto\n.Cm %s .\n", low, high);
}

static void
print_manual_key(FILE *out, const struct key *k)
{
	char missing[200];

	format_missing_choices(missing, sizeof(missing), k);
	fprintf(out, ".It Ic %s No = ", k->name);
	if (k->choice != NULL)
		print_choices(out, k);
	else
		fprintf(out, "Ar %s", placeholders[k->kind]);
	fputc('\n', out);
	print_sentences(out, k->meaning);
	if (k->missing)
		fputs("Not available in this version.\n", out);
	else if (*missing != '\0')
		print_sentences(out, missing);
	if (k->unlimited && (k->standard == NULL || strcmp(k->standard, "unlimited") != 0))
		fputs("May be\n.Cm unlimited .\n", out);
	if (k->automatic)
		fputs("May be\n.Cm auto .\n", out);
	print_manual_range(out, k);
	if (k->section >= KEY_GENERAL && k->section <= KEY_FILTER && k->guard == KEY_GUARD_SERVICE)
		fputs("Operators of the service alone may set it by command.\n", out);
	if (k->guard == KEY_GUARD_RANGE)
		fputs("Operators of the virtual server may set it by command within\n.Ic operator-listen\n"
		    "of\n.Cm [service] .\n", out);
	if (k->ceiling != NULL)
		fprintf(out, "Operators of the virtual server may set it by command up to\n.Ic %s\nof\n"
		    ".Cm [service] .\n", k->ceiling);
	if (k->derived != NULL)
		fprintf(out, "Default: %s.\n", k->derived);
	else if (k->standard != NULL)
		fprintf(out, "Default:\n.Cm \\&%s .\n", k->standard);
}

void
key_print_names(FILE *out)
{
	for (size_t i = 0; i < key_rows_count; i++)
		fprintf(out, "%s %s\n", key_section_name(key_rows[i].section), key_rows[i].name);
}

void
key_print_manual(FILE *out, enum key_section section)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < key_rows_count; i++)
		if (key_rows[i].section == section)
			print_manual_key(out, &key_rows[i]);
	fputs(".El\n", out);
}
