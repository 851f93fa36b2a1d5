/* change_undo - the change that takes another one back */
#ifndef COMMON_CHANGE_CHANGE_UNDO_H
#define COMMON_CHANGE_CHANGE_UNDO_H

#include "common/change/change.h"
#include "common/change/change_history.h"

/* Makes the change that takes `r` back, on its file as it is now. An exit status; c->why. */
int change_undo_make(struct change *c, const struct change_record *r);

#endif
