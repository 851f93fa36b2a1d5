/*
 * web_tls - certificate and key of [manager], which the master opens; and the TLS of a connection
 *
 * Runs in:  web
 * Owns:     the context; the files until both are here
 * Promise:  a pair that cannot be used changes nothing: the one in use stays. Files that change are asked for
 *           again
 * Fails by: trouble, which operators see; without a first pair no address with TLS is served
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/tls/tls.h"
#include "master/web/web.h"

struct web_tls_files {
	uint32_t round;			/* answers to an older one are not waited for any more */
	struct tls_source source;
	unsigned missing;
};

static void
forget_files(struct web_tls_files *f)
{
	tls_text_forget(&f->source.certificate);
	tls_text_forget(&f->source.key);
}

void
web_tls_ask(struct web *w)
{
	if (w->config->certificate == NULL)
		return;
	if (w->tls == NULL) {
		w->tls = tls_new(CONFIG_TLS_1_2, "manager", false);
		w->tls_files = mem_new(struct web_tls_files);
	}
	forget_files(w->tls_files);
	w->tls_files->round++;
	w->tls_files->missing = 2;
	boot_open(w->boot, w->tls_files->round, CTL_FILE_MANAGER_CERTIFICATE, 0, "");
	boot_open(w->boot, w->tls_files->round, CTL_FILE_MANAGER_KEY, 0, "");
}

static void
refuse_files(struct web *w, const char *reason)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	bool old = tls_count(w->tls) > 0;

	w->tls_files->missing = 0;
	forget_files(w->tls_files);
	log_event(LOG_FAULT, NULL, "certificate", "result=refused%s reason=%s", old ? " kept=old" : "",
	    log_safe(reason));
	buf_printf(&text, "certificate or key of [manager] cannot be used: %s; %s", reason,
	    old ? "the old ones are in use" : "the manager is not served with TLS");
	boot_trouble(w->boot, "certificate", buf_text(&text));
	buf_done(&text);
}

/* An expired certificate is better than none at first, but later the one in use is better. */
static void
use_files(struct web *w)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	bool first = tls_count(w->tls) == 0;

	if (tls_load(w->tls, &w->tls_files->source, 1, !first, &why) == -1) {
		refuse_files(w, buf_text(&why));
	} else {
		forget_files(w->tls_files);
		log_event(LOG_FACT, NULL, "certificate", "result=loaded days=%d names=%s file=%s",
		    tls_days(w->tls, 0), log_safe(tls_names(w->tls, 0)), log_safe(w->config->certificate));
		boot_trouble(w->boot, "certificate", "");
		if (first)
			w->tls_ready(w);
	}
	buf_done(&why);
}

void
web_tls_take(struct web *w, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct tls_text *t;
	bool key;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	key = opened.file.kind == CTL_FILE_MANAGER_KEY;
	if (w->tls == NULL || m->request != w->tls_files->round || w->tls_files->missing == 0)
		return;
	t = key ? &w->tls_files->source.key : &w->tls_files->source.certificate;
	if (t->data != NULL)
		return;
	t->path = key ? w->config->key : w->config->certificate;
	if (m->fd == -1)
		refuse_files(w, opened.why);
	else if ((t->data = disk_read_whole(m->fd, TLS_FILE_MAX, &t->len)) == NULL)
		refuse_files(w, strerror(errno));
	else if (--w->tls_files->missing == 0)
		use_files(w);
}

struct ssl_st *
web_tls_link(struct web *w)
{
	struct ssl_st *link = tls_link_new(w->tls, -1);

	if (link != NULL)	/* what a browser sends may have a password */
		SSL_set_options(link, SSL_OP_CLEANSE_PLAINTEXT);
	return link;
}

void
web_tls_done(struct web *w)
{
	if (w->tls == NULL)
		return;
	forget_files(w->tls_files);
	free(w->tls_files);
	tls_free(w->tls);
}
