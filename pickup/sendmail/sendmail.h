/* sendmail - private header of postern-sendmail, the command sendmail(1); one block a file, alphabetical */
#ifndef PICKUP_SENDMAIL_SENDMAIL_H
#define PICKUP_SENDMAIL_SENDMAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/mail/message.h"
#include "common/mail/pickup_form.h"

struct config;
struct config_server;

/* --- sendmail_ask: questions that posternctl answers --- */

/* Becomes `posternctl [-c config] queue list`, as the user that called. Returns only a failure. */
int sendmail_ask_list(const char *config);
int sendmail_ask_retry(const char *config);

/* --- sendmail_input: the bytes of the message as lines that end in LF. Pure --- */

/* Zeroed at first, but for `keep_dots`: else a line of one dot ends the message. */
struct sendmail_input {
	bool keep_dots;
	bool ended;
	bool in_line, dot;	/* private: inside a line; it is one dot so far */
	unsigned crs;
};
/* CRLF, LF and bare CR end a line; NUL bytes, which no host takes, are left out. */
void sendmail_input_add(struct sendmail_input *i, const char *in, size_t len, struct buf *out);
void sendmail_input_end(struct sendmail_input *i, struct buf *out);

/* --- sendmail_letter: what is put before the message. Pure --- */

struct sendmail_letter {
	const char *sender;		/* "a@b", "a", "" null sender */
	const char *name;		/* of the person, for From; "" none */
	const char *domain;		/* completes the address in From */
	const char *const *arg;		/* recipients on the command line */
	size_t nargs;
	bool from_header;		/* -t */
	unsigned notify;
	enum message_ret ret;
	const char *envid;		/* valid xtext; NULL not given */
};
/*
 * Appends the envelope lines and what is missing of the header. `data` begins with the whole header (`whole`:
 * it is all of the message); *skip: bytes of it that are not sent. EX_OK, or an exit status that was said.
 */
int sendmail_letter_format(const struct sendmail_letter *l, const char *data, size_t len, bool whole,
    struct buf *out, size_t *skip) __attribute__((warn_unused_result));

/* --- sendmail_options: the command line --- */

enum sendmail_mode { SENDMAIL_SEND, SENDMAIL_LIST, SENDMAIL_ALIASES, SENDMAIL_RETRY, SENDMAIL_SESSION };
struct sendmail_options {
	enum sendmail_mode mode;
	bool keep_dots, from_header;
	const char *sender;		/* NULL: the user */
	const char *name;		/* NULL: that of the user */
	const char *config;		/* NULL: the one of the installation */
	const char *envid;
	unsigned notify;
	enum message_ret ret;
	char **arg;
	size_t nargs;
};
/* EX_OK, or an exit status that was said. */
int sendmail_options_read(struct sendmail_options *o, int argc, char **argv)
	__attribute__((warn_unused_result));

/* --- sendmail_place: which virtual server --- */

/* The server of [service] sendmail in *config, which the caller frees. EX_OK, or a status that was said. */
int sendmail_place_find(const char *path, struct config **config,
    const struct config_server **server) __attribute__((warn_unused_result));

/* --- sendmail_post: the file in pickup --- */

struct sendmail_post {
	int folder, fd;			/* -1 none */
	uint64_t size, most;
	const struct config_server *server;
	char temp[64], name[64];
};
/* EX_OK, or a status that was said. Opens the folder, and makes a file that pickup does not take yet. */
int sendmail_post_begin(struct sendmail_post *p,
    const struct config_server *server) __attribute__((warn_unused_result));
int sendmail_post_write(struct sendmail_post *p, const void *data,
    size_t len) __attribute__((warn_unused_result));
/* Synced, and under a name that pickup takes. After EX_OK it is never lost. */
int sendmail_post_commit(struct sendmail_post *p) __attribute__((warn_unused_result));
void sendmail_post_done(struct sendmail_post *p);	/* removes what was not committed; closes */

/* --- sendmail_say: what the caller is told --- */

/* "sendmail: words" on the standard error output; returns `status`, which it is for. */
int sendmail_say(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- sendmail_session: -bs --- */

/* Joins standard input and output with a listener of that server. */
int sendmail_session_run(const struct config_server *server);

#endif
