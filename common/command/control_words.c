/*
 * control_words - a command on its way from an operator to control.sock: its words, and where the socket is
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  a word is text that may be shown, without control characters
 * Fails by: false
 */
#include "common/command/control_words.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"

static bool
may_be_shown(const char *word, size_t len)
{
	for (size_t at = 0, n; at < len; at += n)
		if ((n = utf8_take_printable((const unsigned char *)word + at, len - at)) == 0)
			return false;
	return true;
}

bool
control_words_parse(struct control_words *w, const void *data, size_t len)
{
	const char *p = data, *end = p + len;

	w->count = 0;
	if (len == 0 || end[-1] != '\0')
		return false;
	for (; p < end; p += strlen(p) + 1) {
		size_t n = strlen(p);

		if (w->count == CONTROL_WORDS_MAX || n == 0 || n >= CONTROL_WORD_SIZE || !may_be_shown(p, n))
			return false;
		w->word[w->count++] = p;
	}
	return true;
}

char *
control_words_socket(const char *run)
{
	return mem_printf("%s/control.sock", run);
}

char *
control_words_program(const char *config_path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-+";

	if (config_path == NULL)
		return mem_strdup("posternctl");
	return config_path[strspn(config_path, plain)] == '\0' ? mem_printf("posternctl -c %s", config_path) :
	    mem_strdup("posternctl -c FILE");
}
