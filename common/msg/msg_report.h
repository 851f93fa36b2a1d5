/* msg_report - reports about TLS between deliver and the fetch helper, in the CTL_REPORT_ messages */
#ifndef COMMON_MSG_MSG_REPORT_H
#define COMMON_MSG_MSG_REPORT_H

#include "common/msg/msg_policy.h"

#define REPORT_URL_SIZE 1024
#define REPORT_BODY_MAX 49152		/* bytes of a report as it is sent */
#define REPORT_TEXT_SIZE 256

/* Payload of CTL_REPORT_ASK; only the used part of `body` is sent. */
struct msg_report_ask {
	char url[REPORT_URL_SIZE];	/* https, printable ASCII */
	char host[DNS_NAME_SIZE];	/* of the URL */
	uint16_t port;
	uint16_t len;
	uint8_t addresses;		/* of the host, at least one */
	struct msg_policy_address address[POLICY_ADDRESSES_MAX];
	uint8_t body[REPORT_BODY_MAX];
};

struct msg_report_answer {		/* payload of CTL_REPORT_ANSWER */
	uint16_t status;		/* of HTTP; 0: there was no answer, `text` says why */
	char text[REPORT_TEXT_SIZE];
};

size_t msg_report_ask_size(const struct msg_report_ask *a);
/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_report_ask_take(struct msg_report_ask *a, const void *data, size_t len);
bool msg_report_answer_take(struct msg_report_answer *a, const void *data, size_t len);

#endif
