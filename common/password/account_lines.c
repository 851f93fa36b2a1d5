/*
 * account_lines - the text of a password file with one account changed; pure
 *
 * Runs in:  posternctl, auth
 * Owns:     nothing
 * Promise:  comments, further fields and bad lines of others stay as they are
 * Fails by: the buffer
 */
#include "common/password/account_lines.h"

#include <string.h>
#include <strings.h>

static bool
is_named(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[0] != '#' && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

bool
account_lines_change(struct buf *out, const char *text, size_t len, const char *name, const char *hash)
{
	bool found = false;

	for (size_t at = 0; at < len;) {
		const char *line = text + at, *lf = memchr(line, '\n', len - at);
		size_t size = lf != NULL ? (size_t)(lf - line) : len - at;

		if (!is_named(line, size, name)) {
			buf_add(out, line, size);
			buf_puts(out, "\n");
		} else {
			if (!found && hash[0] != '\0')
				buf_printf(out, "%s:%s\n", name, hash);
			found = true;
		}
		at += size + 1;
	}
	if (!found && hash[0] != '\0')
		buf_printf(out, "%s:%s\n", name, hash);
	return found;
}
