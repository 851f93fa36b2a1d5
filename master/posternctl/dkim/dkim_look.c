/*
 * dkim_look - a key that signs mail: its file, its days, its record, and what the DNS has
 *
 * Runs in:  posternctl
 * Owns:     struct dkim_shown; text of a key is erased
 * Promise:  what is called good is what verifiers take
 * Fails by: words beside the key
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/dkim/dkim_record.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/dns/dns.h"
#include "master/posternctl/posternctl.h"

#define RECORD_MAX 4096U
#define WORDS_MAX 1000U

const char *const dkim_look_words[] = {
	[DKIM_LOOK_GOOD] = "ok", [DKIM_LOOK_WARNING] = "warning", [DKIM_LOOK_WRONG] = "wrong",
	[DKIM_LOOK_UNKNOWN] = "unknown",
};

char *
dkim_look_path(const char *config_path, const char *domain, const char *selector)
{
	char *config = command_send_absolute(config_path), *slash = strrchr(config, '/'), *path;

	path = mem_printf("%.*s/dkim/%s.%s.key", slash != NULL ? (int)(slash - config) : 0, config, selector,
	    domain);
	free(config);
	return path;
}

static void
read_key(struct dkim_shown *s)
{
	int fd = open(s->place.file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len;
	char *text = fd != -1 ? disk_read_whole(fd, DKIM_KEY_FILE_MAX, &len) : NULL;

	if (text == NULL) {
		s->hidden = errno == EACCES;
		buf_printf(&s->why, "%s: %s%s", s->place.file, strerror(errno),
		    s->hidden ? "; root can look at it" : "");
	} else {
		buf_printf(&s->why, "%s ", s->place.file);
		if (dkim_key_read(&s->key, text, len, &s->why) == 0)
			buf_clear(&s->why);
		explicit_bzero(text, len);
		free(text);
	}
	if (fd != -1)
		close(fd);
}

void
dkim_look_file(struct dkim_shown *s, const struct config_dkim *place)
{
	*s = (struct dkim_shown){ .place = *place, .record = BUF_INIT(RECORD_MAX), .why = BUF_INIT(WORDS_MAX),
	    .name = mem_printf("%s._domainkey.%s", place->selector, place->domain) };
	read_key(s);
	if (s->key.pkey != NULL)
		dkim_key_record(&s->key, &s->record);
}

void
dkim_look_done(struct dkim_shown *s)
{
	dkim_key_done(&s->key);
	buf_done(&s->record);
	buf_done(&s->why);
	free(s->name);
}

static void
put_day(struct buf *out, const char *words, int64_t seconds)
{
	time_t at = (time_t)seconds;
	struct tm day;
	char text[32];

	gmtime_r(&at, &day);
	strftime(text, sizeof(text), "%Y-%m-%d", &day);
	buf_printf(out, "%s%s", words, text);
}

void
dkim_look_days(const struct config_dkim *place, int64_t now, struct buf *out)
{
	if (now < place->from)
		put_day(out, "signs from ", place->from);
	else if (now >= place->until)
		put_day(out, "signed until ", place->until - CONFIG_DKIM_DAY);
	else if (place->until != INT64_MAX)
		put_day(out, "signs until ", place->until - CONFIG_DKIM_DAY);
	else
		buf_puts(out, "signs");
}

/* Several TXT records at the name: verifiers may take any of them (RFC 6376 3.6.2.2). */
static enum dkim_look
compare(const struct dkim_shown *s, const struct dns_answer *a, struct buf *why)
{
	static const enum dkim_look looks[] = { [DKIM_RECORD_GOOD] = DKIM_LOOK_GOOD,
	    [DKIM_RECORD_WARNING] = DKIM_LOOK_WARNING, [DKIM_RECORD_WRONG] = DKIM_LOOK_WRONG };
	enum dkim_look found = DKIM_LOOK_WRONG;

	for (size_t i = 0; i < a->count; i++) {
		struct buf words = BUF_INIT(WORDS_MAX);
		enum dkim_look one = looks[dkim_record_compare(a->record[i], buf_text(&s->record), &words)];

		if (i == 0 || one < found) {
			found = one;
			buf_clear(why);
			buf_puts(why, buf_text(&words));
		}
		buf_done(&words);
	}
	if (a->count > 1 && found < DKIM_LOOK_WRONG) {
		found = DKIM_LOOK_WARNING;
		buf_clear(why);
		buf_puts(why, "the name has several TXT records; receivers may take another one");
	}
	return found;
}

enum dkim_look
dkim_look_dns(const struct dkim_shown *s, const struct config *c, struct buf *why)
{
	struct dns_answer a;
	enum dkim_look found = DKIM_LOOK_UNKNOWN;

	if (s->key.pkey == NULL) {
		buf_puts(why, buf_text(&s->why));
		return s->hidden ? DKIM_LOOK_UNKNOWN : DKIM_LOOK_WRONG;
	}
	dns_ask(&a, c, "TXT", s->name);
	if (a.result == DNS_ASK_FOUND) {
		found = compare(s, &a, why);
	} else if (a.result == DNS_ASK_NONE) {
		found = DKIM_LOOK_WRONG;
		buf_printf(why, "the DNS has no TXT record at %s", s->name);
	} else
		buf_puts(why, buf_text(&a.text));
	dns_ask_done(&a);
	return found;
}

void
dkim_look_zone(const struct dkim_shown *s, struct buf *out)
{
	const char *at = buf_text(&s->record);

	buf_printf(out, "%s. TXT", s->name);
	while (*at != '\0') {
		size_t n = strnlen(at, 255);

		buf_printf(out, " \"%.*s\"", (int)n, at);
		at += n;
	}
}
