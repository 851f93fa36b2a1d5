/* word_list - words in one text, as "cpu,cpuacct" or the options of a mount. Pure */
#ifndef COMMON_BASE_WORD_LIST_H
#define COMMON_BASE_WORD_LIST_H

#include <stdbool.h>

/* Whether it has the word; each ends at one of the bytes of `ends`. "data=" is any word that begins so. */
bool word_list_has(const char *list, const char *ends, const char *word);

#endif
