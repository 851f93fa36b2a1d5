/* envelope_change - what a mail filter wants changed in an envelope. Pure */
#ifndef COMMON_MAIL_ENVELOPE_CHANGE_H
#define COMMON_MAIL_ENVELOPE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message.h"

#define ENVELOPE_CHANGES_MAX 1000	/* of one message */

struct address;

/*
 * One record: its address, completed, and in *used where its parameters begin behind record[1]. So the filter
 * helper judges what workers will apply. 0; -1: it is none.
 */
int envelope_change_parse(struct address *a, const char *record, const char *domain,
    size_t *used) __attribute__((warn_unused_result));

/*
 * `text`: records that each end in NUL, "+<recipient> PARAMETERS", "-<recipient>", "=<sender> PARAMETERS", in
 * the order in which they count. Of the parameters NOTIFY of a recipient counts. A bare address is completed
 * with `domain`. `held`: when no recipient would be left, those of before stay, so that what is in quarantine
 * can be released. 0; -1: one of them is none, or adds an address that is not ASCII to a message without
 * MESSAGE_UTF8; those before it are done.
 */
int envelope_change_apply(struct message_envelope *e, const char *text, size_t len, const char *domain,
    bool held) __attribute__((warn_unused_result));

#endif
