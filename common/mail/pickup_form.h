/*
 * pickup_form - the lines on top of a pickup file: what programs write there and pickup reads
 *
 * x-sender and x-receiver are those of the original. The others are ours, written by postern-sendmail: names
 * that no other program has as header fields.
 */
#ifndef COMMON_MAIL_PICKUP_FORM_H
#define COMMON_MAIL_PICKUP_FORM_H

#define PICKUP_FORM_SENDER "x-sender"
#define PICKUP_FORM_RECEIVER "x-receiver"
#define PICKUP_FORM_NOTIFY "x-postern-notify"	/* RFC 3461 NOTIFY= of all receivers: "success,failure" */
#define PICKUP_FORM_RET "x-postern-ret"		/* full or hdrs */
#define PICKUP_FORM_ENVID "x-postern-envid"	/* xtext */
/* The first line: what follows is written as it is sent, so that its dots are not doubled. */
#define PICKUP_FORM_WRITER "x-postern-writer"
/*
 * The last of them: an x-receiver behind it is an ordinary field. Without it, content of a stranger could
 * name recipients.
 */
#define PICKUP_FORM_END "x-postern-end"

/* A file that postern-sendmail writes begins so, until it is whole and renamed. */
#define PICKUP_FORM_UNFINISHED ".sendmail-"

#define PICKUP_FORM_FIELDS_MAX (1U << 20)	/* header fields behind the x- lines */
#define PICKUP_FORM_HEADER_MAX (8U << 20)	/* with them */
/* Limits memory; more than the envelope of a queue file can have. */
#define PICKUP_FORM_RECIPIENTS_MAX 200000

#endif
