/* notify_words - NOTIFY= of RFC 3461 4.1 as bits. Pure */
#ifndef COMMON_MAIL_NOTIFY_WORDS_H
#define COMMON_MAIL_NOTIFY_WORDS_H

#include <stddef.h>

/* "NEVER" alone, or each of "SUCCESS,FAILURE,DELAY" once at most, in any letter case. 0 or -1. */
int notify_words_parse(unsigned *notify, const char *text, size_t len) __attribute__((warn_unused_result));

#endif
