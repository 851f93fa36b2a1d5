/*
 * hosts_command - posternctl hosts: remote hosts with their state and limits; pause, resume, reset
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  pause and resume are a change of the key delivery.paused-hosts, with its judgement, history and
 *           undo; they need no service that runs
 * Fails by: an exit status
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "master/posternctl/change/change.h"

#define HOSTS_MAX 16			/* of one command */

enum verb { VERB_LIST, VERB_RESET, VERB_PAUSE, VERB_RESUME, VERBS };
static const char *const verbs[VERBS] = { "list", "reset", "pause", "resume" };

struct hosts_command {
	enum verb verb;
	bool json, dry_run;
	const char *server;		/* NULL: not named */
	const char *host[HOSTS_MAX];
	size_t hosts;
};

/* The verb is the first word, or stands behind the name of the virtual server. */
static bool
take_verb(struct hosts_command *h, const char *word)
{
	for (enum verb v = 0; v < VERBS; v++)
		if (strcmp(verbs[v], word) == 0) {
			h->verb = v;
			return true;
		}
	return false;
}

static const char *
option_of(const void *arg, size_t i)
{
	static const char *const options[] = { "--json", "--dry-run", NULL };

	(void)arg;
	return options[i];
}

/* False: `why` says what is wrong. */
static bool
take_words(struct hosts_command *h, const char *const *words, size_t count, struct buf *why)
{
	bool has_verb = false;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			h->json = true;
		else if (strcmp(words[i], "--dry-run") == 0)
			h->dry_run = true;
		else if (words[i][0] == '-') {
			complaint_unknown(why, "option", words[i], option_of, NULL);
			return false;
		} else if (!has_verb && h->hosts == 0 && take_verb(h, words[i]))
			has_verb = true;
		else if (h->server == NULL)
			h->server = words[i];
		else if (h->hosts < HOSTS_MAX && *words[i] != '\0')
			h->host[h->hosts++] = words[i];
		else {
			buf_printf(why, "%.60s is one word too many", words[i]);
			return false;
		}
	}
	if (h->server == NULL)
		buf_puts(why, "say which virtual server");
	else if (h->verb != VERB_LIST && h->hosts == 0)
		buf_puts(why, "say which host, as the list shows it, or a pattern as in [host]");
	else if (h->verb < VERB_PAUSE && h->hosts > 1)
		buf_printf(why, "%s takes one host or pattern", verbs[h->verb]);
	return why->len == 0;
}

/* As `posternctl set NAME delivery.paused-hosts+=HOST` does. */
static int
change_key(const struct command_context *c, const struct command *set, const struct hosts_command *h)
{
	struct buf key = BUF_INIT(CONTROL_WORD_SIZE + 1);	/* what is longer is refused as a word */
	const char *words[] = { h->server, NULL, "--dry-run" };
	int status;

	buf_printf(&key, "delivery.paused-hosts%s=", h->verb == VERB_RESUME ? "-" : "+");
	for (size_t i = 0; i < h->hosts; i++)
		buf_printf(&key, "%s%s", i == 0 ? "" : ", ", h->host[i]);
	words[1] = buf_text(&key);
	status = change_command_run(c, set, words, h->dry_run ? 3 : 2);
	buf_done(&key);
	return status;
}

int
hosts_command_run(const struct command_context *c, const struct command *row, const struct command *set,
    const char *const *words, size_t count)
{
	struct hosts_command h = { .verb = VERB_LIST };
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	bool good = take_words(&h, words, count, &why);
	int status = EX_OK;

	if (!good)
		status = usage_misused(row, &why);
	buf_done(&why);
	if (good && h.verb >= VERB_PAUSE)
		return change_key(c, set, &h);
	if (good) {
		const char *all[] = { row->asks, h.server, verbs[h.verb], h.host[0] };

		status = read_command_ask(c, all, h.hosts > 0 ? 4 : 3, h.json);
	}
	return status;
}
