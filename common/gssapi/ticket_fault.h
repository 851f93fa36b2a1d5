/* ticket_fault - why there is no ticket, in words that tell what to do */
#ifndef COMMON_GSSAPI_TICKET_FAULT_H
#define COMMON_GSSAPI_TICKET_FAULT_H

#include <stddef.h>
#include <stdint.h>

/* Words for an error of libkrb5; NULL: the library's own must do. */
const char *ticket_fault_words(int32_t code);
/*
 * Why `user` gets no ticket with that keytab ("FILE:...", as libkrb5 names it), after `code`, which libkrb5
 * met. Asks the Kerberos servers when `code` does not tell, and so may block.
 */
void ticket_fault_say(char *dst, size_t size, const char *user, const char *keytab, int32_t code);

#endif
