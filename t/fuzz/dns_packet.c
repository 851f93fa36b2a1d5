/* dns_packet - DNS answers; the first byte chooses the type that was asked for */
#include "t/fuzz/fuzz.h"
#include "deliver/resolver/resolver.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_CNAME, DNS_TXT, DNS_TLSA };
	struct msg_dns_answer a = { 0 };

	if (len == 0)
		return 0;
	/* a buffer of its own: reading past its end shows */
	uint8_t *copy = malloc(len);
	memcpy(copy, data, len);
	if (dns_packet_read(&a, types[data[0] % 6], copy + 1, len - 1) == 0) {
		fuzz_check(a.count <= DNS_RECORDS_MAX && (a.count > 0) == (a.result == DNS_FOUND));
		fuzz_check(strnlen(a.canonical, sizeof(a.canonical)) < sizeof(a.canonical));
	}
	free(copy);
	return 0;
}
