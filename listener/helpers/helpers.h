/*
 * helpers - what the auth helper, the directory helper and the deliver worker are asked; one block a file
 */
#ifndef LISTENER_HELPERS_HELPERS_H
#define LISTENER_HELPERS_HELPERS_H

#include "common/ipc/ctl_client.h"
#include "listener/smtp/smtp.h"

struct auth_in_client_question;
struct loop;
struct msg_auth_in_answer;
struct msg_auth_in_start;
struct msg_auth_in_token;
struct msg_etrn;
struct msg_etrn_answer;
struct msg_spool_answer;
struct recipient_check;
struct recipient_check_state;

/* --- auth_in_client: questions to the auth helper: is this client who it says? --- */

/* `need` is called when a channel is wanted (boot_need). ctl_client_free after all questions. */
struct ctl_client *auth_in_client_new(struct loop *loop, void (*need)(void *arg), void *arg);
/*
 * `done` is called once for the start and once for each step, later, unless it is cancelled. After any result
 * but AUTH_IN_CHALLENGE the question is no more.
 */
struct auth_in_client_question *auth_in_client_start(struct ctl_client *k,
    const struct msg_auth_in_start *start, void (*done)(void *arg, const struct msg_auth_in_answer *a),
    void *arg);
void auth_in_client_step(struct auth_in_client_question *q, const struct msg_auth_in_token *t);
void auth_in_client_cancel(struct auth_in_client_question *q);	/* nothing follows; NULL is fine */

/* --- recipient_check: whether a local recipient is in the directory --- */

#define RECIPIENT_CHECK_WAIT_MS 3000	/* patience of the directory_client: a RCPT waits no longer */

struct recipient_check *recipient_check_new(struct ctl_client *directory);
void recipient_check_free(struct recipient_check *k);			/* after all states; NULL is fine */
/*
 * `*state`: of this session, NULL at first; recipient_check_forget() frees it. After SESSION_RECIPIENT_WAIT
 * `done` is called, later, once: then the same address is asked again.
 */
enum session_recipient recipient_check_find(struct recipient_check *k, struct recipient_check_state **state,
    const char *address, void (*done)(void *arg), void *arg);
void recipient_check_forget(struct recipient_check_state *st);	/* nothing follows; NULL is fine */

/* --- etrn_client: questions to the deliver worker of this virtual server, for its backlog --- */

/* `need` is called when a channel is wanted (boot_need). ctl_client_free after all questions. */
struct ctl_client *etrn_client_new(struct loop *loop, void (*need)(void *arg), void *arg);
/*
 * `done` is called once, later, unless the question is forgotten (ctl_client_forget); then it is no more.
 * `node`: the first domain. `fd` (-1: none), now the callee's, leads to the deliver worker, which speaks SMTP
 * as a client on it.
 */
struct ctl_client_question *etrn_client_start(struct ctl_client *k, const struct msg_etrn *d,
    void (*done)(void *arg, const struct msg_etrn_answer *a, const char *node, int fd), void *arg);

/* --- spool_client: questions to the pickup worker of this virtual server, which owns the spool --- */

struct spool_client_question;
struct spool_client_ops {
	/* Sends it, under its request number; again when the worker ended. -1: not now */
	int (*send)(struct spool_client_question *q, struct ctl *c);
	/* `m`: for ctl_take_fd() */
	void (*answered)(struct spool_client_question *q, const struct msg_spool_answer *a,
	    const struct ctl_message *m);
	/* The next hop has refused it; NULL: that cannot be. `words`: the reply for the client */
	void (*refused)(struct spool_client_question *q, const char *words);
	/* There will be no answer. None of these is called from inside ctl_client_ask() */
	void (*failed)(struct spool_client_question *q);
};
/* The first member of a record for one kind of question. */
struct spool_client_question {
	struct ctl_client_question base;
	struct spool_client_ops ops;
};
/* `need` is called when a channel is wanted (boot_need). ctl_client_free after all questions. */
struct ctl_client *spool_client_new(struct loop *loop, void (*need)(void *arg), void *arg);
/* The same for CTL_SPOOL_PUT alone, whose questions have a channel of their own: see msg_spool. */
struct ctl_client *spool_client_channel_new(struct loop *loop, void (*need)(void *arg), void *arg);
/* A record of `size` bytes, zero but for its first member. ctl_client_ask() asks it. */
void *spool_client_add(struct ctl_client *k, size_t size, const struct spool_client_ops *ops);

#endif
