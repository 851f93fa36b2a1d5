/*
 * check_dkim - the files of dkim-key, and whether each domain has a key for this day, reports too; for
 * posternctl check
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a key that passes signs; changes nothing; key text is erased
 * Fails by: a warning, when this user may not read a file
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/config/config_dkim.h"
#include "common/config/config_report.h"
#include "common/config/key.h"
#include "common/dkim/dkim_key.h"
#include "common/mail/address.h"
#include "master/posternctl/check/check.h"

static void
blame(struct config_faults *faults, const struct config_server *s, bool warning, const char *text)
{
	config_faults_tell(faults, s, KEY_DELIVERY, "dkim-key", warning, text);
}

/* -1: it has been told. */
static int
open_key(struct config_faults *faults, const struct config_server *s, const struct config_dkim *k,
    size_t index)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_DKIM_KEY, .index = (uint32_t)index } };
	int fd = named_file_open(s, &answer);
	char text[CHECK_REFUSED_MAX];
	bool hidden;

	if (fd != -1)
		return fd;
	hidden = check_refused_say(text, sizeof(text), "dkim-key", k->file, &answer);
	blame(faults, s, hidden, text);
	return -1;
}

static void
judge_key(struct config_faults *faults, const struct config_server *s, const struct config_dkim *place,
    size_t index)
{
	int fd = open_key(faults, s, place, index);
	struct buf why = BUF_INIT(600);
	struct dkim_key key;
	size_t len;
	char *text = NULL;

	if (fd == -1)
		return;
	buf_printf(&why, "dkim-key %s ", place->file);
	if ((text = disk_read_whole(fd, DKIM_KEY_FILE_MAX, &len)) == NULL) {
		buf_puts(&why, strerror(errno));
		blame(faults, s, false, buf_text(&why));
	} else if (dkim_key_read(&key, text, len, &why) == -1) {
		blame(faults, s, false, buf_text(&why));
	} else {
		if (key.kind == DKIM_KEY_RSA && key.bits < DKIM_KEY_BITS_GOOD) {
			buf_printf(&why, "is an RSA key of %d bits; 2048 are good", key.bits);
			blame(faults, s, true, buf_text(&why));
		}
		dkim_key_done(&key);
	}
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	buf_done(&why);
	close(fd);
}

/* Whether a key of that very domain is for this day, or stands before `index`: each is told once. */
static bool
is_covered(const struct config_server *s, const char *domain, size_t index, int64_t now)
{
	struct config_dkim k;

	for (size_t i = 0; config_dkim_at(&k, s, i); i++)
		if (strcmp(k.domain, domain) == 0 && (i < index || config_dkim_is_valid(&k, now)))
			return true;
	return false;
}

/* Receivers ignore reports about TLS that come by mail without a signature (RFC 8460 3). */
static void
judge_reports(struct config_faults *faults, const struct config_server *s)
{
	char contact[ADDRESS_MAX + 1], text[800];
	const char *domain;
	struct config_dkim k;

	if (!s->tls_reports)
		return;
	config_report_contact(contact, sizeof(contact), s);
	domain = strrchr(contact, '@') != NULL ? strrchr(contact, '@') + 1 : contact;
	for (size_t i = 0; config_dkim_at(&k, s, i); i++) {
		size_t len = strlen(domain), tail = strlen(k.domain);

		if (len >= tail && strcasecmp(domain + len - tail, k.domain) == 0 &&
		    (len == tail || domain[len - tail - 1] == '.'))
			return;
	}
	snprintf(text, sizeof(text),
	    "tls-reports is on, and dkim-key has no key of %.250s: receivers ignore reports by mail "
	    "without a signature", domain);
	blame(faults, s, true, text);
}

void
check_dkim_files(const struct config_server *s, struct config_faults *faults)
{
	int64_t now = clock_wall_us() / 1000000;
	struct config_dkim k;
	char text[400];

	for (size_t i = 0; config_dkim_at(&k, s, i); i++) {
		judge_key(faults, s, &k, i);
		if (is_covered(s, k.domain, i, now))
			continue;
		snprintf(text, sizeof(text), "dkim-key has no key of %.250s for this day: mail goes unsigned",
		    k.domain);
		blame(faults, s, true, text);
	}
	judge_reports(faults, s);
}
