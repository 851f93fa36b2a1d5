/*
 * sendmail_options - the command line of sendmail(1), mailq(1) and newaliases(1)
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  an option either does what callers expect of it, or is known to make no difference here, or is
 *           refused: none is passed over because it is not known
 * Fails by: EX_USAGE, with words
 */
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/mail/notify_words.h"
#include "common/mail/xtext.h"
#include "pickup/sendmail/sendmail.h"

#define LETTERS "+:A:B:b:C:cd::Ee:F:f:Gh:IiL:mN:nO:o:p:q::R:r:tUV:v"

static int
take_body(struct sendmail_options *o, const char *value)
{
	if (strcasecmp(value, "7BIT") == 0 || strcasecmp(value, "8BITMIME") == 0)
		return EX_OK;	/* pickup looks at the bytes themselves */
	return sendmail_say(EX_USAGE, "-B %s: only 7BIT and 8BITMIME are known", value);
}

static int
take_mode(struct sendmail_options *o, const char *value)
{
	static const struct { const char *letter; enum sendmail_mode mode; } rows[] = {
		{ "m", SENDMAIL_SEND }, { "p", SENDMAIL_LIST }, { "i", SENDMAIL_ALIASES },
		{ "s", SENDMAIL_SESSION },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(value, rows[i].letter) == 0) {
			o->mode = rows[i].mode;
			return EX_OK;
		}
	return sendmail_say(EX_USAGE, "-b%s: this command starts no service and tests no address: see "
	    "postern(8) and posternctl(8)", value);
}

static int
take_config(struct sendmail_options *o, const char *value)
{
	o->config = value;
	return EX_OK;
}

static int
take_name(struct sendmail_options *o, const char *value)
{
	o->name = value;
	return EX_OK;
}

static int
take_sender(struct sendmail_options *o, const char *value)
{
	o->sender = value;
	return EX_OK;
}

static int
take_dots(struct sendmail_options *o, const char *value)
{
	o->keep_dots = true;
	return EX_OK;
}

static int
take_header(struct sendmail_options *o, const char *value)
{
	o->from_header = true;
	return EX_OK;
}

static int
take_aliases(struct sendmail_options *o, const char *value)
{
	o->mode = SENDMAIL_ALIASES;
	return EX_OK;
}

static int
take_notify(struct sendmail_options *o, const char *value)
{
	if (notify_words_parse(&o->notify, value, strlen(value)) == 0)
		return EX_OK;
	return sendmail_say(EX_USAGE, "-N %s: never, or some of success, failure, delay", value);
}

static int
take_ret(struct sendmail_options *o, const char *value)
{
	if (strcasecmp(value, "full") == 0)
		o->ret = RET_FULL;
	else if (strcasecmp(value, "hdrs") == 0)
		o->ret = RET_HDRS;
	else
		return sendmail_say(EX_USAGE, "-R %s: full or hdrs", value);
	return EX_OK;
}

static int
take_envid(struct sendmail_options *o, const char *value)
{
	if (strlen(value) > XTEXT_ENVID_MAX || !xtext_is_valid(value, strlen(value)))
		return sendmail_say(EX_USAGE, "-V %s: no envelope id (RFC 3461)", value);
	o->envid = value;
	return EX_OK;
}

/* -oi is -i; what else -o and -O set is about other programs' queues and errors. */
static int
take_set(struct sendmail_options *o, const char *value)
{
	if (strcmp(value, "i") == 0 || strcasecmp(value, "IgnoreDots=true") == 0)
		o->keep_dots = true;
	return EX_OK;
}

static int
take_queue(struct sendmail_options *o, const char *value)
{
	if (value != NULL)
		return sendmail_say(EX_USAGE, "-q%s: the service tries again by itself; posternctl queue "
		    "retry makes some messages due", value);
	o->mode = SENDMAIL_RETRY;
	return EX_OK;
}

/* NULL: makes no difference here. */
static const struct { int letter; int (*take)(struct sendmail_options *o, const char *value); } rows[] = {
	{ 'A', NULL },		/* which configuration of another program */
	{ 'B', take_body },
	{ 'b', take_mode },
	{ 'C', take_config },
	{ 'c', NULL }, { 'd', NULL }, { 'E', NULL },
	{ 'e', NULL },		/* how errors are told: always so that the caller sees them */
	{ 'F', take_name },
	{ 'f', take_sender }, { 'r', take_sender },
	{ 'G', NULL },
	{ 'h', NULL },		/* hops: counted in the header */
	{ 'I', take_aliases },
	{ 'i', take_dots },
	{ 'L', NULL }, { 'm', NULL }, { 'n', NULL },
	{ 'N', take_notify },
	{ 'O', take_set }, { 'o', take_set },
	{ 'p', NULL },
	{ 'q', take_queue },
	{ 'R', take_ret },
	{ 't', take_header },
	{ 'U', NULL },
	{ 'V', take_envid },
	{ 'v', NULL },
};

static int
take_option(struct sendmail_options *o, int letter, const char *value)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (rows[i].letter == letter)
			return rows[i].take != NULL ? rows[i].take(o, value) : EX_OK;
	return sendmail_say(EX_USAGE, "there is no option -%c", letter);
}

static enum sendmail_mode
mode_of_name(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash != NULL ? slash + 1 : program;

	return strcmp(name, "mailq") == 0 ? SENDMAIL_LIST :
	    strcmp(name, "newaliases") == 0 ? SENDMAIL_ALIASES : SENDMAIL_SEND;
}

int
sendmail_options_read(struct sendmail_options *o, int argc, char **argv)
{
	int letter, status = EX_OK;

	*o = (struct sendmail_options){ .mode = argc > 0 ? mode_of_name(argv[0]) : SENDMAIL_SEND };
	opterr = 0;
	while (status == EX_OK && (letter = getopt(argc, argv, LETTERS)) != -1) {
		if (letter == ':')
			status = sendmail_say(EX_USAGE, "-%c needs a value", optopt);
		else if (letter == '?')
			status = sendmail_say(EX_USAGE, "there is no option -%c",
			    optopt > ' ' && optopt <= '~' ? optopt : '?');
		else
			status = take_option(o, letter, optarg);
	}
	if (status == EX_OK && optind < argc) {
		o->arg = argv + optind;
		o->nargs = (size_t)(argc - optind);
	}
	return status;
}
