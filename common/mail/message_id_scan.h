/* message_id_scan - the Message-ID of a content, found as its bytes come */
#ifndef COMMON_MAIL_MESSAGE_ID_SCAN_H
#define COMMON_MAIL_MESSAGE_ID_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define MESSAGE_ID_SCAN_LINE 400	/* longer ones are cut */

/* Zeroed at first. */
struct message_id_scan {
	size_t seen, len;
	bool over, folded;		/* folded: the value is on the line after the field's name */
	char line[MESSAGE_ID_SCAN_LINE];
	char id[MESSAGE_ID_SCAN_LINE];	/* "<1@a.example>", as it stands there; "": none, or not yet */
};

void message_id_scan_add(struct message_id_scan *h, const char *data, size_t len);

#endif
