/* inbound_parts - one connection, as inbound and inbound_ops share it; nobody else includes it */
#ifndef LISTENER_CONNECTION_INBOUND_PARTS_H
#define LISTENER_CONNECTION_INBOUND_PARTS_H

#include "listener/listener.h"

struct inbound {
	TAILQ_ENTRY(inbound) entry;
	struct listener *listener;
	struct conn *conn;		/* NULL: closed, the disk still owes an answer */
	struct session session;
	struct inbound_content receive;
	struct inbound_log record;
	struct auth_in_client_question *question;	/* AUTH under way; NULL: none */
	struct ctl_client_question *claim;	/* ETRN, ATRN under way; NULL: none */
	struct atrn_relay *atrn_relay;	/* turned; NULL: not */
	uint64_t message_since;		/* monotonic ms of DATA */
	uint64_t since, active;		/* monotonic ms of the connection, of the last the client did */
	uint32_t serial;
	uint32_t progress;		/* of the session, when the limit was last set */
	union proxy_address peer, *reached;	/* reached: NULL unless a PROXY header said it */
	struct policy_client client;
	struct rdns_query *query;	/* the client's names are being asked for; NULL: not */
	struct recipient_check_state *seek;	/* a recipient that was asked about; NULL: none was */
	char ip[INET6_ADDRSTRLEN];
};

/* --- inbound_ops --- */

extern const struct session_ops inbound_ops_ops;	/* their `arg` is the struct inbound */
const char *inbound_ops_sender(const struct inbound *c);	/* for events: "<>" the null sender, "-" none */

#endif
