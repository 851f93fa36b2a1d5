/* ctl_text - checks of strings in control messages */
#ifndef COMMON_IPC_CTL_TEXT_H
#define COMMON_IPC_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool ctl_text_is_ended(const char *text, size_t size);	/* by a NUL within `size` */
bool ctl_text_is_text(const char *text, size_t size);	/* the same, with no control bytes before it */

#endif
