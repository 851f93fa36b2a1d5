/*
 * check_manager - opens certificate, key, accounts and keytab of [manager], as the service would, and judges
 *                 them
 *
 * Runs in:  posternctl; for its command check
 * Owns:     nothing
 * Promise:  that of check_paths
 * Fails by: a warning, when this user may not read a file
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/account/passwd_file.h"
#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "common/tls/tls.h"
#include "master/posternctl/check/check.h"

#define KEYTAB_MAX (1U << 20)

__attribute__((format(printf, 5, 6)))
static void
blame(struct config_faults *faults, const struct config *c, const char *key, bool warning, const char *fmt,
    ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_faults_tell_service(faults, c, KEY_MANAGER, key, warning, text);
}

/* The whole file, owned by the caller; NULL: the fault is told. */
static char *
read_file(const char *path, const struct config *c, struct config_faults *faults, enum ctl_file_kind kind,
    const char *key, size_t most, size_t *len)
{
	struct ctl_opened answer = { .file = { .kind = kind } };
	int fd = named_file_open_service(&c->service, &answer);
	char text[CHECK_REFUSED_MAX], *data;

	if (fd == -1) {
		bool hidden = check_refused_say(text, sizeof(text), key, path, &answer);

		blame(faults, c, key, hidden, "%s", text);
		return NULL;
	}
	data = disk_read_whole(fd, most, len);
	close(fd);
	if (data == NULL)
		blame(faults, c, key, false, "%s %s cannot be read, or is too large", key, path);
	return data;
}

static bool
read_text(struct tls_text *t, const struct config *c, struct config_faults *faults, enum ctl_file_kind kind,
    const char *key)
{
	t->data = read_file(t->path, c, faults, kind, key, TLS_FILE_MAX, &t->len);
	return t->data != NULL;
}

struct accounts { const struct config *config; struct config_faults *faults; };

static void
judge_account(void *arg, unsigned line, const char *why)
{
	const struct accounts *a = arg;

	blame(a->faults, a->config, "accounts", true, "%s, line %u: %s; nobody can log in by it",
	    a->config->service.manager.accounts, line, why);
}

static void
judge_accounts(const struct config *c, struct config_faults *faults)
{
	struct accounts a = { c, faults };
	const char *path = c->service.manager.accounts;
	size_t len = 0;
	char *data = path != NULL ? read_file(path, c, faults, CTL_FILE_MANAGER_ACCOUNTS, "accounts",
	    PASSWD_FILE_MAX, &len) : NULL;
	struct passwd_account_list *l;

	if (data == NULL)
		return;
	l = passwd_file_list_parse(data, len, judge_account, &a);
	if (l->count == 0)
		blame(faults, c, "accounts", true, "there is no account in %s", path);
	passwd_file_list_free(l);
	explicit_bzero(data, len);
	free(data);
}

static void
judge_keytab(const struct config *c, struct config_faults *faults)
{
	const char *path = c->service.manager.keytab;
	size_t len = 0;
	char *data = path != NULL ? read_file(path, c, faults, CTL_FILE_MANAGER_KEYTAB, "keytab", KEYTAB_MAX,
	    &len) : NULL;

	if (data != NULL && (len < 2 || data[0] != 5))	/* its format begins with 5 and a version */
		blame(faults, c, "keytab", false, "keytab %s is no keytab", path);
	if (data != NULL)
		explicit_bzero(data, len);
	free(data);
}

static void
judge_pair(const struct tls_source *source, const struct config *c, struct config_faults *faults)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	enum check_pair found = check_pair_judge(source, CONFIG_TLS_1_2, "manager", TLS_SOON_MS, &why);

	if (found != CHECK_PAIR_GOOD)
		blame(faults, c, "certificate", found == CHECK_PAIR_WARNING, "%s", buf_text(&why));
	buf_done(&why);
}

void
check_manager_files(const struct config *c, struct config_faults *faults)
{
	const struct config_manager *m = &c->service.manager;
	struct tls_source source = { .certificate.path = m->certificate, .key.path = m->key };
	bool good;

	judge_accounts(c, faults);
	judge_keytab(c, faults);
	if (m->certificate == NULL || m->key == NULL)
		return;
	good = read_text(&source.key, c, faults, CTL_FILE_MANAGER_KEY, "key");
	good = read_text(&source.certificate, c, faults, CTL_FILE_MANAGER_CERTIFICATE, "certificate") && good;
	if (good)
		judge_pair(&source, c, faults);
	tls_text_forget(&source.key);
	tls_text_forget(&source.certificate);
}
