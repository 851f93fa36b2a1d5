/*
 * nodes_quote - words of a command as one text for the login shell of a node; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a POSIX shell makes the same words of it again, whatever bytes they have: no part of a word is
 *           shell text. ssh has no other way to hand words over
 * Fails by: the limit of `text`
 */
#include <string.h>

#include "master/posternctl/nodes/nodes.h"

/* Means itself in every place of a word of every shell. "=" and "~" at the front mean something to some. */
static bool
is_plain(const char *word)
{
	size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-");

	return n > 0 && word[n] == '\0' && word[0] != '=';
}

void
nodes_quote(struct buf *text, const char *word)
{
	if (text->len > 0)
		buf_puts(text, " ");
	if (is_plain(word)) {
		buf_puts(text, word);
		return;
	}
	buf_puts(text, "'");
	for (const char *quote; (quote = strchr(word, '\'')) != NULL; word = quote + 1) {
		buf_add(text, word, (size_t)(quote - word));
		buf_puts(text, "'\\''");
	}
	buf_puts(text, word);
	buf_puts(text, "'");
}
