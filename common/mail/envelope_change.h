/* envelope_change - what a mail filter wants changed in an envelope. Pure */
#ifndef COMMON_MAIL_ENVELOPE_CHANGE_H
#define COMMON_MAIL_ENVELOPE_CHANGE_H

#include <stddef.h>

#include "common/mail/message.h"

#define ENVELOPE_CHANGES_MAX 1000	/* of one message */

/*
 * `text`: records that each end in NUL, "+<recipient> PARAMETERS", "-<recipient>", "=<sender> PARAMETERS", in
 * the order in which they count. Of the parameters NOTIFY of a recipient counts. A bare address is completed
 * with `domain`. 0; -1: one of them is none, and those before it are done.
 */
int envelope_change_apply(struct message_envelope *e, const char *text, size_t len,
    const char *domain) __attribute__((warn_unused_result));

#endif
