/*
 * check_paths - opens the files that the configuration names, as the service would, and judges them
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
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/account/passwd_file.h"
#include "common/account/secret.h"
#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/base/trust_anchor.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "common/config/config_account.h"
#include "common/config/config_certificate.h"
#include "common/config/key.h"
#include "common/host/config_host.h"
#include "common/tls/tls.h"
#include "master/posternctl/check/check.h"

struct check_paths {
	struct config_faults *faults;
	const struct config_server *server;
	enum key_section section;
	const char *key;		/* whose file is judged */
	unsigned missing;		/* files of a pair that cannot be read */
};

__attribute__((format(printf, 3, 4)))
static void
blame_key(const struct check_paths *p, bool warning, const char *fmt, ...)
{
	char text[CHECK_REFUSED_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_faults_tell(p->faults, p->server, p->section, p->key, warning, text);
}

/* About a key of [delivery], or of that [domain]. */
static void
blame_place(const struct check_paths *p, const char *domain, const char *key, bool warning, const char *text)
{
	for (size_t i = 0; i < p->server->ndomain && domain[0] != '\0'; i++)
		if (strcmp(p->server->domain[i].name, domain) == 0)
			config_faults_tell_domain(p->faults, p->server, &p->server->domain[i], key, warning,
			    text);
	if (domain[0] == '\0' || strcmp(domain, CONFIG_CERTIFICATE_EVACUATE) == 0)
		config_faults_tell(p->faults, p->server, KEY_DELIVERY, key, warning, text);
}

/* The descriptor; -1: the fault is told. */
static int
open_named_file(struct check_paths *p, enum ctl_file_kind kind, const char *path, size_t index)
{
	struct ctl_opened answer = { .file = { .kind = kind, .index = (uint32_t)index } };
	int fd = named_file_open(p->server, &answer);
	char text[CHECK_REFUSED_MAX];
	bool hidden;

	if (fd != -1)
		return fd;
	p->missing++;
	hidden = check_refused_say(text, sizeof(text), p->key, path, &answer);
	blame_key(p, hidden, "%s", text);
	return -1;
}

/* The whole file, at most `most` bytes and a NUL, owned by the caller. NULL: the fault is told. */
static char *
read_named_file(struct check_paths *p, enum ctl_file_kind kind, const char *path, size_t index, size_t most,
    size_t *len)
{
	int fd = open_named_file(p, kind, path, index);
	char *data;

	*len = 0;
	if (fd == -1)
		return NULL;
	data = disk_read_whole(fd, most, len);
	if (data == NULL) {
		blame_key(p, false, "%s %s: %s", p->key, path, strerror(errno));
		p->missing++;
	}
	close(fd);
	return data;
}

/* --- one function a kind of file --- */

static void
judge_certificate(struct check_paths *p, const struct tls_source *source)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	enum check_pair found = check_pair_judge(source, p->server->tls_minimum, p->server->name,
	    p->server->certificate_alarm, &why);

	if (found != CHECK_PAIR_GOOD)
		blame_key(p, found == CHECK_PAIR_WARNING, "%s", buf_text(&why));
	buf_done(&why);
}

static void
judge_certificates(struct check_paths *p)
{
	const struct config_server *s = p->server;

	for (size_t n = 0; config_server_has_tls(s) && n < s->certificate.count; n++) {
		struct tls_source source = { .certificate.path = s->certificate.text[n],
		    .key.path = s->key.text[n] };

		p->missing = 0;
		p->key = "key";
		source.key.data = read_named_file(p, CTL_FILE_KEY, source.key.path, n, TLS_FILE_MAX,
		    &source.key.len);
		p->key = "certificate";
		source.certificate.data = read_named_file(p, CTL_FILE_CERTIFICATE, source.certificate.path, n,
		    TLS_FILE_MAX, &source.certificate.len);
		if (p->missing == 0)
			judge_certificate(p, &source);
		tls_text_forget(&source.key);
		tls_text_forget(&source.certificate);
	}
}

/* One file of a pair; NULL: the fault is told. */
static char *
read_own(const struct check_paths *p, const struct config_certificate *c, enum ctl_file_kind kind,
    const char *path, size_t *len)
{
	struct ctl_opened answer = { .file = { .kind = kind } };
	const char *key = config_certificate_key(c->domain, kind == CTL_FILE_CLIENT_KEY);
	char text[CHECK_REFUSED_MAX], *data;
	bool hidden;
	int fd;

	snprintf(answer.file.domain, sizeof(answer.file.domain), "%s", c->domain);
	if ((fd = named_file_open(p->server, &answer)) == -1) {
		hidden = check_refused_say(text, sizeof(text), key, path, &answer);
		blame_place(p, c->domain, key, hidden, text);
		return NULL;
	}
	if ((data = disk_read_whole(fd, TLS_FILE_MAX, len)) == NULL) {
		snprintf(text, sizeof(text), "%s %s: %s", key, path, strerror(errno));
		blame_place(p, c->domain, key, false, text);
	}
	close(fd);
	return data;
}

/* A client certificate of that place. */
static void
judge_own(const struct check_paths *p, const char *place)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	struct config_certificate c;
	struct tls_source source = { 0 };
	enum check_pair found = CHECK_PAIR_GOOD;

	if (config_certificate_at(&c, p->server, place)) {
		source = (struct tls_source){ { .path = c.certificate }, { .path = c.key } };
		source.key.data = read_own(p, &c, CTL_FILE_CLIENT_KEY, c.key, &source.key.len);
		source.certificate.data = read_own(p, &c, CTL_FILE_CLIENT_CERTIFICATE, c.certificate,
		    &source.certificate.len);
	}
	if (source.key.data != NULL && source.certificate.data != NULL)
		found = check_pair_judge(&source, CONFIG_TLS_1_2, p->server->name,
		    p->server->certificate_alarm, &why);
	if (found != CHECK_PAIR_GOOD)
		blame_place(p, place, config_certificate_key(place, false), found == CHECK_PAIR_WARNING,
		    buf_text(&why));
	tls_text_forget(&source.key);
	tls_text_forget(&source.certificate);
	buf_done(&why);
}

static void
judge_owns(const struct check_paths *p)
{
	const char *place;

	for (size_t i = 0; (place = config_certificate_place(p->server, i)) != NULL; i++)
		judge_own(p, place);
}

static void
judge_account(void *arg, unsigned line, const char *why)
{
	const struct check_paths *p = arg;

	blame_key(p, true, "%s, line %u: %s; nobody can log in by it", p->server->password_file, line, why);
}

static void
judge_passwords(struct check_paths *p)
{
	size_t len;
	char *data;
	struct passwd_account_list *l;

	p->key = "password-file";
	if (p->server->password_file == NULL ||
	    (data = read_named_file(p, CTL_FILE_PASSWORDS, p->server->password_file, 0, PASSWD_FILE_MAX,
	    &len)) == NULL)
		return;
	l = passwd_file_list_parse(data, len, judge_account, p);
	if (l->count == 0)
		blame_key(p, true, "there is no account in %s", p->server->password_file);
	passwd_file_list_free(l);
	explicit_bzero(data, len);
	free(data);
}

static void
judge_keytab(struct check_paths *p)
{
	int fd = -1;

	p->key = "keytab";
	if (p->server->keytab != NULL)
		fd = open_named_file(p, CTL_FILE_KEYTAB, p->server->keytab, 0);
	if (fd != -1)
		close(fd);
}

/* Certificates of authorities, in PEM form. */
static void
judge_trusted(struct check_paths *p, enum ctl_file_kind kind, const char *path)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	struct tls_text file = { .path = path };
	struct tls_out *t;

	if ((file.data = read_named_file(p, kind, path, 0, TLS_FILE_MAX, &file.len)) == NULL)
		return;
	t = tls_out_new();
	if (tls_out_trust(t, &file, &why) == -1)
		blame_key(p, false, "%s", buf_text(&why));
	tls_out_free(t);
	buf_done(&why);
	tls_text_forget(&file);
}

static void
judge_authorities(struct check_paths *p)
{
	p->section = KEY_DELIVERY;
	p->key = "authorities";
	if (config_server_verifies(p->server))
		judge_trusted(p, CTL_FILE_AUTHORITIES, p->server->authorities);
}

static bool
directory_needs_tls(const struct config_ldap *c)
{
	bool needs = c->start_tls;

	for (size_t i = 0; i < c->uri.count; i++)
		needs |= strncasecmp(c->uri.text[i], "ldaps:", 6) == 0;
	return needs;
}

/* The secret of the directory's account, and the authorities of its servers: by default the system's. */
static void
judge_directory(struct check_paths *p)
{
	const struct config_ldap *c = &p->server->ldap;
	int fd;

	p->section = KEY_LDAP;
	if (!c->enable)
		return;
	p->key = "secret-file";
	if (c->bind != CONFIG_BIND_ANONYMOUS && c->secret_file != NULL &&
	    (fd = open_named_file(p, CTL_FILE_LDAP_SECRET, c->secret_file, 0)) != -1)
		close(fd);
	p->key = "ca-file";
	if (c->ca_file != NULL)
		judge_trusted(p, CTL_FILE_LDAP_CA, c->ca_file);
	else if (directory_needs_tls(c) && access(CONFIG_SYSTEM_CA, R_OK) == -1)
		blame_key(p, false, "ca-file %s: %s%s", CONFIG_SYSTEM_CA, strerror(errno),
		    named_file_package(CONFIG_SYSTEM_CA));
}

/* NULL, or why there is no secret in it. */
static const char *
secret_fault(int fd)
{
	char data[SECRET_LINE_MAX + 6];
	const char *line, *why;
	size_t len;
	ssize_t n = pread(fd, data, sizeof(data), 0);

	why = n == -1 ? strerror(errno) : secret_line_find(data, (size_t)n, &line, &len);
	explicit_bzero(data, sizeof(data));
	return why;
}

/* The secret-file of outbound-auth: of the server (d NULL), or of a remote domain. */
static void
judge_secret(const struct check_paths *p, const struct config_domain *d)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_SECRET } };
	struct config_account a;
	int fd;
	bool hidden;
	char text[CHECK_REFUSED_MAX];

	if (!config_account_find(&a, p->server, d, false) || a.secret_file == NULL ||
	    (d != NULL && strcmp(a.domain, d->name) != 0))
		return;
	if (a.auth == CONFIG_OUT_INTEGRATED)
		answer.file.kind = CTL_FILE_CLIENT_KEYTAB;
	else if (a.auth != CONFIG_OUT_BASIC)
		return;
	snprintf(answer.file.domain, sizeof(answer.file.domain), "%s", a.domain);
	if ((fd = named_file_open(p->server, &answer)) != -1) {
		const char *why = answer.file.kind == CTL_FILE_SECRET ? secret_fault(fd) : NULL;

		close(fd);
		if (why != NULL)
			blame_place(p, a.domain, "secret-file", false, why);
		return;
	}
	hidden = check_refused_say(text, sizeof(text), "secret-file", a.secret_file, &answer);
	blame_place(p, a.domain, "secret-file", hidden, text);
}

static void
judge_secrets(const struct check_paths *p)
{
	judge_secret(p, NULL);
	for (size_t n = 0; n < p->server->ndomain; n++)
		if (config_domain_has_hosts(&p->server->domain[n]))
			judge_secret(p, &p->server->domain[n]);
}

/* --- files of [service] --- */

/* A zone without a usable key would count as unsigned. */
static void
judge_anchor_text(const struct config *c, struct config_faults *faults, const char *data, size_t size)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX), text = BUF_INIT(CTL_REASON_MAX),
	    records = BUF_INIT(2 * TRUST_ANCHOR_FILE_MAX);
	bool root, good = trust_anchor_read(data, size, &records, &root, &why) == 0;

	buf_printf(&text, "trust-anchor %s%s",
	    c->service.trust_anchor != NULL ? c->service.trust_anchor : TRUST_ANCHOR_SYSTEM, good ?
	    " has no key of the root: names outside of its zones count as unsigned" : ": ");
	if (!good)
		buf_puts(&text, buf_text(&why));
	if (!good || !root)
		config_faults_tell_service(faults, c, KEY_SERVICE, "trust-anchor", good, buf_text(&text));
	buf_done(&why);
	buf_done(&text);
	buf_done(&records);
}

static void
judge_anchors(const struct config *c, struct config_faults *faults)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_TRUST_ANCHOR } };
	int fd = named_file_open_service(&c->service, &answer);
	struct stat st = { 0 };
	char text[512], *data = NULL;

	if (fd == -1) {
		snprintf(text, sizeof(text), "trust-anchor %s", answer.why);
		config_faults_tell_service(faults, c, KEY_SERVICE,
		    c->service.trust_anchor != NULL ? "trust-anchor" : "dnssec", false, text);
		return;
	}
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size <= TRUST_ANCHOR_FILE_MAX)
		data = mem_zalloc((size_t)st.st_size + 1);
	if (data == NULL || disk_pread(fd, data, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
		config_faults_tell_service(faults, c, KEY_SERVICE, "trust-anchor", false,
		    "trust-anchor cannot be read, or is too large");
	else
		judge_anchor_text(c, faults, data, (size_t)st.st_size);
	free(data);
	close(fd);
}

/* The password of the engine of limits: whether its helper will get it. */
static void
judge_limits(const struct config *c, struct config_faults *faults)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_LIMITS_PASSWORD } };
	const char *path = c->service.limits.password_file;
	char text[CHECK_REFUSED_MAX];
	bool hidden;
	int fd;

	if (path == NULL)
		return;
	if ((fd = named_file_open_service(&c->service, &answer)) != -1) {
		disk_close(fd);
		return;
	}
	hidden = check_refused_say(text, sizeof(text), "password-file", path, &answer);
	config_faults_tell_service(faults, c, KEY_LIMITS, "password-file", hidden, text);
}

static void
judge_resolv_conf(const struct config *c, struct config_faults *faults)
{
	if (c->service.dns_server.count == 0 && access("/etc/resolv.conf", R_OK) == -1)
		config_faults_tell_service(faults, c, KEY_SERVICE, "dns-server", true,
		    "dns-server is not set, and /etc/resolv.conf cannot be read: names are looked up from "
		    "the root servers on");
}

void
check_paths_files(const struct config *c, struct config_faults *faults)
{
	if (c->service.dnssec == CONFIG_DNSSEC_YES)
		judge_anchors(c, faults);
	judge_resolv_conf(c, faults);
	judge_limits(c, faults);
	check_manager_files(c, faults);
	for (size_t n = 0; n < c->noauth; n++)
		check_oauth_files(c, &c->oauth[n], faults);
	for (size_t n = 0; n < c->nserver; n++) {
		struct check_paths p = { .faults = faults, .server = &c->server[n], .section = KEY_ACCESS };

		judge_certificates(&p);
		judge_passwords(&p);
		judge_keytab(&p);
		judge_authorities(&p);
		judge_owns(&p);
		judge_directory(&p);
		judge_secrets(&p);
		check_dkim_files(&c->server[n], faults);
	}
	config_host_judge(c, faults);
}
