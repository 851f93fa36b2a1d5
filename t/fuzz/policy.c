/* policy - MTA-STS: policies of web servers, TXT records of name servers, lines of our own file */
#include <string.h>

#include "t/fuzz/fuzz.h"
#include "deliver/fetch/fetch.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char domain[DNS_NAME_SIZE], why[128];
	struct policy p;

	/* a buffer of its own: reading past its end shows */
	char *copy = malloc(len > 0 ? len : 1);
	memcpy(copy, data, len);
	if (policy_text_read(&p, copy, len, why, sizeof(why))) {
		fuzz_check(p.mx != NULL && (p.mode == POLICY_NONE || p.mx[0] != '\0'));
		fuzz_check(p.mode <= POLICY_ENFORCE && strlen(p.mx) < POLICY_MX_MAX);
		for (const char *c = p.mx; *c != '\0'; c++)
			fuzz_check(*c >= ' ' && *c < 0x7f);
		free(p.mx);
	} else {
		fuzz_check(p.mx == NULL);
	}
	if (policy_file_parse(&p, domain, copy, len, 1000)) {
		fuzz_check(p.fetched >= 0 && (p.fetched > 1000 || p.fetched + p.max_age > 1000));
		free(p.mx);
	}
	free(copy);
	return 0;
}
