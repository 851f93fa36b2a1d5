/*
 * word_order - the name of a virtual server and the verb of a command, in the order that this has; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  either order is understood; words that may be read in their own order stay as they are
 * Fails by: cannot
 */
#include <stdbool.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/posternctl/posternctl.h"

struct order {
	const char *command;
	const char *verbs;		/* that are followed by one word at the most, or by what is no name */
	bool name_first;
	const char *with_object;	/* verbs before "name object"; with one word that is the object */
};

static const struct order orders[] = {
	{ "domain", " list new add set remove rename ", false, "" },
	{ "tls-reports", " list send ", false, "" },
	{ "dkim", " new show check ", false, "" },
	{ "sessions", " terminate ", false, "" },
	{ "certificate", " show served request self-signed install ", true, "" },
	{ "operators", " list ", true, " add remove " },
	{ "viewers", " list ", true, " add remove " },
};

static bool
is_among(const char *list, const char *word)
{
	char whole[40];

	return snprintf(whole, sizeof(whole), " %s ", word) < (int)sizeof(whole) &&
	    strstr(list, whole) != NULL;
}

static bool
is_option(const char *word)
{
	return word[0] == '-';
}

static bool
is_verb(const struct order *o, const char *word)
{
	return is_among(o->verbs, word) || is_among(o->with_object, word);
}

static bool
wants_swap(const struct order *o, const char *const *words, size_t count)
{
	if (!o->name_first)
		return !is_verb(o, words[1]) && is_verb(o, words[2]);
	if (!is_verb(o, words[1]) || is_verb(o, words[2]))
		return false;
	return is_among(o->verbs, words[1]) || (count > 3 && !is_option(words[3]));
}

size_t
word_order_mend(const char **words, size_t count)
{
	if (count < 3 || is_option(words[1]))
		return count;
	for (size_t i = 1; i < 3 && strcmp(words[0], "sessions") == 0; i++)	/* its list has no verb */
		if (strcmp(words[i], "list") == 0) {
			memmove(&words[i], &words[i + 1], (count - i - 1) * sizeof(*words));
			return count - 1;
		}
	for (size_t i = 0; i < nitems_of(orders) && !is_option(words[2]); i++) {
		const char *name = words[1];

		if (strcmp(orders[i].command, words[0]) != 0 || !wants_swap(&orders[i], words, count))
			continue;
		words[1] = words[2];
		words[2] = name;
		return count;
	}
	return count;
}
