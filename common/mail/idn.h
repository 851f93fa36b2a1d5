/* idn - domain names in their ASCII form (IDNA 2008, A-labels). Pure */
#ifndef COMMON_MAIL_IDN_H
#define COMMON_MAIL_IDN_H

#include <stdbool.h>

#define IDN_SIZE 256

/* "bücher.example" gives "xn--bcher-kva.example"; ASCII is copied in lower case. False: no valid name. */
bool idn_to_ascii(char out[IDN_SIZE], const char *domain) __attribute__((warn_unused_result));
bool idn_is_ascii(const char *text);
/* All of the address but its domain is ASCII, and the domain has an ASCII form. */
bool idn_has_ascii_form(const char *address);

#endif
