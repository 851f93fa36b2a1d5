/* change_event - a change as events: one a key */
#ifndef COMMON_CHANGE_CHANGE_EVENT_H
#define COMMON_CHANGE_CHANGE_EVENT_H

#include "common/change/change.h"

/* `author` as "uid=0"; `result`: "written", then "ok", "taken-back" or "failed". */
void change_event_log(const struct change *c, const char *author, const char *command, const char *result);

#endif
