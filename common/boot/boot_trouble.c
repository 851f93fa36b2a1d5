/*
 * boot_trouble - what a process cannot do now, told to the master for operators: one text for each matter
 *
 * Runs in:  metrics, web, listener, auth, filter, limits, deliver, resolver, directory, fetch,
 *           pickup
 * Owns:     the texts, until the process ends
 * Promise:  the master has all of them, in the order in which they began; one that ends takes no other away
 * Fails by: texts beyond CTL_TROUBLE_MAX are not shown; there are "more"
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"

#define MORE "; more"

struct boot_trouble {
	TAILQ_ENTRY(boot_trouble) link;
	char *about, *text;
};
TAILQ_HEAD(boot_troubles, boot_trouble);

static struct boot_trouble *
find_trouble(const struct boot_troubles *list, const char *about)
{
	struct boot_trouble *t;

	TAILQ_FOREACH(t, list, link)
		if (strcmp(t->about, about) == 0)
			break;
	return t;
}

static void
end_trouble(struct boot_troubles *list, struct boot_trouble *t)
{
	TAILQ_REMOVE(list, t, link);
	free(t->about);
	free(t->text);
	free(t);
}

static void
tell_master(struct boot *b)
{
	struct buf all = BUF_INIT(CTL_TROUBLE_MAX);
	const struct boot_trouble *t;

	TAILQ_FOREACH(t, b->troubles, link) {
		if (all.len + strlen(t->text) + sizeof("; " MORE) > CTL_TROUBLE_MAX) {
			buf_puts(&all, MORE);
			break;
		}
		buf_printf(&all, "%s%s", all.len > 0 ? "; " : "", t->text);
	}
	if (ctl_send(b->master, CTL_TROUBLE, 0, buf_text(&all), all.len, -1) == -1 && errno != EPIPE)
		log_event(LOG_WARN, NULL, "trouble", "doing=control message=%s reason=%s",
		    ctl_name(CTL_TROUBLE), log_safe(strerror(errno)));
	buf_done(&all);
}

void
boot_trouble(struct boot *b, const char *about, const char *text)
{
	struct boot_trouble *t;

	if (b->troubles == NULL) {
		b->troubles = mem_new(struct boot_troubles);
		TAILQ_INIT(b->troubles);
	}
	t = find_trouble(b->troubles, about);
	if (t == NULL ? text[0] == '\0' : strcmp(t->text, text) == 0)
		return;
	if (t == NULL) {
		t = mem_new(struct boot_trouble);
		*t = (struct boot_trouble){ .about = mem_strdup(about), .text = mem_strdup(text) };
		TAILQ_INSERT_TAIL(b->troubles, t, link);
	} else if (text[0] == '\0') {
		end_trouble(b->troubles, t);
	} else {
		free(t->text);
		t->text = mem_strdup(text);
	}
	tell_master(b);
}

void
boot_trouble_done(struct boot *b)
{
	while (b->troubles != NULL && !TAILQ_EMPTY(b->troubles))
		end_trouble(b->troubles, TAILQ_FIRST(b->troubles));
	free(b->troubles);
	b->troubles = NULL;
}
