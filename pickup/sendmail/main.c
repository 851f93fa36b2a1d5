/*
 * main - postern-sendmail: sendmail(1), mailq(1) and newaliases(1) of this host
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  has a set-gid bit, so it believes nothing of its caller: no environment, and no configuration but
 *           the installed one; with -C it gives the group up first. What ends with 0 is never lost
 * Fails by: a status of sysexits.h, with words on the standard error output
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/standard.h"
#include "common/config/config.h"
#include "common/mail/address.h"
#include "pickup/sendmail/sendmail.h"

/* The header is looked at whole, so that much is read before the file is made. */
#define HEAD_MAX (PICKUP_FORM_FIELDS_MAX + 65536)
#define PIECE 65536

static volatile sig_atomic_t interrupted;
static sigset_t waiting;		/* the signals that are blocked but while input is waited for */

static void
on_signal(int number)
{
	interrupted = 1;
}

/*
 * Signals that end us come only while input is waited for: none is lost between a look at `interrupted` and a
 * read that would wait without end, and none cuts a commit.
 */
static void
set_signals(void)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction end = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < nitems_of(ending); i++) {
		struct sigaction old;

		/* nohup(1) */
		if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(ending[i], &end, NULL);
		sigaddset(&blocked, ending[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &waiting);
	for (size_t i = 0; i < nitems_of(ending); i++)
		sigdelset(&waiting, ending[i]);	/* a parent may have blocked them */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
}

static int
give_up_group(void)
{
	gid_t gid = getgid();

	if (setresgid(gid, gid, gid) == -1)
		return sendmail_say(EX_OSERR, "the group: %s", strerror(errno));
	return EX_OK;
}

/* The name from the kernel's user id, and the person's; never from the environment. */
static void
find_user(char *user, size_t size, char *person, size_t person_size)
{
	const struct passwd *entry = getpwuid(getuid());
	struct address a;

	snprintf(user, size, "uid-%u", (unsigned)getuid());
	snprintf(person, person_size, "%s", "");
	if (entry == NULL || address_parse_mailbox(&a, entry->pw_name, strlen(entry->pw_name),
	    ADDRESS_BARE | ADDRESS_UTF8) == -1)
		return;
	snprintf(user, size, "%s", a.text);
	snprintf(person, person_size, "%.*s", (int)strcspn(entry->pw_gecos, ","), entry->pw_gecos);
	if (strchr(person, '&') != NULL)	/* stands for the name of the account */
		snprintf(person, person_size, "%s", "");
}

/* read(2) of the standard input. */
static ssize_t
wait_and_read(char *piece, size_t size)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return ppoll(&input, 1, NULL, &waiting) == -1 ? -1 : read(STDIN_FILENO, piece, size);
}

/* Reads until `out` has HEAD_MAX bytes or the message ends. */
static int
read_input(struct sendmail_input *in, struct buf *out, size_t most)
{
	char piece[PIECE];

	while (!in->ended && out->len < most) {
		ssize_t n = wait_and_read(piece, sizeof(piece));

		if (interrupted)
			return sendmail_say(EX_TEMPFAIL, "ended by a signal: nothing was sent");
		if (n == -1 && errno != EINTR)
			return sendmail_say(EX_IOERR, "standard input: %s: nothing was sent",
			    strerror(errno));
		if (n == 0)
			sendmail_input_end(in, out);
		if (n > 0)
			sendmail_input_add(in, piece, (size_t)n, out);
	}
	return EX_OK;
}

static int
write_file(struct sendmail_post *post, struct sendmail_input *in, const struct buf *letter, struct buf *text,
    size_t skip)
{
	int status = sendmail_post_write(post, letter->data, letter->len);

	if (status == EX_OK && text->len > skip)
		status = sendmail_post_write(post, text->data + skip, text->len - skip);
	while (status == EX_OK && !in->ended) {
		buf_clear(text);
		status = read_input(in, text, 1);
		if (status == EX_OK && text->len > 0)
			status = sendmail_post_write(post, text->data, text->len);
	}
	return status == EX_OK ? sendmail_post_commit(post) : status;
}

/* -f, or the user; in the form of an envelope. EX_OK or EX_USAGE. */
static int
choose_sender(const struct sendmail_options *o, const char *user, struct address *a)
{
	const char *text = o->sender != NULL ? o->sender : user;

	*a = (struct address){ .at = 0 };
	if (text[0] == '\0' || address_parse_mailbox(a, text, strlen(text),
	    ADDRESS_UTF8 | ADDRESS_BARE | ADDRESS_NULL) == 0)
		return EX_OK;
	return sendmail_say(EX_USAGE, "-f %.100s: not an address", text);
}

static int
send_with(const struct sendmail_options *o, const struct config_server *server, struct buf *text,
    struct buf *letter)
{
	struct sendmail_input in = { .keep_dots = o->keep_dots };
	char user[ADDRESS_MAX + 1], person[128];
	struct sendmail_letter l = { .domain = server->default_domain->name,
	    .arg = (const char *const *)o->arg, .nargs = o->nargs, .from_header = o->from_header,
	    .notify = o->notify, .ret = o->ret, .envid = o->envid };
	struct sendmail_post post;
	struct address sender;
	size_t skip;
	int status;

	find_user(user, sizeof(user), person, sizeof(person));
	status = choose_sender(o, user, &sender);
	if (status == EX_OK)
		status = read_input(&in, text, HEAD_MAX);
	if (status != EX_OK)
		return status;
	l.sender = sender.text;
	l.name = o->name != NULL ? o->name : o->sender == NULL ? person : "";
	status = sendmail_letter_format(&l, buf_text(text), text->len, in.ended, letter, &skip);
	if (status != EX_OK)
		return status;
	status = sendmail_post_begin(&post, server);
	if (status == EX_OK)
		status = write_file(&post, &in, letter, text, skip);
	sendmail_post_done(&post);
	return status;
}

static int
send_message(const struct sendmail_options *o, const struct config_server *server)
{
	struct buf text = BUF_INIT(HEAD_MAX + 2 * PIECE), letter = BUF_INIT(PICKUP_FORM_HEADER_MAX);
	int status;

	set_signals();
	status = send_with(o, server, &text, &letter);
	buf_done(&text);
	buf_done(&letter);
	return status;
}

static int
run_with_server(const struct sendmail_options *o)
{
	const struct config_server *server;
	struct config *config;
	int status = sendmail_place_find(o->config, &config, &server);

	if (status == EX_OK)
		status = o->mode == SENDMAIL_SESSION ? sendmail_session_run(server) : send_message(o, server);
	config_free(config);
	return status;
}

int
main(int argc, char **argv)
{
	struct sendmail_options o;
	int status;

	if (standard_open() == -1)
		return EX_OSERR;
	status = sendmail_options_read(&o, argc, argv);
	log_open("sendmail", "", LOG_TO_STDERR);
	if (status == EX_OK && (o.mode != SENDMAIL_SEND || o.config != NULL))
		status = give_up_group();
	if (status != EX_OK)
		return status;
	switch (o.mode) {
	case SENDMAIL_LIST:
		return sendmail_ask_list(o.config);
	case SENDMAIL_RETRY:
		return sendmail_ask_retry(o.config);
	case SENDMAIL_ALIASES:
		printf("Postern has no file of aliases: nothing to do.\n");
		return EX_OK;
	default:
		return run_with_server(&o);
	}
}
