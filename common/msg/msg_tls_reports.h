/* msg_tls_reports - posternctl tls-reports: a question to deliver; the answers are CTL_TEST_TEXT, _END */
#ifndef COMMON_MSG_MSG_TLS_REPORTS_H
#define COMMON_MSG_MSG_TLS_REPORTS_H

#include <stdint.h>

enum msg_tls_reports_verb { MSG_TLS_REPORTS_LIST, MSG_TLS_REPORTS_SEND };

struct msg_tls_reports_ask {		/* payload of CTL_TLS_REPORTS */
	uint32_t verb;
	uint32_t from;			/* list: where this page begins; 0 the first one */
};
/*
 * Text: list: a line a domain and day, with tabs: domain, day, state, sessions that went well, sessions that
 * failed, policies with commas, when it is due or was sent, reason; "-" for none. End: list: where the next
 * page begins, 0: this was the last one; send: how many reports are due now; negative: none are made.
 */

#endif
