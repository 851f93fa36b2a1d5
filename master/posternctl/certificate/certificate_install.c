/*
 * certificate_install - a certificate and its key become those of a virtual server
 *
 * Runs in:  posternctl
 * Owns:     the files NAME-FINGERPRINT.crt and .key, NAME.request.key and NAME.csr in the folder of
 *           certificate_file
 * Promise:  a pair has files of its own, and the configuration changes from one pair to the other by one
 *           command: no process sees the key of one with the certificate of the other, and undo leads back
 * Fails by: an exit status, and it has been said why; a pair that is not taken leaves no file
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/posternctl.h"

#define FINGERPRINT_SHOWN 16	/* digits of a file's name */
#define ANSWER_MAX (4U << 20)
#define WORDS_MAX 8192U

int
certificate_install_begin(struct certificate_job *j, const struct command_context *c, const char *name)
{
	struct config_faults faults;
	int status = EX_OK;

	*j = (struct certificate_job){ .c = c, .config_path = command_send_config(c) };
	if (c->socket_path != NULL && c->config_path == NULL) {
		fprintf(stderr, "posternctl: -s names a service, and no configuration: name that with -c\n");
		return EX_USAGE;
	}
	j->config = config_read(j->config_path, &faults);
	j->server = j->config != NULL ? config_server_by_name(j->config, name) : NULL;
	if (j->config == NULL) {
		config_faults_print(&faults, stderr);
		status = EX_CONFIG;
	} else if (j->server == NULL) {
		fprintf(stderr, "posternctl: there is no virtual server %.60s, or its file has errors\n",
		    name);
		status = SERVER_SET_NO_MATCH;
	}
	config_faults_done(&faults);
	return status;
}

void
certificate_install_end(struct certificate_job *j)
{
	config_free(j->config);
	j->config = NULL;
}

/* Prints what is wrong; returns the status. */
static int
refuse(int status, const struct buf *why)
{
	fputs(buf_text(why), stderr);
	return status;
}

/* --- in the configuration --- */

/* The names of a certificate file; owned by the caller, NULL: it cannot be read. */
static char *
names_in(const char *path)
{
	struct tls_details f = { 0 };
	struct tls_text text;
	struct buf why = BUF_INIT(1000);
	char *names = NULL;

	if (certificate_file_read(&text, path, &why) == 0 && tls_details_read(&f, &text, &why) == 0)
		names = mem_strdup(f.names);
	tls_details_done(&f);
	tls_text_forget(&text);
	buf_done(&why);
	return names;
}

/* Which one goes for it: the only one, or that for the same names; its count: it is added. */
static size_t
find_place(const struct config_server *s, const char *names)
{
	size_t at = 0;

	if (s->certificate.count == 1)
		return 0;
	for (; at < s->certificate.count; at++) {
		char *other = names_in(s->certificate.text[at]);
		bool same = other != NULL && strcmp(other, names) == 0;

		free(other);
		if (same)
			break;
	}
	return at;
}

static void
put_list(struct buf *word, const char *key, const struct config_strings *list, size_t at, const char *path)
{
	buf_printf(word, "access.%s=", key);
	for (size_t i = 0; i < list->count || i == at; i++)
		buf_printf(word, "%s%s", i > 0 ? ", " : "", i == at ? path : list->text[i]);
}

static int
set_paths(const struct certificate_job *j, size_t at, const char *certificate, const char *key)
{
	struct buf words[2] = { BUF_INIT(WORDS_MAX), BUF_INIT(WORDS_MAX) }, text = BUF_INIT(ANSWER_MAX);
	struct change_line line = { .command = "set", .word = { j->server->name }, .count = 3 };
	int status = EX_USAGE;

	put_list(&words[0], "certificate", &j->server->certificate, at, certificate);
	put_list(&words[1], "key", &j->server->key, at, key);
	line.word[1] = buf_text(&words[0]);
	line.word[2] = buf_text(&words[1]);
	if (buf_ok(&words[0]) && buf_ok(&words[1]))
		status = change_command_send(j->c, &line, &text, NULL);
	else
		buf_puts(&text, "there are too many certificates for one command\n");
	fputs(buf_text(&text), status == EX_OK ? stdout : stderr);
	buf_done(&words[0]);
	buf_done(&words[1]);
	buf_done(&text);
	return status;
}

/* --- in files --- */

static int
write_text(const struct certificate_job *j, const char *path, mode_t mode, const struct tls_text *text,
    struct buf *why)
{
	struct buf copy = BUF_INIT(TLS_FILE_MAX);
	int status;

	buf_add(&copy, text->data, text->len);
	status = certificate_file_write(j->config_path, path, mode, &copy, why);
	if (copy.data != NULL)
		explicit_bzero(copy.data, copy.len);
	buf_done(&copy);
	return status;
}

/* Files that were there before are those of the same certificate, and may be in use. */
static int
keep_and_set(const struct certificate_job *j, const struct tls_source *pair,
    const struct tls_details *f)
{
	char *stem = mem_printf("%s-%.*s", j->server->name, FINGERPRINT_SHOWN, f->fingerprint),
	    *certificate = certificate_file_path(j->config_path, stem, ".crt"),
	    *key = certificate_file_path(j->config_path, stem, ".key");
	bool had_certificate = access(certificate, F_OK) == 0, had_key = access(key, F_OK) == 0;
	struct buf why = BUF_INIT(1000);
	int status = write_text(j, key, 0600, &pair->key, &why);

	if (status == EX_OK)
		status = write_text(j, certificate, 0644, &pair->certificate, &why);
	if (status == EX_OK)
		status = set_paths(j, find_place(j->server, f->names), certificate, key);
	else
		(void)refuse(status, &why);
	if (status != EX_OK && !had_certificate)
		unlink(certificate);
	if (status != EX_OK && !had_key)
		unlink(key);
	if (status == EX_OK)
		printf("%s\n%s\n", certificate, key);
	buf_done(&why);
	free(stem);
	free(certificate);
	free(key);
	return status;
}

int
certificate_install_run(struct certificate_job *j, const struct tls_source *pair)
{
	struct tls_details f = { 0 };
	struct buf why = BUF_INIT(10000);
	int status = EX_DATAERR;

	if (certificate_pair_is_good(pair, j->server->fqdn, &why) &&
	    tls_details_read(&f, &pair->certificate, &why) == 0)
		status = keep_and_set(j, pair, &f);
	else
		(void)refuse(status, &why);
	tls_details_done(&f);
	buf_done(&why);
	return status;
}

int
certificate_install_files(struct certificate_job *j, const char *certificate, const char *key)
{
	char *waiting = certificate_file_path(j->config_path, j->server->name, ".request.key"),
	    *request = certificate_file_path(j->config_path, j->server->name, ".csr");
	struct tls_source pair = { 0 };
	struct buf why = BUF_INIT(1000);
	int status = EX_NOINPUT;

	if (certificate_file_read(&pair.certificate, certificate, &why) == 0 &&
	    certificate_file_read(&pair.key, key != NULL ? key : waiting, &why) == 0)
		status = certificate_install_run(j, &pair);
	else
		(void)refuse(status, &why);
	if (status == EX_OK && key == NULL) {	/* the request is answered; its key has a file of its own */
		unlink(waiting);
		unlink(request);
	}
	tls_text_forget(&pair.certificate);
	tls_text_forget(&pair.key);
	buf_done(&why);
	free(waiting);
	free(request);
	return status;
}

/* --- made here --- */

static void
forget(struct buf *secret)
{
	if (secret->data != NULL)
		explicit_bzero(secret->data, secret->len);
	buf_done(secret);
}

int
certificate_install_own(struct certificate_job *j, enum certificate_key type, const char *names,
    unsigned days)
{
	struct buf key = BUF_INIT(TLS_FILE_MAX), certificate = BUF_INIT(TLS_FILE_MAX), why = BUF_INIT(1000);
	struct tls_source pair = { .certificate.path = "the new certificate", .key.path = "the new key" };
	int status = EX_USAGE;

	if (names == NULL)
		names = j->server->fqdn;
	if (certificate_make_key(type, &key, &why) == 0) {
		pair.key.data = buf_text(&key);
		pair.key.len = key.len;
		if (certificate_make_own(&pair.key, names, days, &certificate, &why) == 0) {
			pair.certificate.data = buf_text(&certificate);
			pair.certificate.len = certificate.len;
			status = certificate_install_run(j, &pair);
		}
	}
	if (why.len > 0)
		(void)refuse(status, &why);
	forget(&key);
	buf_done(&certificate);
	buf_done(&why);
	return status;
}

/* The key of an earlier request stays: its certificate may be on the way. An exit status. */
static int
have_key(const struct certificate_job *j, enum certificate_key type, const char *path, bool new_key,
    struct buf *why)
{
	struct buf key = BUF_INIT(TLS_FILE_MAX);
	int status = EX_OK;

	if (!new_key && access(path, F_OK) == 0)
		return EX_OK;
	if (certificate_make_key(type, &key, why) == -1)
		status = EX_SOFTWARE;
	else
		status = certificate_file_write(j->config_path, path, 0600, &key, why);
	forget(&key);
	return status;
}

int
certificate_install_request(struct certificate_job *j, enum certificate_key type, const char *names,
    bool new_key)
{
	char *path = certificate_file_path(j->config_path, j->server->name, ".request.key"),
	    *file = certificate_file_path(j->config_path, j->server->name, ".csr");
	struct buf request = BUF_INIT(TLS_FILE_MAX), why = BUF_INIT(1000);
	struct tls_text key = { 0 };
	int status = have_key(j, type, path, new_key, &why);

	if (status == EX_OK && certificate_file_read(&key, path, &why) == -1)
		status = EX_NOINPUT;
	if (names == NULL)
		names = j->server->fqdn;
	if (status == EX_OK && certificate_make_request(&key, names, &request, &why) == -1)
		status = EX_USAGE;
	if (status == EX_OK)
		status = certificate_file_write(j->config_path, file, 0644, &request, &why);
	if (status == EX_OK)
		printf("%s\n%sThe key waits in %s. When the certificate is there, with its chain behind it:\n"
		    "  posternctl certificate %s install FILE\n", file, buf_text(&request), path,
		    j->server->name);
	else
		(void)refuse(status, &why);
	tls_text_forget(&key);
	buf_done(&request);
	buf_done(&why);
	free(path);
	free(file);
	return status;
}
