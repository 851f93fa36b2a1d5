/*
 * complaint - what is wrong with the words of a command, in one line; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  the word that is wrong is named, and what was probably meant
 * Fails by: not at all; a long line is cut
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/config/key.h"
#include "master/posternctl/posternctl.h"

#define FAR 99

void
complaint_unknown(struct buf *why, const char *what, const char *word,
    const char *(*known)(const void *arg, size_t i), const void *arg)
{
	char best[64] = "";
	const char *name;
	unsigned least = FAR;

	for (size_t i = 0; (name = known(arg, i)) != NULL; i++) {
		unsigned d = key_distance(word, name);

		if (d < least) {
			least = d;
			snprintf(best, sizeof(best), "%s", name);
		}
	}
	buf_printf(why, "there is no %s %.60s", what, word);
	if (best[0] != '\0' && least <= (strlen(word) <= 3 ? 1U : 3U))
		buf_printf(why, "; did you mean %s?", best);
}

void
complaint_value(struct buf *why, const char *option, const char *value, const char *wanted)
{
	if (value == NULL)
		buf_printf(why, "%s needs a value: %s", option, wanted);
	else
		buf_printf(why, "%s %.60s: it wants %s", option, value, wanted);
}
