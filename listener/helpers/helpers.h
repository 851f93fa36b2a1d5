/*
 * helpers - what is asked of the auth helper, the directory helper and the deliver worker; one block a file
 */
#ifndef LISTENER_HELPERS_HELPERS_H
#define LISTENER_HELPERS_HELPERS_H

struct auth_in_client_question;
struct boot;
struct ctl_client;
struct ctl_client_question;
struct inbound;
struct listener;
struct msg_auth_in_start;
struct msg_auth_in_token;
struct msg_etrn;
struct recipient_check;
struct recipient_check_state;

/* --- auth_in_client: questions to the auth helper --- */

struct ctl_client *auth_in_client_new(struct listener *l);	/* ctl_client_free after all questions */
/* inbound_vouched() follows, later, after the start and each step. */
struct auth_in_client_question *auth_in_client_start(struct ctl_client *k, struct inbound *c,
    const struct msg_auth_in_start *start);
void auth_in_client_step(struct auth_in_client_question *q, const struct msg_auth_in_token *t);
void auth_in_client_cancel(struct auth_in_client_question *q);	/* nothing follows; NULL is fine */

/* --- recipient_check: whether a local recipient is in the directory --- */

enum recipient_check_answer {
	RECIPIENT_CHECK_KNOWN,		/* or it cannot be found out now */
	RECIPIENT_CHECK_UNKNOWN,
	RECIPIENT_CHECK_WAIT,		/* inbound_sought() follows: ask again then */
};
struct recipient_check *recipient_check_new(struct boot *b);		/* NULL: no directory is asked */
void recipient_check_free(struct recipient_check *k);			/* after all states; NULL is fine */
void recipient_check_channel(struct recipient_check *k, int fd);	/* to the helper */
/* `*state`: of this session, NULL at first. */
enum recipient_check_answer recipient_check_find(struct recipient_check *k,
    struct recipient_check_state **state, struct inbound *c, const char *address);
void recipient_check_forget(struct recipient_check_state *st);	/* frees; NULL is fine */

/* --- etrn_client: questions to the deliver worker, for mail that it holds --- */

struct ctl_client *etrn_client_new(struct listener *l);
/* inbound_claimed() follows, later, once, unless it is forgotten. */
struct ctl_client_question *etrn_client_start(struct ctl_client *k, struct inbound *c,
    const struct msg_etrn *d);

#endif
