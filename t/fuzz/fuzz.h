/* fuzz - what the targets share: an assertion that fails is a crash */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define fuzz_check(what)                                                                          \
	do {                                                                                      \
		if (!(what)) {                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* session_fixture.h of the unit tests is used here without the check library. */
#define CHECK_MAIN_H
#define ck_assert(what) fuzz_check(what)
#define ck_assert_msg(what, ...) fuzz_check(what)
#define ck_assert_uint_le(a, b) fuzz_check((a) <= (b))
#define ck_assert_uint_lt(a, b) fuzz_check((a) < (b))

#endif
