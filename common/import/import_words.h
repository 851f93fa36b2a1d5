/* import_words - a virtual server of an import as the words of the command create */
#ifndef COMMON_IMPORT_IMPORT_WORDS_H
#define COMMON_IMPORT_IMPORT_WORDS_H

#include <jansson.h>

/*
 * ["create", "-", NAME, "section.key=value", ...] of a judged one: a new list. NULL: it has too much for one
 * command.
 */
json_t *import_words_make(const json_t *server) __attribute__((warn_unused_result));

#endif
