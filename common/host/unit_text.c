/*
 * unit_text - lines and words of unit files of systemd, as systemd.syntax(7) has them; pure
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  what unit_text_put_path writes, unit_text_word reads as it was
 * Fails by: -1 for a word that it does not understand
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/host/unit_text.h"

#define BLANKS " \t\r"

/* One line as systemd has it: what is continued is joined, comments between the parts are gone. */
static const char *
take_line(const char *text, struct buf *line)
{
	bool more = true;

	buf_clear(line);
	while (more && *text != '\0') {
		size_t len = strcspn(text, "\n");
		const char *first = text + strspn(text, BLANKS);
		bool comment = *first == '#' || *first == ';';

		more = comment ? line->len > 0 : len > 0 && text[len - 1] == '\\';
		if (!comment)
			buf_add(line, text, more ? len - 1 : len);
		if (more && !comment)
			buf_puts(line, " ");
		text += len + (text[len] == '\n');
	}
	return text;
}

/* Cuts blanks at both ends. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	for (len = strlen(text); len > 0 && strchr(BLANKS, text[len - 1]) != NULL; len--)
		text[len - 1] = '\0';
	return text;
}

void
unit_text_each(const char *text, unit_text_line_cb *take, void *arg)
{
	struct buf line = BUF_INIT(strlen(text) + 2);
	char *section = mem_strdup(""), *whole, *value;

	while (*text != '\0') {
		text = take_line(text, &line);
		whole = mem_strdup(buf_text(&line));
		value = trim(whole);
		if (*value == '[' && value[strlen(value) - 1] == ']') {
			value[strlen(value) - 1] = '\0';
			free(section);
			section = mem_strdup(value + 1);
			take(arg, section, "", "");
		} else if (*value != '\0' && (value = strchr(value, '=')) != NULL) {
			*value = '\0';
			take(arg, section, trim(whole), trim(value + 1));
		}
		free(whole);
	}
	free(section);
	buf_done(&line);
}

int
unit_text_word(const char **at, struct buf *word)
{
	const char *s = *at + strspn(*at, BLANKS);
	char quote = '\0';

	buf_clear(word);
	if (*s == '\0')
		return 0;
	for (; *s != '\0' && (quote != '\0' || strchr(BLANKS, *s) == NULL); s++) {
		if (*s == quote) {
			quote = '\0';
			continue;
		}
		if (quote == '\0' && (*s == '"' || *s == '\'')) {
			quote = *s;
			continue;
		}
		if ((*s == '\\' && *++s == '\0') || (*s == '%' && *++s != '%'))
			return -1;
		buf_add(word, s, 1);
	}
	*at = s;
	return quote == '\0' ? 1 : -1;
}

static bool
is_plain(const char *path)
{
	for (const char *s = path; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("\"'\\:;#$", *s) != NULL)
			return false;
	return true;
}

/* A path that systemd takes, and that is one line. */
static bool
is_good(const char *path)
{
	size_t left = strlen(path), used;

	if (*path != '/')
		return false;
	for (const char *part = path; part != NULL; part = strchr(part + 1, '/'))
		if (strncmp(part, "/..", 3) == 0 && (part[3] == '/' || part[3] == '\0'))
			return false;
	for (; left > 0; path += used, left -= used) {
		used = utf8_take((const unsigned char *)path, left, NULL);
		if (used == 0 || (unsigned char)*path < ' ' || *path == 0x7f)
			return false;
	}
	return true;
}

int
unit_text_put_path(struct buf *b, const char *flag, const char *path)
{
	const char *quote = is_plain(path) ? "" : "\"";

	if (!is_good(path))
		return -1;
	buf_printf(b, "%s%s", quote, flag);
	for (; *path != '\0'; path++)
		buf_printf(b, "%s%c", *path == '%' ? "%" : *path == '"' || *path == '\\' ? "\\" : "", *path);
	buf_puts(b, quote);
	return 0;
}
