/*
 * options - the long options of a command, in any order, and the names between them
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a word that is not understood is named, with what was probably meant
 * Fails by: EX_USAGE, and it has been said why
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "master/posternctl/posternctl.h"

bool
options_match(const char *const *words, size_t count, const char *option, const char **value, size_t *used)
{
	size_t len = strlen(option);

	if (strncmp(words[0], option, len) != 0 || (words[0][len] != '\0' && words[0][len] != '='))
		return false;
	*value = words[0][len] == '=' ? words[0] + len + 1 : count > 1 ? words[1] : NULL;
	*used = words[0][len] == '=' || count < 2 ? 1 : 2;
	return true;
}

static const char *
option_word(const void *arg, size_t i)
{
	return ((const struct option_row *)arg)[i].word;
}

/* One option: how many words; 0: `why` says what is wrong. */
static size_t
take_option(const char *const *words, size_t count, const struct option_row *o, struct buf *why)
{
	const char *value = NULL;
	size_t used = 1;

	for (; o->word != NULL; o++) {
		if (o->value == NULL && strcmp(words[0], o->word) == 0)
			return *o->set = true;
		if (o->value == NULL || !options_match(words, count, o->word, &value, &used))
			continue;
		if (value == NULL)
			complaint_value(why, o->word, NULL, o->wanted);
		else if (*o->value != NULL)
			buf_printf(why, "%s is given twice", o->word);
		*o->value = value;
		return why->len > 0 ? 0 : used;
	}
	return 0;
}

int
options_take(const struct command *row, const char *const *words, size_t count,
    const struct option_row *options, const char **names, size_t most)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;
	size_t n = 0;

	for (size_t i = 0, used; i < count && why.len == 0; i += used) {
		used = 1;
		if (words[i][0] == '-' && words[i][1] != '\0') {
			used = take_option(words + i, count - i, options, &why);
			if (used == 0 && why.len == 0)
				complaint_unknown(&why, "option", words[i], option_word, options);
		} else if (n < most) {
			names[n++] = words[i];
		} else if (most == 1) {
			buf_printf(&why, "%.60s: %.60s is named already", words[i], names[0]);
		} else {
			buf_printf(&why, "%.60s is one word too many", words[i]);
		}
	}
	if (why.len > 0)
		status = usage_misused(row, &why);
	buf_done(&why);
	return status;
}
