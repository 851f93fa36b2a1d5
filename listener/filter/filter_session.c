/*
 * filter_session - one session of a listener, or one file of pickup: the filters in the order of the
 * configuration
 *
 * Runs in:  filter
 * Owns:     its links, what was said in each stage, the message with its scratch file
 * Promise:  each question has one answer: the first verdict that is not "go on", else that. Each filter sees
 *           what those before it made of the message
 * Fails by: FILTER_LATER with a reason
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

/* A body that a filter writes may be so large where the virtual server has no limit. */
#define BODY_MAX (1024ULL * 1024 * 1024)

static bool
sees(const struct config_filter *c, enum msg_filter_source source)
{
	return c->sources & (source == FILTER_PICKUP ? CONFIG_FILTER_PICKUP : CONFIG_FILTER_SMTP);
}

static void go_on(struct filter_session *s);

struct filter_session *
filter_session_new(struct filter *f, const struct config_server *server, enum msg_filter_source source)
{
	struct filter_session *s = mem_new(struct filter_session);

	s->filter = f;
	s->server = server;
	s->source = source;
	s->link = mem_zalloc((server->nfilter + 1) * sizeof(*s->link));
	for (size_t i = 0; i < server->nfilter; i++)
		if (sees(&server->filter[i], source))
			filter_link_init(&s->link[s->nlink++], s,
			    filter_known_find(f, server, &server->filter[i]), go_on);
	TAILQ_INSERT_TAIL(&f->sessions, s, all);
	return s;
}

void
filter_session_free(struct filter_session *s)
{
	struct filter *f = s->filter;

	for (size_t i = 0; i < s->nlink; i++)
		filter_link_done(&s->link[i]);
	ctl_server_close(&s->open);
	filter_message_free(s->message);
	filter_macros_done(&s->macros);
	for (size_t i = 0; i < FILTER_STAGES; i++) {
		free(s->words[i].first);
		free(s->words[i].second);
	}
	TAILQ_REMOVE(&f->sessions, s, all);
	free(s->link);
	free(s);
	if (f->ending && TAILQ_EMPTY(&f->sessions))
		loop_timer_set(f->end, 0);
}

/* --- answers --- */

static void
send_answer(struct filter_session *s, struct msg_filter_answer *a)
{
	s->asked = false;
	a->text_len = (uint16_t)strlen(a->text);
	filter_message_free(s->message);
	s->message = NULL;
	if (s->open.server != NULL)
		ctl_server_answer(s->open.server, CTL_FILTER_ANSWER, s->open.request, a,
		    msg_filter_answer_size(a), -1);
}

static void
answer_trouble(struct filter_session *s, const char *filter, const char *why)
{
	struct msg_filter_answer a = { .verdict = FILTER_LATER, .flags = FILTER_TROUBLE };

	snprintf(a.filter, sizeof(a.filter), "%s", filter);
	snprintf(a.text, sizeof(a.text), "%s", why);
	send_answer(s, &a);
}

/* Of the filter that decided. */
static void
answer_verdict(struct filter_session *s, const struct filter_link *l)
{
	struct msg_filter_answer a = { .verdict = (uint8_t)l->verdict,
	    .flags = l->failed ? FILTER_TROUBLE : 0 };

	snprintf(a.filter, sizeof(a.filter), "%s", l->known->config->name);
	if (l->failed || l->verdict == FILTER_REPLY)
		snprintf(a.text, sizeof(a.text), "%s", l->text);
	send_answer(s, &a);
}

static void
answer_go_on(struct filter_session *s)
{
	struct msg_filter_answer a = { .verdict = FILTER_GO_ON };

	if (s->stage == FILTER_CONTENT && filter_message_finish(s->message, &a) == -1)
		answer_trouble(s, "", strerror(errno));
	else
		send_answer(s, &a);
}

/* From the link whose turn it is on, until one has to be waited for. */
static void
ask_links(struct filter_session *s)
{
	while (s->turn < s->nlink) {
		struct filter_link *l = &s->link[s->turn];

		if (!filter_link_ask(l, s->stage))
			return;
		if (l->verdict != FILTER_GO_ON) {
			answer_verdict(s, l);
			return;
		}
		s->turn++;
	}
	answer_go_on(s);
}

/* The link whose turn it is has done its stage. */
static void
go_on(struct filter_session *s)
{
	struct filter_link *l = &s->link[s->turn];

	if (!s->asked || s->turn >= s->nlink)
		return;
	if (l->verdict != FILTER_GO_ON) {
		answer_verdict(s, l);
		return;
	}
	s->turn++;
	ask_links(s);
}

/* --- questions --- */

static void
replace(char **text, const char *with)
{
	free(*text);
	*text = mem_strdup(with);
}

/* Whether MAIL had that parameter. */
static bool
mail_says(const struct filter_session *s, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = s->words[FILTER_MAIL].second; p != NULL && *p != '\0'; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strncasecmp(p, word, len) == 0 && (p[len] == ' ' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* False: the file is none. A header that is too large is answered. */
static bool
open_message(struct filter_session *s, const struct msg_filter_ask *ask, int fd)
{
	struct msg_filter_answer a = { .verdict = FILTER_REPLY,
	    .text = "552 5.3.4 The header of the message is too large" };
	uint64_t most = s->server->max_message_size;
	const struct filter_message_rules rules = { most == 0 || most > BODY_MAX ? BODY_MAX : most,
	    s->server->default_domain->name, s->source == FILTER_PICKUP || mail_says(s, "SMTPUTF8"),
	    mail_says(s, "BODY=BINARYMIME") };

	if (fd == -1)
		return false;
	s->message = filter_message_open(fd, ask->size, &rules);
	if (s->message == NULL && errno == EFBIG)
		send_answer(s, &a);
	else if (s->message == NULL && errno != EINVAL)
		answer_trouble(s, "", "the scratch file cannot be read");
	return s->message != NULL || !s->asked;
}

static void
reset_links(struct filter_session *s)
{
	for (size_t i = 0; i < s->nlink; i++)
		filter_link_reset(&s->link[i]);
}

bool
filter_session_ask(struct filter_session *s, const struct msg_filter_ask *ask, int fd)
{
	const char *first = msg_filter_ask_next(ask, NULL);

	if (s->asked || ask->source != s->source) {
		if (fd != -1)
			close(fd);
		return false;
	}
	s->stage = (enum msg_filter_stage)ask->stage;
	s->asked = s->said[s->stage] = true;
	s->turn = 0;
	filter_macros_take(&s->macros, ask);
	replace(&s->words[s->stage].first, first);
	replace(&s->words[s->stage].second, msg_filter_ask_next(ask, first));
	if (s->stage == FILTER_CONNECT) {
		s->family = ask->family;
		s->port = ask->port;
	}
	if (s->stage == FILTER_CONTENT) {
		if (!open_message(s, ask, fd))
			return false;
		if (!s->asked)
			return true;
	} else if (fd != -1) {
		close(fd);
		return false;
	}
	if (s->stage == FILTER_RESET)
		reset_links(s);
	if (s->stage == FILTER_RESET)
		answer_go_on(s);
	else
		ask_links(s);
	return true;
}
