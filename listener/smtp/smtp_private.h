/* smtp_private - what the files of the dialogue have of each other; one block a file */
#ifndef LISTENER_SMTP_SMTP_PRIVATE_H
#define LISTENER_SMTP_SMTP_PRIVATE_H

#include "listener/smtp/smtp.h"

/* --- bdat: the BDAT command and its chunks; pure --- */

void bdat_command(struct session *s, const char *arg, size_t len);
size_t bdat_content(struct session *s, const char *data, size_t len);	/* in PHASE_CHUNK */
void bdat_say_refusal(struct session *s, enum reply why);
enum reply bdat_refusal(const struct session *s);	/* in PHASE_CHUNK: the reply to come, or REPLY_NONE */

/* --- etrn: ETRN, ATRN and TURN; XEVACUATE; pure --- */

void etrn_command(struct session *s, const char *arg, size_t len);
void etrn_atrn_command(struct session *s, const char *arg, size_t len);	/* also TURN, without argument */
void etrn_answer(struct session *s, const struct msg_etrn_answer *a, const char *node);	/* in PHASE_ETRN */
void etrn_evacuate_command(struct session *s, const char *arg, size_t len);	/* XEVACUATE */
bool etrn_is_offered(const struct session *s);		/* some domain has a backlog */
bool etrn_atrn_is_offered(const struct session *s);	/* and some account may fetch it */

/* --- filter_stage: what mail filters say of the command that runs --- */

enum stage_result { STAGE_PASSED, STAGE_WAITS /* it runs again */, STAGE_REFUSED /* say it */ };
enum stage_result filter_stage_ask(struct session *s, enum msg_filter_stage stage, const char *argument,
    const char *second);
void filter_stage_say(struct session *s, const char *recipient);	/* after STAGE_REFUSED; may be NULL */
void filter_stage_forget(struct session *s);
void filter_stage_keep(struct session *s, const struct msg_filter_answer *a);	/* a copy */

/* --- transaction: MAIL, RCPT, DATA, RSET, and what becomes of the content; the end is for bdat, too --- */

void transaction_mail(struct session *s, const char *arg, size_t len);
void transaction_rcpt(struct session *s, const char *arg, size_t len);
void transaction_data(struct session *s, const char *arg, size_t len);
void transaction_rset(struct session *s, const char *arg, size_t len);
size_t transaction_content(struct session *s, const char *data, size_t len);
void transaction_stored(struct session *s, int error, const char *id);
enum reply transaction_fault(const struct session *s);	/* why the content will be refused; REPLY_NONE */
bool transaction_waits(struct session *s);	/* for the name that the Received field will have */
enum reply transaction_begin(struct session *s);	/* REPLY_NONE, or the refusal (the envelope stays) */
void transaction_sink(void *arg, const char *run, size_t len);	/* data_sink: `arg` is the session */
void transaction_finish(struct session *s);
uint64_t transaction_waste_limit(const struct session *s);	/* so much refused content is read */

#endif
