/*
 * dkim_new - posternctl dkim new: makes a key that signs mail, and says what the DNS has to have
 *
 * Runs in:  posternctl
 * Owns:     the file of the key, in the folder dkim beside the configuration
 * Promise:  a key is never written over another one, and is never readable for others, not even for a moment.
 *           It signs only when the configuration names it: first the record, then the key
 * Fails by: an exit status, and it has been said why
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/posternctl.h"

#define ANSWER_MAX (4U << 20)

/* An exit status. */
static int
write_key(const struct certificate_job *j, const struct dkim_new *n, const char *path)
{
	struct buf pem = BUF_INIT(DKIM_KEY_FILE_MAX), why = BUF_INIT(1000);
	struct dkim_key k;
	struct stat st;
	int status = EX_SOFTWARE;

	if (lstat(path, &st) == 0) {
		fprintf(stderr, "posternctl: %s is there already: take another selector\n", path);
		return EX_CANTCREAT;
	}
	if (dkim_key_make(&k, n->kind, n->bits) == -1 || dkim_key_write(&k, &pem) == -1)
		buf_puts(&why, "OpenSSL cannot make the key\n");
	else
		status = certificate_file_write(j->config_path, path, 0600, &pem, &why);
	fputs(buf_text(&why), stderr);
	dkim_key_done(&k);
	buf_wipe(&pem);
	buf_done(&why);
	return status;
}

static int
use_key(const struct certificate_job *j, const char *item)
{
	char *word = mem_printf("delivery.dkim-key+=%s", item);
	struct buf text = BUF_INIT(ANSWER_MAX);
	struct change_line line = { .command = "set", .word = { j->server->name, word }, .count = 2 };
	int status = change_command_send(j->c, &line, &text, NULL);

	fputs(buf_text(&text), status == EX_OK ? stdout : stderr);
	buf_done(&text);
	free(word);
	return status;
}

static void
tell_next(const struct certificate_job *j, const struct dkim_new *n, const char *item)
{
	printf("next    put the record into the DNS; then\n"
	    "        posternctl dkim check %s %s %s\n", j->server->name, n->domain, n->selector);
	if (!n->use)
		printf("        posternctl set %s 'delivery.dkim-key+=%s'\n", j->server->name, item);
}

int
dkim_new_run(const struct certificate_job *j, const struct dkim_new *n)
{
	char *path = dkim_look_path(j->config_path, n->domain, n->selector),
	    *item = mem_printf("%s %s %s%s%s", n->domain, n->selector, n->days != NULL ? n->days : "",
	    n->days != NULL ? " " : "", path);
	struct config_dkim place;
	const char *why;
	int status;

	if (config_dkim_parse(&place, item, &why) == -1) {
		fprintf(stderr, "posternctl: \"%s\" is not %s\n", item, why);
		status = EX_USAGE;
	} else {
		status = write_key(j, n, path);
	}
	if (status == EX_OK)
		status = dkim_show_run(j, n->domain, n->selector, false, false);
	if (status == EX_OK) {
		tell_next(j, n, item);
		if (n->use)
			status = use_key(j, item);
	}
	free(path);
	free(item);
	return status;
}
