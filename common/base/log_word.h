/* log_word - the words of a line of the event log: "ID key=value key=\"with blanks\"" */
#ifndef COMMON_BASE_LOG_WORD_H
#define COMMON_BASE_LOG_WORD_H

/* The next word, its blanks in quotes included, ended by NUL, and *rest behind it; NULL: the end. */
char *log_word_next(char **rest);
/* Cuts key=value or key="value with blanks" behind the key; the value, still escaped, or NULL. */
char *log_word_value(char *word);

#endif
