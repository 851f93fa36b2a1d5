/* msg_hosts - posternctl hosts: what the master asks a deliver worker; the answers are CTL_TEST_TEXT, _END */
#ifndef COMMON_MSG_MSG_HOSTS_H
#define COMMON_MSG_MSG_HOSTS_H

#include <stdint.h>

#define MSG_HOSTS_PATTERN_SIZE 300

enum msg_hosts_verb { MSG_HOSTS_LIST, MSG_HOSTS_RESET, MSG_HOSTS_VERBS };

struct msg_hosts_ask {			/* payload of CTL_HOSTS */
	uint32_t verb;
	uint32_t from;			/* list: where this page begins; 0 the first one */
	char pattern[MSG_HOSTS_PATTERN_SIZE];	/* as in [host PATTERN]; "" all */
};
/*
 * Text: list: a line a host, with tabs: host, account, state, connections, the most of them, messages a
 * minute, seconds of rest, messages so far, time and text of the last "slow down"; "-" for none. End: list:
 * where the next page begins, 0: this was the last one; reset: how many hosts.
 */

#endif
