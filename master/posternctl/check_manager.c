/*
 * check_manager - opens certificate and key of [manager], as the service would, and judges them
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

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "common/tls/tls.h"
#include "master/posternctl/posternctl.h"

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

/* False: the fault is told. */
static bool
read_text(struct tls_text *t, const struct config *c, struct config_faults *faults, enum ctl_file_kind kind,
    const char *key)
{
	struct ctl_opened answer = { .file = { .kind = kind } };
	int fd = named_file_open_service(&c->service, &answer);

	if (fd == -1 && answer.error == EACCES && access(t->path, R_OK) == -1)
		blame(faults, c, key, true, "%s \"%s\" cannot be looked at by this user; root can", key,
		    t->path);
	else if (fd == -1)
		blame(faults, c, key, false, "%s %s", key, answer.why);
	if (fd == -1)
		return false;
	t->data = disk_read_whole(fd, TLS_FILE_MAX, &t->len);
	close(fd);
	if (t->data == NULL)
		blame(faults, c, key, false, "%s %s cannot be read, or is too large", key, t->path);
	return t->data != NULL;
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

	if (m->certificate == NULL || m->key == NULL)
		return;
	good = read_text(&source.key, c, faults, CTL_FILE_MANAGER_KEY, "key");
	good = read_text(&source.certificate, c, faults, CTL_FILE_MANAGER_CERTIFICATE, "certificate") && good;
	if (good)
		judge_pair(&source, c, faults);
	tls_text_forget(&source.key);
	tls_text_forget(&source.certificate);
}
