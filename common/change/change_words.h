/* change_words - the words of a command as a change: what posternctl sends and the master takes */
#ifndef COMMON_CHANGE_CHANGE_WORDS_H
#define COMMON_CHANGE_CHANGE_WORDS_H

#include "common/change/change.h"

#define CHANGE_WORDS_DRY_RUN "dry-run"

/*
 * Makes the change that the words behind the name of the virtual server say:
 *	set [dry-run] SECTION.KEY=VALUE ...
 *	unset [dry-run] SECTION.KEY ...
 *	domain add|set DOMAIN [dry-run] [KEY=VALUE ...]
 *	domain remove DOMAIN [dry-run]
 *	domain rename DOMAIN NEW-DOMAIN [dry-run]
 * An exit status; c->why.
 */
int change_words_make(struct change *c, const char *command, const char *const *words, size_t count);
/* Whether they ask to show what would happen, and for no more. */
bool change_words_is_dry_run(const char *const *words, size_t count);

#endif
