/*
 * msg_report - reports about TLS between deliver and the fetch helper: sizes and checks; pure
 *
 * Runs in:  deliver, fetch
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings, an https URL of the host that it names,
 *           counts within bounds
 * Fails by: false
 */
#include "common/msg/msg_report.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/net.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_report_ask) <= CTL_PAYLOAD_MAX, "a report fits one message");

size_t
msg_report_ask_size(const struct msg_report_ask *a)
{
	return offsetof(struct msg_report_ask, body) + a->len;
}

/*
 * Behind the scheme comes the host, then that port, a path, a query or nothing. Not "https://host:x@other/",
 * where it is the name of a user.
 */
static bool
is_url_of(const char *url, const char *host, uint16_t port)
{
	size_t scheme = strlen("https://"), len = strlen(host);
	const char *rest;
	char *end;

	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	if (strncasecmp(url, "https://", scheme) != 0 || strncasecmp(url + scheme, host, len) != 0)
		return false;
	rest = url + scheme + len;
	if (*rest != ':')
		return port == 443 && strchr("/?", *rest) != NULL;
	return isdigit((unsigned char)rest[1]) && strtoul(rest + 1, &end, 10) == port &&
	    strchr("/?", *end) != NULL;
}

bool
msg_report_ask_take(struct msg_report_ask *a, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_report_ask, body);

	if (len < fixed || len > sizeof(*a))
		return false;
	memset(a, 0, fixed);
	memcpy(a, data, len);
	return a->len <= REPORT_BODY_MAX && len == fixed + a->len && a->port != 0 && a->addresses > 0 &&
	    a->addresses <= POLICY_ADDRESSES_MAX && ctl_text_is_text(a->url, sizeof(a->url)) &&
	    ctl_text_is_text(a->host, sizeof(a->host)) && net_is_hostname(a->host) &&
	    is_url_of(a->url, a->host, a->port);
}

bool
msg_report_answer_take(struct msg_report_answer *a, const void *data, size_t len)
{
	if (len != sizeof(*a))
		return false;
	memcpy(a, data, len);
	return ctl_text_is_text(a->text, sizeof(a->text));
}
