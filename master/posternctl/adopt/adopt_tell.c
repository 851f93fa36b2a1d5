/*
 * adopt_tell - what came by adopt, as events: one a message, so that its history shows it, and one of the
 * command. The delivery process looks for the messages of each part that is told
 *
 * Runs in:  posternctl
 * Owns:     the ids that were not told yet
 * Promise:  the service writes them into its event log; where none runs this process does, as far as the log
 *           is a file or syslog
 * Fails by: saying so once: what was taken is taken
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_file.h"
#include "common/account/login_name.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/spool/spool_list.h"
#include "master/posternctl/adopt/adopt.h"

#define ANSWER_MAX 65536U

/* False: there is no service. */
static bool
send_words(struct adopt_tell *t, const char *const *words, size_t count)
{
	struct buf text = BUF_INIT(ANSWER_MAX);
	int status = command_send_for(t->a->context, "adopted", words, count, &text);

	if (status != EX_OK && status != CONTROL_CLIENT_NO_SERVICE && !t->said) {
		fprintf(stderr, "posternctl: the service was not told what came: %s\n",
		    text.len > 0 ? buf_text(&text) : "it did not answer");
		t->said = true;
	}
	buf_done(&text);
	return status != CONTROL_CLIENT_NO_SERVICE;
}

/* The log of the service that does not run. */
static void
write_event(const struct adopt_tell *t, const char *id, const char *event, const char *text)
{
	const struct config_service *s = &t->a->set.config->service;
	enum log_sink sink = config_service_log_sink(s, false);
	char why[400];
	int fd = -1;

	if (sink == LOG_TO_STDERR || sink == LOG_TO_JSON || (sink == LOG_TO_SYSLOG && !log_syslog_listens()))
		return;
	if (sink == LOG_TO_FILE)
		fd = log_file_open(s->events, (uid_t)-1, (gid_t)-1, why, sizeof(why));
	if (sink == LOG_TO_FILE && fd == -1)
		return;
	log_move(sink, fd);
	log_event(LOG_FACT, id, event, "%s", text);
	log_move(LOG_TO_STDERR, STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static void
write_messages(const struct adopt_tell *t)
{
	for (size_t i = 0; i < t->ids; i++) {
		char *text = mem_printf("server=%s from=%s host=%s", t->a->name, log_safe(t->a->home),
		    log_value(t->a->host));

		write_event(t, t->id[i], "adopted", text);
		free(text);
	}
}

void
adopt_tell_flush(struct adopt_tell *t)
{
	const char *words[ADOPT_TELL_IDS + 5] = { "-", "messages" };
	char *server = mem_printf("server=%s", t->a->name), *from = mem_printf("from=%s", t->a->home),
	    *host = mem_printf("host=%s", t->a->host[0] != '\0' ? t->a->host : "-");
	size_t count = 2;

	words[count++] = server;
	words[count++] = from;
	words[count++] = host;
	for (size_t i = 0; i < t->ids; i++)
		words[count++] = t->id[i];
	if (t->ids > 0 && !send_words(t, words, count))
		write_messages(t);
	t->ids = 0;
	free(server);
	free(from);
	free(host);
}

void
adopt_tell_message(struct adopt_tell *t, const char *id)
{
	memcpy(t->id[t->ids++], id, MESSAGE_ID_SIZE);
	if (t->ids == ADOPT_TELL_IDS)
		adopt_tell_flush(t);
}

void
adopt_tell_end(struct adopt_tell *t, const struct adopt_counts *n, bool good)
{
	const struct adopt *a = t->a;
	char author[LOGIN_NAME_AUTHOR_SIZE];
	char *words[] = { mem_strdup("-"), mem_strdup("home"), mem_printf("server=%s", a->name),
		mem_printf("from=%s", a->home), mem_printf("host=%s", a->host[0] != '\0' ? a->host : "-"),
		mem_printf("action=%s", a->merge ? "merge" : "home"),
		mem_printf("result=%s", good ? "ok" : "failed"), mem_printf("queue=%zu", n->queue),
		mem_printf("held=%zu", n->held), mem_printf("pickup=%zu", n->pickup),
		mem_printf("drop=%zu", n->drop), mem_printf("badmail=%zu", n->badmail),
		mem_printf("known=%zu", n->known) };
	struct buf text = BUF_INIT(8192);

	adopt_tell_flush(t);
	login_name_put_author(author, getuid(), "");
	if (!send_words(t, (const char *const *)words, nitems_of(words))) {
		buf_printf(&text, "server=%s %s command=adopt", a->name, author);
		for (size_t i = 3; i < nitems_of(words); i++) {
			size_t key = strcspn(words[i], "=");

			buf_printf(&text, " %.*s=%s", (int)key, words[i], log_value(words[i] + key + 1));
		}
		write_event(t, NULL, "operator", buf_text(&text));
	}
	buf_done(&text);
	for (size_t i = 0; i < nitems_of(words); i++)
		free(words[i]);
}

struct whole { struct adopt_tell tell; struct adopt_counts n; };

static void
on_message(void *arg, const char *id, bool held)
{
	struct whole *w = arg;

	w->n.queue++;
	w->n.held += held;
	adopt_tell_message(&w->tell, id);
}

void
adopt_tell_whole(const struct adopt *a)
{
	struct whole *w = mem_new(struct whole);

	w->tell.a = a;
	(void)spool_list_queue(a->queue, on_message, w);
	w->n.pickup = spool_list_count(a->pickup, false);
	w->n.drop = spool_list_count(a->drop, false);
	w->n.badmail = spool_list_count(a->badmail, true);
	adopt_tell_end(&w->tell, &w->n, true);
	free(w);
}
