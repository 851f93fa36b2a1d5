/* tls_report - reports about TLS: TXT records of name servers, and the file of what was counted */
#include <string.h>

#include "t/fuzz/fuzz.h"
#include "deliver/tls_report/tls_report.h"

static void
read_record(const uint8_t *data, size_t len)
{
	static struct msg_dns_answer answer;
	struct tls_report_record found;
	size_t take = len < DNS_DATA_SIZE - 1 ? len : DNS_DATA_SIZE - 1;

	memset(&answer, 0, sizeof(answer));
	answer.count = 1;
	answer.record[0].len = (uint16_t)take;
	memcpy(answer.record[0].data, data, take);
	if (!tls_report_record_read(&found, &answer))
		return;
	fuzz_check(found.count > 0 || found.why[0] != '\0');
	for (size_t i = 0; i < found.count; i++) {
		const struct tls_report_target *t = &found.target[i];

		for (const char *c = t->text; *c != '\0'; c++)
			fuzz_check(*c > ' ' && *c < 0x7f);
		fuzz_check(t->https ? t->port > 0 && strncasecmp(t->text + 8, t->host, strlen(t->host)) == 0 :
		    strchr(t->text, '@') != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tls_tally_list days;

	read_record(data, len);
	TAILQ_INIT(&days);
	if (tls_tally_file_parse(&days, (const char *)data, len))
		tls_tally_file_done(&days);
	fuzz_check(TAILQ_EMPTY(&days));
	return 0;
}
