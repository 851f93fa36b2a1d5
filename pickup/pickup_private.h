/* pickup_private - the mail filters of the pickup worker, and its events; one block a file */
#ifndef PICKUP_PICKUP_PRIVATE_H
#define PICKUP_PICKUP_PRIVATE_H

#include "pickup/pickup.h"

/* --- pickup_event: what became of a file --- */

void pickup_event_accepted(struct pickup *p, const struct pickup_file *t);
void pickup_event_refused(struct pickup *p, const struct pickup_file *t);
void pickup_event_held(const struct pickup_file *t);		/* by a mail filter */
void pickup_event_discarded(const struct pickup_file *t);	/* the same */

/* --- pickup_filter: what mail filters say of a file --- */

enum pickup_filter_end {
	PICKUP_FILTER_PASSED,	/* the content comes by pickup_filter_piece() now */
	PICKUP_FILTER_REFUSED,	/* detail: why */
	PICKUP_FILTER_LATER,	/* detail: the same; it has waited for a while */
	PICKUP_FILTER_DISCARDED,
	PICKUP_FILTER_FAILED,	/* error and doing: of the scratch file, or of this file */
};
struct pickup_filters;
/* NULL: this virtual server has none for pickup. `judged` is called once for each file, later. */
struct pickup_filters *pickup_filter_list_new(struct pickup *p,
    void (*judged)(struct pickup_file *t, enum pickup_filter_end end));
void pickup_filter_list_free(struct pickup_filters *fs);	/* after all files; NULL is fine */
void pickup_filter_list_channel(struct pickup_filters *fs, int fd);	/* takes over `fd` */
void pickup_filter_list_hurry(struct pickup_filters *fs);	/* what waits is put back; NULL is fine */
void pickup_filter_begin(struct pickup_filters *fs, struct pickup_file *t);
/* As pickup_file_piece; on a pool thread. */
void pickup_filter_piece(struct pickup_file *t);
/* Its answer is none (EBADMSG): PICKUP_FILTER_LATER, or REFUSED after so many tries. */
enum pickup_filter_end pickup_filter_bad(struct pickup_file *t);
bool pickup_filter_is_held(const struct pickup_filter *f);
const char *pickup_filter_name(const struct pickup_filter *f);	/* which decided; "" none */
const char *pickup_filter_words(const struct pickup_filter *f);	/* what it said */
void pickup_filter_free(struct pickup_filter *f);	/* NULL is fine */

#endif
