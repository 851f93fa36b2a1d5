/*
 * check_oauth - opens the files that [oauth] profiles name, as the service would, and judges them
 *
 * Runs in:  posternctl; for its command check
 * Owns:     nothing
 * Promise:  says what keeps a file from being used, now or soon; changes nothing; key text is erased
 * Fails by: a warning, when this user may not read a file
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/tls/tls.h"
#include "master/posternctl/check/check.h"


struct named {
	enum ctl_file_kind kind;
	const char *key, *path;
};

struct check {
	const struct config *config;
	const struct config_oauth *profile;
	struct config_faults *faults;
};

__attribute__((format(printf, 4, 5)))
static void
blame_file(const struct check *c, const char *key, bool warning, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_faults_tell_oauth(c->faults, c->config, c->profile, key, warning, text);
}

/* The descriptor; -1: the fault is told, or there is no such file. */
static int
open_file(const struct check *c, enum ctl_file_kind kind, const char *key, const char *path)
{
	struct ctl_opened answer = { .file = { .kind = kind } };
	int fd = path != NULL ? named_file_open_profile(c->profile, &answer) : -1;
	bool hidden;

	if (fd != -1 || path == NULL)
		return fd;
	hidden = answer.error == EACCES && access(path, R_OK) == -1;
	blame_file(c, key, hidden, "%s %s", key, answer.why);
	return -1;
}

static struct tls_text
read_file(const struct check *c, enum ctl_file_kind kind, const char *key, const char *path)
{
	struct tls_text text = { .path = path };
	int fd = open_file(c, kind, key, path);

	if (fd == -1)
		return text;
	text.data = disk_read_whole(fd, TLS_FILE_MAX, &text.len);
	if (text.len == 0) {
		tls_text_forget(&text);
		blame_file(c, key, false, "%s %s: is empty, too large, or cannot be read", key, path);
	}
	close(fd);
	return text;
}

static void
judge_pair(const struct check *c, const struct tls_source *source)
{
	struct tls *t = tls_new(CONFIG_TLS_1_2, c->profile->name, false);
	struct buf why = BUF_INIT(CTL_REASON_MAX);

	if (tls_load(t, source, 1, false, &why) == -1)
		blame_file(c, "certificate-file", false, "%s", buf_text(&why));
	else if (tls_days(t, 0) < 0)
		blame_file(c, "certificate-file", true, "the certificate in %s has expired",
		    source->certificate.path);
	else if (tls_ends_soon(t, 0, TLS_SOON_MS))
		blame_file(c, "certificate-file", true, "the certificate in %s expires in %d days",
		    source->certificate.path, tls_days(t, 0));
	buf_done(&why);
	tls_free(t);
}

/* The key of the assertion, and its certificate where there is one. */
static void
judge_assertion(const struct check *c)
{
	const struct config_oauth *o = c->profile;
	struct tls_source source = {
		.key = read_file(c, CTL_FILE_OAUTH_KEY, "key-file", o->key_file),
		.certificate = read_file(c, CTL_FILE_OAUTH_CERTIFICATE, "certificate-file",
		    o->certificate_file),
	};

	if (source.key.data != NULL && source.certificate.data != NULL)
		judge_pair(c, &source);
	tls_text_forget(&source.key);
	tls_text_forget(&source.certificate);
}

void
check_oauth_files(const struct config *config, const struct config_oauth *o, struct config_faults *faults)
{
	const struct check c = { .config = config, .profile = o, .faults = faults };
	const struct named files[] = {
		{ CTL_FILE_OAUTH_SECRET, "secret-file", o->secret_file },
		{ CTL_FILE_OAUTH_REFRESH, "refresh-token-file", o->refresh_token_file },
		{ CTL_FILE_OAUTH_CA, "ca-file", o->ca_file },
	};

	for (size_t i = 0; i < nitems_of(files); i++) {
		int fd = open_file(&c, files[i].kind, files[i].key, files[i].path);

		if (fd != -1)
			close(fd);
	}
	judge_assertion(&c);
}
