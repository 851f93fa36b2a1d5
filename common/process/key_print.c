/*
 * key_print - the sample INI files and the manual's key lists, made of the key rows
 *
 * Runs in:  the tool that makes the files of etc/
 * Promise:  the sample with its ";" removed in front of keys sets every key to its default
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/process/key.h"

#define COLUMNS 96

static const char *const section_titles[KEY_SECTION_COUNT] = {
	[KEY_SERVICE] = "the service as a whole",
	[KEY_GENERAL] = "who the server is, where it listens, where its folders are",
	[KEY_ACCESS] = "who may connect, and who may relay",
	[KEY_MESSAGES] = "limits of messages, badmail",
	[KEY_DELIVERY] = "how mail leaves",
	[KEY_LDAP] = "recipients from a directory",
	[KEY_SECURITY] = "who may control the server",
	[KEY_DOMAIN] = "one section for each domain that is local, or remote with rules of its own",
};

/* What stands for a value in the manual. */
static const char *const placeholders[KEY_KIND_COUNT] = {
	[KEY_TEXT] = "text", [KEY_PATH] = "path", [KEY_HOST] = "name", [KEY_BOOL] = "yes | no", [KEY_NUMBER] = "number",
	[KEY_SIZE] = "size", [KEY_TIME] = "time", [KEY_TIMES] = "time ...", [KEY_ENUM] = NULL, [KEY_FLAGS] = NULL,
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

/* An empty value of a key without a constant default leaves it unset. */
static void
print_sample_key(FILE *out, const struct key *k)
{
	const char *value = k->standard == NULL && k->kind == KEY_ENUM ? k->choice[0].name : k->standard;
	char text[1000];

	snprintf(text, sizeof(text), "%s%s%s%s", k->meaning, k->derived != NULL ? " Default: " : "", k->derived != NULL ? k->derived : "",
	    k->derived != NULL ? "." : "");
	print_comment(out, text);
	fprintf(out, ";%s =%s%s\n", k->name, value != NULL ? " " : "", value != NULL ? value : "");
}

static bool
section_is_sampled(enum key_section section, bool server)
{
	if ((section == KEY_SERVICE) == server)
		return false;
	for (size_t i = 0; i < key_rows_count; i++)
		if (key_rows[i].section == section && !key_rows[i].missing)
			return true;
	return false;
}

void
key_print_sample(FILE *out, bool server)
{
	print_comment(out, server ? "A virtual server of Postern; its name is the name of this file. See postern.ini(5)." :
	    "Postern, the service as a whole. See postern.ini(5). Each virtual server has a file of its own in servers/. The sections of "
	    "such a file may stand here, too: what they say is then the default for all virtual servers.");
	print_comment(out, "What is commented out is the default. Lists go on in a line with the same key, in a line that starts with a "
	    "blank, or after a comma. A semicolon after a blank starts a comment.");
	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++) {
		if (!section_is_sampled(s, server))
			continue;
		fprintf(out, "\n# ---- %s\n%s%s]\n", section_titles[s], s == KEY_DOMAIN ? ";[" : "[",
		    s == KEY_DOMAIN ? "domain example.com" : key_section_name(s));
		for (size_t i = 0; i < key_rows_count; i++) {
			if (key_rows[i].section != s || key_rows[i].missing)
				continue;
			fputc('\n', out);
			print_sample_key(out, &key_rows[i]);
		}
	}
}

/* Text as mdoc wants it: a new line for each sentence, nothing that looks like a macro. */
static void
print_sentences(FILE *out, const char *text)
{
	bool begin = true;

	for (const char *p = text; *p != '\0'; p++) {
		if (begin && (*p == '.' || *p == '\''))
			fputs("\\&", out);
		begin = *p == '.' && p[1] == ' ';
		if (*p == '\\')
			fputs("\\e", out);
		else
			fputc(*p, out);
		if (begin) {
			fputc('\n', out);
			p++;
		}
	}
	fputc('\n', out);
}

static void
print_choices(FILE *out, const struct key *k)
{
	const char *bar = "";

	for (const struct key_choice *c = k->choice; c->name != NULL; c++) {
		fprintf(out, "%sCm %s", bar, c->name);
		bar = k->kind == KEY_ENUM ? " | " : " , ";
	}
}

static void
print_missing_choices(FILE *out, const struct key *k)
{
	const char *comma = "";

	for (const struct key_choice *c = k->choice; c != NULL && c->name != NULL; c++) {
		if (!c->missing)
			continue;
		fprintf(out, "%s%s", *comma == '\0' ? "Not available in this version: " : comma, c->name);
		comma = ", ";
	}
	fputs(*comma != '\0' ? ".\n" : "", out);
}

static void
print_manual_key(FILE *out, const struct key *k)
{
	fprintf(out, ".It Ic %s Ns = Ns ", k->name);
	if (k->choice != NULL)
		print_choices(out, k);
	else
		fprintf(out, "Ar %s", placeholders[k->kind]);
	fputc('\n', out);
	print_sentences(out, k->meaning);
	if (k->missing)
		fputs("Not available in this version.\n", out);
	else
		print_missing_choices(out, k);
	if (k->unlimited && (k->standard == NULL || strcmp(k->standard, "unlimited") != 0))
		fputs("May be\n.Cm unlimited .\n", out);
	if (k->derived != NULL)
		fprintf(out, "Default: %s.\n", k->derived);
	else if (k->standard != NULL)
		fprintf(out, "Default:\n.Cm \\&%s .\n", k->standard);
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
