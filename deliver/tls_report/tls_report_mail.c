/*
 * tls_report_mail - the message that carries a report (RFC 8460 5.3); pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  lines end in CRLF and fit any host. Policies of the domain do not hold it back (TLS-Required:
 *           No), as it may tell that they are wrong
 * Fails by: the buffer's failure
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "deliver/tls_report/tls_report.h"

#define LINE_BYTES 57		/* 76 characters of base64 */

static void
put_head(struct buf *out, const struct tls_report_about *a, const char *to, const char *date)
{
	const char *domain = a->domain->name;

	buf_printf(out,
	    "From: %s\r\nTo: %s\r\nDate: %s\r\n"
	    "Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>\r\n"
	    "Message-ID: <tlsrpt.%s>\r\n"
	    "TLS-Report-Domain: %s\r\nTLS-Report-Submitter: %s\r\n"
	    "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"=_postern_tlsrpt\"\r\n"
	    "\r\n", a->contact, to, date, domain, a->submitter, a->id, a->id, domain, a->submitter);
}

static void
put_words(struct buf *out, const struct tls_report_about *a)
{
	struct tls_sums sums = tls_tally_sums(a->domain);

	buf_printf(out,
	    "--=_postern_tlsrpt\r\nContent-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "This is an aggregate TLS report (RFC 8460) from %s\r\n"
	    "about mail to %s: of %llu sessions %llu have failed.\r\n\r\n", a->submitter, a->domain->name,
	    (unsigned long long)(sums.good + sums.failed), (unsigned long long)sums.failed);
}

void
tls_report_mail(struct buf *out, const struct tls_report_about *a, const char *to, const char *date,
    const struct buf *packed)
{
	long long begin = (long long)a->domain->tally->day * TLS_DAY;
	char line[BASE64_SIZE(LINE_BYTES)];

	put_head(out, a, to, date);
	put_words(out, a);
	buf_printf(out,
	    "--=_postern_tlsrpt\r\nContent-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
	    "\tfilename=\"%s!%s!%lld!%lld.json.gz\"\r\n\r\n", a->submitter, a->domain->name, begin,
	    begin + TLS_DAY - 1);
	for (size_t at = 0; at < packed->len; at += LINE_BYTES) {
		size_t left = packed->len - at;

		base64_encode(line, packed->data + at, left < LINE_BYTES ? left : LINE_BYTES);
		buf_printf(out, "%s\r\n", line);
	}
	buf_puts(out, "--=_postern_tlsrpt--\r\n");
}
