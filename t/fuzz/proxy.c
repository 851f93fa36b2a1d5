/* proxy - headers of the PROXY protocol, whole and byte by byte: the same end and the same addresses */
#include "listener/accept/accept.h"
#include "t/fuzz/fuzz.h"

static size_t
take(struct proxy *p, const char *data, size_t len, size_t step)
{
	size_t at = 0;

	proxy_init(p);
	while (at < len && p->state == PROXY_MORE) {
		size_t n = step < len - at ? step : len - at, used = proxy_take(p, data + at, n);

		fuzz_check(used <= n && (used == n || p->state != PROXY_MORE));
		at += used;
	}
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct proxy whole, bytes;
	char *copy = malloc(len + 1);

	memcpy(copy, data, len);
	size_t used = take(&whole, copy, len, len), used_bytes = take(&bytes, copy, len, 1);
	fuzz_check(whole.state == bytes.state);
	if (whole.state == PROXY_CLIENT) {
		fuzz_check(used == used_bytes && memcmp(&whole.from, &bytes.from, sizeof(whole.from)) == 0);
		fuzz_check(memcmp(&whole.to, &bytes.to, sizeof(whole.to)) == 0);
		fuzz_check(whole.from.sa.sa_family == AF_INET || whole.from.sa.sa_family == AF_INET6);
	}
	fuzz_check(whole.state != PROXY_BAD || whole.why != NULL);
	free(copy);
	return 0;
}
