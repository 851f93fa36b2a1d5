/* payload - strings in what a control message carries */
#ifndef COMMON_PROCESS_PAYLOAD_H
#define COMMON_PROCESS_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

bool payload_is_ended(const char *text, size_t size);	/* by a NUL within `size` */
bool payload_is_text(const char *text, size_t size);	/* the same, with no control bytes before it */

#endif
