/*
 * notify_words - NOTIFY= of RFC 3461 4.1 as bits; pure
 *
 * Runs in:  listener, pickup
 * Owns:     nothing
 * Promise:  what is taken is what a host may be sent: never is never beside another word
 * Fails by: -1
 */
#include "common/mail/notify_words.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/message.h"

static const struct { const char *word; unsigned bit; } words[] = {
	{ "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS }, { "failure", NOTIFY_FAILURE },
	{ "delay", NOTIFY_DELAY },
};

/* 0: no word of the table. */
static unsigned
find_bit(const char *text, size_t len)
{
	for (size_t i = 0; i < nitems_of(words); i++)
		if (strlen(words[i].word) == len && strncasecmp(text, words[i].word, len) == 0)
			return words[i].bit;
	return 0;
}

int
notify_words_parse(unsigned *notify, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	unsigned given = 0;

	while (at != NULL) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		unsigned bit = find_bit(at, (size_t)((comma != NULL ? comma : end) - at));

		if (bit == 0 || (given & bit))
			return -1;
		given |= bit;
		at = comma != NULL ? comma + 1 : NULL;
	}
	if ((given & NOTIFY_NEVER) && given != NOTIFY_NEVER)
		return -1;
	*notify = given;
	return 0;
}
