/*
 * web_mac - what the secrets of the manager are made of: random bytes, and a MAC that tells at once whether
 * the master made them
 */
#ifndef COMMON_MSG_WEB_MAC_H
#define COMMON_MSG_WEB_MAC_H

#include <stdbool.h>

#include "common/msg/msg_web.h"

#define WEB_MAC_RANDOM_SIZE 16U		/* bytes of a secret in front that are random; the rest is the MAC */

enum web_mac_kind { WEB_MAC_LINK, WEB_MAC_SESSION, WEB_MAC_KINDS };

/* A new secret of that kind. */
void web_mac_make(unsigned char secret[WEB_SECRET_SIZE], enum web_mac_kind kind,
    const unsigned char key[WEB_KEY_SIZE]);
/* Whether it was made with that key. It may be used up, or too old. */
bool web_mac_is_ours(const unsigned char secret[WEB_SECRET_SIZE], enum web_mac_kind kind,
    const unsigned char key[WEB_KEY_SIZE]) __attribute__((warn_unused_result));

#endif
