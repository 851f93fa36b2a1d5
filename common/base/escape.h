/* escape - undoes what log_safe(), msg_queue_put() and the rows of sessions do to bytes that are not shown */
#ifndef COMMON_BASE_ESCAPE_H
#define COMMON_BASE_ESCAPE_H

#include <stddef.h>

/* In place; the length, as there may be a NUL byte now. */
size_t escape_undo(char *text);

#endif
