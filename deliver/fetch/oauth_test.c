/*
 * oauth_test - posternctl oauth test: reports each step of getting a token to the master
 *
 * Runs in:  fetch
 * Owns:     a test until its end
 * Promise:  no token and no secret is in the report
 * Fails by: the exit status of the test
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
	(void)!ctl_send(t->fetch->boot->master, CTL_TEST_TEXT, t->request, text, len, -1);
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

	(void)!ctl_send(t->fetch->boot->master, CTL_TEST_END, t->request, &code, sizeof(code), -1);
	free(t);
}

struct oauth_test *
oauth_test_new(struct fetch *f, uint32_t request)
{
	struct oauth_test *t = mem_new(struct oauth_test);

	t->fetch = f;
	t->request = request;
	return t;
}

void
oauth_test_refuse(struct oauth_test *t)
{
	static const char unknown[] = "the fetch helper does not know this profile\n";

	send_text(t, unknown, strlen(unknown));
	oauth_test_end(t, EX_UNAVAILABLE);
}
