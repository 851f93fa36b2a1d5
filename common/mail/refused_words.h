/*
 * refused_words - the line x-refused of an envelope: why a recipient that is in it gets no mail; pure
 *
 *   5.1.1 NAME: words        it stands for a member of a group, which the directory has no address for
 *   5.7.1 : FILTER: words    a mail filter refused it alone, when its file was taken from pickup
 */
#ifndef COMMON_MAIL_REFUSED_WORDS_H
#define COMMON_MAIL_REFUSED_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define REFUSED_WORDS_STATUS 12

/* To be freed. `reply`: the whole one, LF between lines, as "550 5.7.1 words"; "": the filter said none. */
char *refused_words_of_filter(const char *filter, const char *reply);
/* False: it is of a member of a group; else where its words are, and the status (RFC 3463) in `status`. */
bool refused_words_by_filter(const char *refused, char *status, const char **words);

#endif
