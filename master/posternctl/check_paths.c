/*
 * check_paths - the files that the configuration names: opened as the service would, and judged
 *
 * Runs in:  posternctl check
 * Owns:     nothing
 * Promise:  says of each file what would keep it from being used, and what will soon; changes nothing, keeps
 *           no key text
 * Fails by: a warning where the caller may not look
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/base/passwd_file.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "common/tls/tls.h"
#include "master/posternctl/posternctl.h"

enum { CHECK_PATHS_SOON_DAYS = 14 };

struct check_paths {
	struct config_faults *faults;
	const struct config_server *server;
	enum key_section section;
	const char *key;		/* the one whose file is looked at */
	unsigned missing;		/* files of a pair that cannot be judged */
};

__attribute__((format(printf, 3, 4)))
static void
blame_key(const struct check_paths *i, bool warning, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_faults_tell(i->faults, i->server, i->section, i->key, warning, text);
}

/* The descriptor, or -1 and it is told. */
static int
open_named_file(struct check_paths *i, enum ctl_file_kind kind, const char *path, size_t index)
{
	struct ctl_opened answer = { .file = { .kind = kind, .index = (uint32_t)index } };
	int fd = named_file_open(i->server, &answer);

	if (fd != -1)
		return fd;
	i->missing++;
	if (answer.error == EACCES && access(path, R_OK) == -1)
		blame_key(i, true, "%s \"%s\" cannot be looked at by this user; root can", i->key, path);
	else
		blame_key(i, false, "%s %s", i->key, answer.why);
	return -1;
}

/* The whole file, ended by NUL; owned. NULL: told, or not to be opened. */
static char *
read_named_file(struct check_paths *i, enum ctl_file_kind kind, const char *path, size_t index, size_t most,
    size_t *len)
{
	struct stat st;
	char *data = NULL;
	ssize_t n = -1;
	int fd = open_named_file(i, kind, path, index);

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size <= most) {
		data = mem_zalloc((size_t)st.st_size + 1);
		n = disk_pread(fd, data, (size_t)st.st_size, 0);
	} else {
		errno = EFBIG;
	}
	if (n == -1) {
		blame_key(i, false, "%s %s: %s", i->key, path, strerror(errno));
		i->missing++;
		free(data);
		data = NULL;
	}
	*len = n > 0 ? (size_t)n : 0;
	close(fd);
	return data;
}

static void
forget_text(struct tls_text *t)
{
	if (t->data != NULL)
		explicit_bzero((char *)(uintptr_t)t->data, t->len);
	free((char *)(uintptr_t)t->data);
}

/* --- what each kind is worth --- */

static void
judge_certificate(struct check_paths *i, const struct tls_source *source)
{
	struct tls *t = tls_new(i->server->tls_minimum, i->server->name, false);
	struct buf why = BUF_INIT(CTL_REASON_MAX);

	if (tls_load(t, source, 1, false, &why) == -1)
		blame_key(i, false, "%s", buf_text(&why));
	else if (tls_days(t, 0) < 0)
		blame_key(i, true, "the certificate in %s has expired", source->certificate.path);
	else if (tls_days(t, 0) < CHECK_PATHS_SOON_DAYS)
		blame_key(i, true, "the certificate in %s expires in %d days", source->certificate.path,
		    tls_days(t, 0));
	buf_done(&why);
	tls_free(t);
}

static void
judge_certificates(struct check_paths *i)
{
	const struct config_server *s = i->server;

	for (size_t n = 0; config_server_has_tls(s) && n < s->certificate.count; n++) {
		struct tls_source source = { .certificate.path = s->certificate.text[n],
		    .key.path = s->key.text[n] };

		i->missing = 0;
		i->key = "key";
		source.key.data = read_named_file(i, CTL_FILE_KEY, source.key.path, n, TLS_FILE_MAX,
		    &source.key.len);
		i->key = "certificate";
		source.certificate.data = read_named_file(i, CTL_FILE_CERTIFICATE, source.certificate.path, n,
		    TLS_FILE_MAX, &source.certificate.len);
		if (i->missing == 0)
			judge_certificate(i, &source);
		forget_text(&source.key);
		forget_text(&source.certificate);
	}
}

static void
judge_account(void *arg, unsigned line, const char *why)
{
	const struct check_paths *i = arg;

	blame_key(i, true, "%s, line %u: %s; nobody can log in by it", i->server->password_file, line, why);
}

static void
judge_passwords(struct check_paths *i)
{
	size_t len;
	char *data;
	struct passwd_account_list *l;

	i->key = "password-file";
	if (i->server->password_file == NULL ||
	    (data = read_named_file(i, CTL_FILE_PASSWORDS, i->server->password_file, 0, PASSWD_FILE_MAX,
	    &len)) == NULL)
		return;
	l = passwd_file_list_parse(data, len, judge_account, i);
	if (l->count == 0)
		blame_key(i, true, "there is no account in %s", i->server->password_file);
	passwd_file_list_free(l);
	explicit_bzero(data, len);
	free(data);
}

static void
judge_keytab(struct check_paths *i)
{
	int fd = -1;

	i->key = "keytab";
	if (i->server->keytab != NULL)
		fd = open_named_file(i, CTL_FILE_KEYTAB, i->server->keytab, 0);
	if (fd != -1)
		close(fd);
}

static void
judge_authorities(struct check_paths *i)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	struct tls_text file = { .path = i->server->authorities };
	struct tls_out *t;

	i->section = KEY_DELIVERY;
	i->key = "authorities";
	if (!config_server_verifies(i->server) ||
	    (file.data = read_named_file(i, CTL_FILE_AUTHORITIES, file.path, 0, TLS_FILE_MAX,
	    &file.len)) == NULL)
		return;
	t = tls_out_new();
	if (t != NULL && tls_out_trust(t, &file, &why) == -1)
		blame_key(i, false, "%s", buf_text(&why));
	tls_out_free(t);
	buf_done(&why);
	forget_text(&file);
}

/* The secret-file of outbound-auth, of the server or of a remote domain. */
static void
judge_secret(const struct check_paths *i, const struct config_domain *d)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_SECRET } };
	struct config_account a;
	int fd;
	bool hidden;
	char text[512];

	if (!config_account_find(&a, i->server, d, false) || a.secret_file == NULL ||
	    (d != NULL && strcmp(a.domain, d->name) != 0))
		return;
	if (a.auth == CONFIG_OUT_INTEGRATED)
		answer.file.kind = CTL_FILE_CLIENT_KEYTAB;
	else if (a.auth != CONFIG_OUT_BASIC)
		return;
	snprintf(answer.file.domain, sizeof(answer.file.domain), "%s", a.domain);
	if ((fd = named_file_open(i->server, &answer)) != -1) {
		close(fd);
		return;
	}
	hidden = answer.error == EACCES && access(a.secret_file, R_OK) == -1;
	if (hidden)
		snprintf(text, sizeof(text), "secret-file \"%s\" cannot be looked at by this user; root can",
		    a.secret_file);
	else
		snprintf(text, sizeof(text), "secret-file %s", answer.why);
	if (d == NULL)
		config_faults_tell(i->faults, i->server, KEY_DELIVERY, "secret-file", hidden, text);
	else
		config_faults_tell_domain(i->faults, i->server, d, "secret-file", hidden, text);
}

static void
judge_secrets(const struct check_paths *i)
{
	judge_secret(i, NULL);
	for (size_t n = 0; n < i->server->ndomain; n++)
		if (i->server->domain[n].type == CONFIG_DOMAIN_REMOTE)
			judge_secret(i, &i->server->domain[n]);
}

void
check_paths_files(const struct config *c, struct config_faults *faults)
{
	for (size_t n = 0; n < c->nserver; n++) {
		struct check_paths i = { .faults = faults, .server = &c->server[n], .section = KEY_ACCESS };

		judge_certificates(&i);
		judge_passwords(&i);
		judge_keytab(&i);
		judge_authorities(&i);
		judge_secrets(&i);
	}
}
