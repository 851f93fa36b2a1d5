/*
 * config_ini - one INI file parsed: sections, and key = value entries with their lines
 *
 * Runs in:  every process; master and posternctl on the files, children on the snapshot
 * Owns:     the parsed file until config_ini_done
 * Promise:  inih parses only the lines that this reader gives to it. The library cuts a line at 200 bytes
 *           and takes the rest as a new line, cuts section names at 49, continues after a broken section
 *           heading and reports one error only: so long lines and section headings never reach it
 * Fails by: faults; a file that is no text at all gives one fault and no entries
 */
#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/mail/idn.h"
#include "common/config/config_private.h"
#include "common/config/host_pattern.h"

struct reader {
	struct config_ini *ini;
	struct config_source *source;
	struct config_faults *faults;
	const char *next, *end;		/* what is still to be read */
	unsigned line;
	bool has_key;			/* there is an entry that an indented line can continue */
	bool continued;			/* the present line continues an entry */
	bool skip;			/* the entry was refused, and so are lines that continue it */
	bool pending, called;		/* inih has a line; the handler was called for it */
	char handed[CONFIG_LINE_MAX + 1];
};

static void
add_fault(struct reader *r, const char *text)
{
	config_faults_add(r->faults, r->source, r->line, false, "%s", text);
}

/* Checks that the file is text. The first fault ends it. */
static bool
check_text(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->next, *end = (const unsigned char *)r->end;
	const char *wrong = NULL;
	size_t len;

	for (r->line = 1; p < end && wrong == NULL; p += len) {
		len = utf8_take(p, (size_t)(end - p), NULL);
		if (*p == '\0')
			wrong = "has a NUL byte; the file must be saved as UTF-8 text (not as UTF-16)";
		else if (len == 0)
			wrong = "is not UTF-8; save the file as UTF-8 text";
		else if ((*p < ' ' && *p != '\t' && *p != '\n' && *p != '\r') || *p == 0x7f)
			wrong = "has a control character";
		else if (*p == '\r' && (p + 1 == end || p[1] != '\n'))
			wrong = "has a carriage return without a line feed";
		else if (*p == '\n')
			r->line++;
	}
	if (wrong != NULL)
		add_fault(r, wrong);
	r->line = 0;
	return wrong == NULL;
}

/* [domain NAME]: the name in lower case and ASCII, NULL when it is no domain. */
static char *
heading_domain(const char *name)
{
	const char *why, *star = strncmp(name, "*.", 2) == 0 ? "*." : "";
	char ascii[IDN_SIZE], *copy;

	if (!idn_to_ascii(ascii, name + strlen(star)))
		return NULL;
	copy = mem_printf("%s%s", star, ascii);
	if (key_check_host(strncmp(copy, "*.", 2) == 0 ? copy + 2 : copy, &why) == 0)
		return copy;
	free(copy);
	return NULL;
}

/* "me@example.com", "@example.com", "@*.example.com", "<>": a sender. NULL when it is none. */
static char *
heading_sender(const char *name)
{
	const char *at = strrchr(name, '@');
	char *domain = NULL, *whole = NULL;

	if (strcmp(name, "<>") == 0)
		return mem_strdup(name);
	if (at != NULL && at - name <= 64)
		domain = heading_domain(at + 1);
	if (domain != NULL && (at == name || (*domain != '*' &&
	    strcspn(name, "\"<>()[]\\,;: @") == (size_t)(at - name))))
		whole = mem_printf("%.*s@%s", (int)(at - name), name, domain);
	free(domain);
	for (char *p = whole; p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return whole;
}

/* [oauth NAME]: the name, NULL when it cannot be one. */
static char *
heading_profile(const char *name)
{
	size_t len = strlen(name);
	bool good = len <= CONFIG_NAME_MAX && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;

	return good ? mem_strdup(name) : NULL;
}

static void
fault_unknown_section(struct reader *r, const char *name)
{
	enum key_section best = KEY_SECTION_COUNT;
	unsigned least = 3;

	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++) {
		unsigned d = key_distance(name, key_section_name(s));

		if (d < least) {
			least = d;
			best = s;
		}
	}
	if (best == KEY_SECTION_COUNT)
		config_faults_add(r->faults, r->source, r->line, false, "unknown section [%.60s]", name);
	else
		config_faults_add(r->faults, r->source, r->line, false,
		    "unknown section [%s]; did you mean [%s]?", name, key_section_name(best));
}

/* Whether a known section may be in this file, and is there for the first time. */
static bool
heading_fits(struct reader *r, enum key_section section)
{
	const char *name = key_section_name(section);

	if (key_section_is_global(section) && r->source->server != NULL) {
		config_faults_add(r->faults, r->source, r->line, false, "[%s] belongs in postern.ini", name);
		return false;
	}
	if (key_section_is_named(section) && !key_section_is_global(section) && r->source->server == NULL) {
		config_faults_add(r->faults, r->source, r->line, false,
		    "[%s] belongs in the file of a virtual server", name);
		return false;
	}
	for (size_t i = 0; i < r->ini->nheading && !key_section_is_named(section); i++) {
		if (r->ini->heading[i].section != section)
			continue;
		config_faults_add(r->faults, r->source, r->line, false,
		    "section [%s] is there a second time (first at line %u)", name, r->ini->heading[i].line);
		return false;
	}
	return true;
}

/* Judges the words between the brackets. */
static void
heading_judge(struct reader *r, struct config_heading *h, char *name, char *argument)
{
	enum key_section section = name != NULL ? key_section_find(name) : KEY_SECTION_COUNT;

	if (section == KEY_SECTION_COUNT) {
		fault_unknown_section(r, name != NULL ? name : "");
		return;
	}
	if (!heading_fits(r, section))
		return;
	if (section == KEY_DOMAIN) {
		h->domain = argument == NULL ? NULL : strpbrk(argument, "@<") != NULL ?
		    heading_sender(argument) : heading_domain(argument);
		if (h->domain == NULL) {
			add_fault(r,
			    "must be [domain NAME], NAME a domain like example.com, bücher.example or "
			    "*.example.com, or a sender like me@example.com, @example.com or <>");
			return;
		}
	} else if (section == KEY_REMOTE) {
		h->domain = argument != NULL ? host_pattern_parse(argument) : NULL;
		if (h->domain == NULL) {
			add_fault(r,
			    "must be [host PATTERN], PATTERN a host like mx.example.com or *.example.com, "
			    "an address like 192.0.2.1, a network like 192.0.2.0/24, or * for all");
			return;
		}
	} else if (section == KEY_OAUTH || section == KEY_FILTER) {
		h->domain = argument != NULL ? heading_profile(argument) : NULL;
		if (h->domain == NULL) {
			config_faults_add(r->faults, r->source, r->line, false,
			    "must be [%s NAME], NAME of lower-case letters, digits and hyphens, at "
			    "most 32 of them", name);
			return;
		}
	} else if (argument != NULL) {
		config_faults_add(r->faults, r->source, r->line, false,
		    "must be [%s] and nothing more between the brackets", name);
		return;
	}
	h->section = section;
}

/* A line that starts with [. An unusable one opens a section whose entries are skipped. */
static void
heading_parse(struct reader *r, const char *start, size_t len)
{
	struct config_heading h = { .section = KEY_SECTION_COUNT, .line = r->line };
	char *text = mem_strndup(start + 1, len - 1), *close = strchr(text, ']');
	const char *rest = close != NULL ? close + 1 + strspn(close + 1, " \t") : "";

	if (close == NULL)
		add_fault(r, "the section heading has no closing ]");
	else if (*rest != '\0' && *rest != ';' && *rest != '#')
		add_fault(r, "there is something behind the section heading");
	else {
		char *save = NULL, *name, *argument;

		*close = '\0';
		name = strtok_r(text, " \t", &save);
		argument = strtok_r(NULL, " \t", &save);
		if (strtok_r(NULL, " \t", &save) != NULL)
			add_fault(r, "there are too many words in the section heading");
		else
			heading_judge(r, &h, name, argument);
	}
	free(text);
	r->ini->heading = mem_grow(r->ini->heading, r->ini->nheading, sizeof(h));
	r->ini->heading[r->ini->nheading++] = h;
	r->has_key = r->skip = false;
}

/* What inih gets for a line of `len` bytes: the line, a plain heading, or nothing. */
static const char *
line_for_inih(struct reader *r, const char *line, size_t len, size_t limit)
{
	size_t indent = 0;

	while (indent < len && (line[indent] == ' ' || line[indent] == '\t'))
		indent++;
	if (indent == len || line[indent] == ';' || line[indent] == '#')
		return "";
	r->continued = indent > 0 && r->has_key;
	if (line[indent] == '[' && !r->continued) {
		heading_parse(r, line + indent, len - indent);
		return "[s]";
	}
	if (r->continued && r->skip)
		return "";
	r->skip = true;
	if (r->ini->nheading == 0)
		add_fault(r, "stands before the first [section]");
	else if (len > limit)
		config_faults_add(r->faults, r->source, r->line, false,
		    "is %zu bytes long, at most %zu are taken; a list may go on in a second "
		    "line with the same key, or in a line that starts with a blank", len, limit);
	else
		r->skip = false;
	if (r->skip)
		return "";
	memcpy(r->handed, line, len);
	r->handed[len] = '\0';
	r->pending = true;
	r->called = false;
	return r->handed;
}

/* Ends a line: when inih did not call the handler, it is no entry. */
static void
end_line(struct reader *r)
{
	if (r->pending && !r->called)
		config_faults_add(r->faults, r->source, r->line, false, "\"%.60s\" is no key = value",
		    r->handed + strspn(r->handed, " \t"));
	r->pending = false;
}

static char *
read_line(char *dst, int size, void *user)
{
	struct reader *r = user;
	size_t limit = size - 1 < CONFIG_LINE_MAX ? (size_t)(size - 1) : CONFIG_LINE_MAX;
	const char *text, *line, *eol;
	size_t len;

	end_line(r);
	if (r->next == r->end)
		return NULL;
	line = r->next;
	eol = memchr(line, '\n', (size_t)(r->end - line));
	len = (size_t)((eol != NULL ? eol : r->end) - line);
	r->next = eol != NULL ? eol + 1 : r->end;
	r->line++;
	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
		len--;
	text = line_for_inih(r, line, len, limit);
	memcpy(dst, text, strlen(text) + 1);
	return dst;
}

static int
on_ini_entry(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	struct config_ini *ini = r->ini;

	if (name == NULL)	/* some builds of inih also call at section headings */
		return 1;
	r->called = r->has_key = true;
	if (r->continued)
		name = ini->entry[ini->nentry - 1].name;
	ini->entry = mem_grow(ini->entry, ini->nentry, sizeof(*ini->entry));
	ini->entry[ini->nentry++] = (struct config_entry){
		.heading = ini->nheading - 1, .name = mem_strdup(name), .value = mem_strdup(value),
		.line = r->line, .continued = r->continued,
	};
	return 1;
}

static int
heading_compare(const void *a, const void *b)
{
	const struct config_heading *x = *(struct config_heading *const *)a,
	    *y = *(struct config_heading *const *)b;
	int order = strcmp(x->domain, y->domain);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* Of two sections for one domain or profile the second is a fault and is not used. */
static void
check_names(struct reader *r, enum key_section section)
{
	struct config_ini *ini = r->ini;
	struct config_heading **sorted = mem_array(NULL, ini->nheading + 1, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; i < ini->nheading; i++)
		if (ini->heading[i].section == section)
			sorted[n++] = &ini->heading[i];
	qsort(sorted, n, sizeof(*sorted), heading_compare);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(sorted[i]->domain, sorted[i - 1]->domain) != 0)
			continue;
		config_faults_add(r->faults, r->source, sorted[i]->line, false,
		    "%s %s is there a second time (first at line %u)",
		    key_section_name(section), sorted[i]->domain, sorted[i - 1]->line);
		sorted[i]->section = KEY_SECTION_COUNT;
	}
	free(sorted);
}

void
config_ini_parse(struct config_ini *ini, struct config_source *s, struct config_faults *faults)
{
	struct reader r = { .ini = ini, .source = s, .faults = faults };

	*ini = (struct config_ini){ 0 };
	if (s->text == NULL)
		return;
	r.next = s->text;
	r.end = s->text + s->len;
	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		r.next += 3;
	if (!check_text(&r))
		return;
	/* end_line finds all of its errors */
	(void)ini_parse_stream(read_line, &r, on_ini_entry, &r);
	for (enum key_section section = KEY_SERVICE; section < KEY_SECTION_COUNT; section++)
		if (key_section_is_named(section))
			check_names(&r, section);
}

void
config_ini_done(struct config_ini *ini)
{
	for (size_t i = 0; i < ini->nheading; i++)
		free(ini->heading[i].domain);
	for (size_t i = 0; i < ini->nentry; i++) {
		free(ini->entry[i].name);
		free(ini->entry[i].value);
	}
	free(ini->heading);
	free(ini->entry);
	*ini = (struct config_ini){ 0 };
}
