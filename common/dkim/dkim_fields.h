/* dkim_fields - which header fields a signature is about, and whose domain it speaks for. Pure */
#ifndef COMMON_DKIM_DKIM_FIELDS_H
#define COMMON_DKIM_DKIM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/mail/idn.h"

#define DKIM_FIELDS_HEADER_MAX (1U << 20)	/* bytes of a header that is signed */
#define DKIM_FIELDS_MAX 1000U			/* fields of it */

struct dkim_fields {
	char domain[IDN_SIZE];	/* of From, in ASCII and lower case */
	struct buf names;	/* "From:From:To:...": those of h= */
	struct buf signed_text;	/* the canonical form of these fields, in that order */
};

/*
 * `header` with the empty line that ends it; `whole`: nothing follows it. 0; or -1 with the reason why this
 * header is not signed, static: words that follow "not signed: ". dkim_fields_done in any case.
 */
int dkim_fields_take(struct dkim_fields *f, const char *header, size_t len, bool whole,
    const char **why) __attribute__((warn_unused_result));
void dkim_fields_done(struct dkim_fields *f);

#endif
