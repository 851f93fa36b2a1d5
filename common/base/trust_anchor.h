/*
 * trust_anchor - the file of trust anchors for DNSSEC: DS and DNSKEY records in the form of a zone file
 * (RFC 1035 5, RFC 4034), as dns-root-data and unbound-anchor(8) write them
 */
#ifndef COMMON_BASE_TRUST_ANCHOR_H
#define COMMON_BASE_TRUST_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

#define TRUST_ANCHOR_SYSTEM "/usr/share/dns/root.key"
#define TRUST_ANCHOR_FILE_MAX (1U << 20)

/*
 * Pure. Adds each usable record to `records`, one a line; `*root`: there is one of the root. 0; or -1 and why
 * the file may not be used: what a zone without a usable key says would count as unsigned.
 */
int trust_anchor_read(const char *text, size_t len, struct buf *records, bool *root,
    struct buf *why) __attribute__((warn_unused_result));

#endif
