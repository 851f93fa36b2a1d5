/*
 * queue_pause - posternctl queue pause and resume: mail for a recipient domain is not tried for now
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  both are a change of the key delivery.paused, with its judgement, history and undo. Mail of a
 *           domain that is resumed is due at once, also what was deferred before the pause
 * Fails by: an exit status
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/command/msg_queue.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/queues/queues.h"

#define DOMAINS_MAX 16			/* of one command: a selection has room for them */

struct queue_pause {
	bool resumes, dry_run;
	const char *server;			/* NULL: not named */
	const char *domain[DOMAINS_MAX];
	size_t domains;
};

static const struct { const char *verb; bool resumes; } verbs[] = { { "pause", false }, { "resume", true } };

/* The verb is the first word, or stands behind the name of the virtual server. 2: there is none. */
static size_t
find_verb(const char *const *words, size_t count, bool *resumes)
{
	for (size_t at = 0; at < 2 && at < count; at++)
		for (size_t v = 0; v < nitems_of(verbs); v++)
			if (strcmp(words[at], verbs[v].verb) == 0) {
				*resumes = verbs[v].resumes;
				return at;
			}
	return 2;
}

bool
queue_pause_is_meant(const char *const *words, size_t count)
{
	bool resumes;
	size_t at = find_verb(words, count, &resumes);

	/* "list pause": the virtual server may have that name */
	return at == 0 || (at == 1 && msg_queue_find(words[0], MSG_QUEUE_IN_QUEUE) == MSG_QUEUE_VERBS);
}

/* False: `why` says what is wrong. */
static bool
take_words(struct queue_pause *p, const char *const *words, size_t count, struct buf *why)
{
	size_t verb = find_verb(words, count, &p->resumes);

	p->server = verb == 1 ? words[0] : NULL;
	for (size_t i = verb + 1, used; i < count; i += used) {
		const char *value = NULL;

		used = 1;
		if (strcmp(words[i], "--dry-run") == 0) {
			p->dry_run = true;
		} else if (options_match(words + i, count - i, "--domain", &value, &used)) {
			if (value == NULL || *value == '\0' || p->domains == DOMAINS_MAX) {
				complaint_value(why, "--domain", value, "a recipient domain");
				return false;
			}
			p->domain[p->domains++] = value;
		} else if (words[i][0] != '-' && p->server == NULL) {
			p->server = words[i];
		} else {
			buf_printf(why, "%.60s is one word too many", words[i]);
			return false;
		}
	}
	if (p->server == NULL || p->domains == 0)
		buf_puts(why, p->server == NULL ? "say which virtual server" : "say which domain: --domain");
	return p->server != NULL && p->domains > 0;
}

/* As `posternctl set NAME delivery.paused+=DOMAIN` does. */
static int
change_key(const struct command_context *c, const struct command *set, const struct queue_pause *p)
{
	struct buf key = BUF_INIT(CONTROL_WORD_SIZE + 1);	/* what is longer is refused as a word */
	const char *words[] = { p->server, NULL, "--dry-run" };
	int status;

	buf_printf(&key, "delivery.paused%s=", p->resumes ? "-" : "+");
	for (size_t i = 0; i < p->domains; i++)
		buf_printf(&key, "%s%s", i == 0 ? "" : ", ", p->domain[i]);
	words[1] = buf_text(&key);
	status = change_command_run(c, set, words, p->dry_run ? 3 : 2);
	buf_done(&key);
	return status;
}

/* What was deferred before the pause has a time of its own. Without a service there is nothing to ask. */
static int
retry_mail(const struct command_context *c, const struct queue_pause *p)
{
	struct queue_command *q = mem_new(struct queue_command);
	const char *words[2 * DOMAINS_MAX + 3] = { p->server, "retry", "--yes" };
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	char *path = command_send_socket(c);
	size_t n = 3;
	int status = EX_OK;

	for (size_t i = 0; i < p->domains; i++) {
		words[n++] = "--domain";
		words[n++] = p->domain[i];
	}
	if (path != NULL && queue_selection_parse(q, MSG_QUEUE_IN_QUEUE, words, n, &why) == EX_OK)
		status = queue_command_run(q, path);
	free(path);
	buf_done(&why);
	free(q);
	/* no mail of it waits: nothing is wrong */
	return status == CONTROL_CLIENT_NO_SERVICE || status == QUEUE_COMMAND_NONE ? EX_OK : status;
}

int
queue_pause_run(const struct command_context *c, const struct command *row, const struct command *set,
    const char *const *words, size_t count)
{
	struct queue_pause p = { 0 };
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	if (!take_words(&p, words, count, &why))
		status = usage_misused(row, &why);
	buf_done(&why);
	if (status == EX_OK)
		status = change_key(c, set, &p);
	if (status == EX_OK && p.resumes && !p.dry_run)
		status = retry_mail(c, &p);
	return status;
}
