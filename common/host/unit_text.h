/* unit_text - lines and words of unit files of systemd, as systemd.syntax(7) has them. Pure */
#ifndef COMMON_HOST_UNIT_TEXT_H
#define COMMON_HOST_UNIT_TEXT_H

struct buf;

/* `section` without brackets, "" before the first; both texts are good during the call. */
typedef void unit_text_line_cb(void *arg, const char *section, const char *key, const char *value);
/*
 * Each assignment in order; lines that are continued come as one. Calls back a last time for each section
 * that begins, with key "" and value "".
 */
void unit_text_each(const char *text, unit_text_line_cb *take, void *arg);

/*
 * The next word of a value goes to `word`, without quotes, "%%" as "%"; *at is behind it. 1; 0: there is
 * none; -1: it has no end, or a specifier such as %i, which only systemd knows.
 */
int unit_text_word(const char **at, struct buf *word) __attribute__((warn_unused_result));

/*
 * Adds `flag` and the path as one word, quoted where that is necessary. -1: systemd would not take it as it
 * is: not absolute, a part "..", control characters, bytes that are no UTF-8; nothing is added.
 */
int unit_text_put_path(struct buf *b, const char *flag, const char *path) __attribute__((warn_unused_result));

#endif
