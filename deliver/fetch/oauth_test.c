/*
 * oauth_test - posternctl oauth test: tells the master each step of getting a token
 *
 * Runs in:  fetch
 * Owns:     a trial until its end
 * Promise:  no token and no secret is told
 * Fails by: the exit status of the trial
 */
#include "deliver/fetch/fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"

static void
send_text(const struct oauth_test *t, const char *text, size_t len)
{
	(void)!ctl_send(t->fetch->boot->master, CTL_OAUTH_TEST_TEXT, t->request, text, len, -1);
}

void
oauth_test_say(const struct oauth_test_list *l, const char *fmt, ...)
{
	const struct oauth_test *t;
	char line[1000];
	va_list ap;

	if (STAILQ_EMPTY(l))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	STAILQ_FOREACH(t, l, link)
		if (t->runs)
			send_text(t, line, strlen(line));
}

void
oauth_test_end(struct oauth_test *t, int status)
{
	int32_t code = status;

	(void)!ctl_send(t->fetch->boot->master, CTL_OAUTH_TEST_END, t->request, &code, sizeof(code), -1);
	free(t);
}

void
oauth_test_begin(struct fetch *f, const struct ctl_message *m)
{
	static const char unknown[] = "the fetch helper does not know this profile\n";
	struct oauth_test *t = mem_new(struct oauth_test);
	struct msg_token_trial what;
	struct oauth_profile *p;

	memcpy(&what, m->data, sizeof(what));
	what.profile[sizeof(what.profile) - 1] = '\0';
	t->fetch = f;
	t->request = m->request;
	p = oauth_profile_find(f, what.profile);
	if (p != NULL) {
		oauth_profile_try(p, t);
		return;
	}
	send_text(t, unknown, strlen(unknown));
	oauth_test_end(t, EX_UNAVAILABLE);
}
