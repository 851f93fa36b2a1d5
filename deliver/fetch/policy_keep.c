/*
 * policy_keep - the file of the policies that were fetched, which the master has opened for us
 *
 * Runs in:  fetch
 * Owns:     its descriptor
 * Promise:  a policy is in the file when policy_keep_add has returned, and is read after a restart; after a
 *           loss of power the latest ones may be missing, and are fetched again. The file is written anew, in
 *           its place, when most of it is of no use: its length never needs to be cut
 * Fails by: an event and a trouble that operators see; the policies of this life count all the same
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define FILE_MAX (64U << 20)
#define SPARE 1000		/* lines of no use that do not matter */

struct policy_keep {
	struct boot *boot;
	int fd;				/* -1: there is none */
	off_t end;			/* of the text; blank lines may follow */
	size_t lines;
	bool asked, troubled;		/* asked for the file */
	bool cut;			/* the last line has no end */
};

struct policy_keep *
policy_keep_new(struct boot *b)
{
	struct policy_keep *k = mem_new(struct policy_keep);

	k->boot = b;
	k->fd = -1;
	return k;
}

void
policy_keep_open(struct policy_keep *k)
{
	if (!k->asked)
		boot_open(k->boot, 0, CTL_FILE_POLICIES, 0, "");
	k->asked = true;
}

void
policy_keep_free(struct policy_keep *k)
{
	if (k->fd != -1)
		close(k->fd);
	free(k);
}

static void
tell(struct policy_keep *k, const char *why)
{
	char *text = why != NULL ? mem_printf("policies are not kept over a restart: %s", why) : NULL;

	if (why != NULL || k->troubled)
		boot_trouble(k->boot, "MTA-STS policies", text != NULL ? text : "");
	if (why != NULL && !k->troubled)
		log_event(LOG_WARN, NULL, "trouble", "what=mta-sts reason=%s", log_safe(text));
	k->troubled = why != NULL;
	free(text);
}

static void
read_lines(struct policy_keep *k, const char *text, size_t len,
    void (*read)(void *arg, const char *domain, struct policy *p), void *arg)
{
	int64_t now = clock_wall_us() / 1000000;

	for (size_t at = 0; at < len;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t size = newline != NULL ? (size_t)(newline - text) - at : len - at;
		char domain[DNS_NAME_SIZE];
		struct policy p;

		if (size > 0) {
			k->lines++;
			k->end = (off_t)(at + size + (newline != NULL));
			k->cut = newline == NULL;
			if (policy_file_parse(&p, domain, text + at, size, now))
				read(arg, domain, &p);
		}
		at += size + 1;
	}
}

void
policy_keep_opened(struct policy_keep *k, const struct ctl_message *m,
    void (*read)(void *arg, const char *domain, struct policy *p), void *arg)
{
	struct ctl_opened opened;
	char *text;
	size_t len;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	k->fd = ctl_take_fd(m);
	if (k->fd == -1) {
		tell(k, opened.why);
		return;
	}
	text = disk_read_whole(k->fd, FILE_MAX, &len);
	if (text == NULL)
		tell(k, strerror(errno));
	else
		read_lines(k, text, len, read, arg);
	free(text);
}

bool
policy_keep_add(struct policy_keep *k, const char *domain, const struct policy *p, size_t live)
{
	struct buf line = BUF_INIT(FILE_MAX);

	if (k->fd == -1)
		return false;
	if (k->cut)
		buf_puts(&line, "\n");
	policy_file_format(&line, domain, p);
	if (disk_pwrite(k->fd, line.data, line.len, k->end) == 0) {
		k->end += (off_t)line.len;
		k->lines++;
		k->cut = false;
		tell(k, NULL);
	} else {
		tell(k, strerror(errno));
	}
	buf_done(&line);
	return k->lines > 2 * live + SPARE || k->end > (off_t)FILE_MAX / 2;
}

/* What was behind the new text becomes blank lines. */
void
policy_keep_replace(struct policy_keep *k, const struct buf *text, size_t live)
{
	size_t old = (size_t)k->end, rest = old > text->len ? old - text->len : 0;
	char *blank = mem_zalloc(rest + 1);

	memset(blank, '\n', rest);
	if (disk_pwrite(k->fd, buf_text(text), text->len, 0) == 0 &&
	    disk_pwrite(k->fd, blank, rest, (off_t)text->len) == 0) {
		k->end = (off_t)text->len;
		k->lines = live;
	} else {
		tell(k, strerror(errno));
	}
	free(blank);
}
