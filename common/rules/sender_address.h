/* sender_address - the envelope sender in mail to other hosts. Pure */
#ifndef COMMON_RULES_SENDER_ADDRESS_H
#define COMMON_RULES_SENDER_ADDRESS_H

#include <stdbool.h>

#include "common/config/config.h"
#include "common/mail/address.h"

/* Its own address in the directory takes its place (resolve-senders). False for the null sender. */
bool sender_address_is_resolved(const struct config_server *s, const char *sender);
/* Under the masquerade; false: unchanged. */
bool sender_address_mask(const struct config_server *s, const char *sender, char out[ADDRESS_MAX + 1]);

#endif
