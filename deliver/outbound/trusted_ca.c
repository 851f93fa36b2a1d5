/*
 * trusted_ca - TLS of all outbound connections: its context, and the CA certificates that are trusted
 *
 * Runs in:  deliver
 * Owns:     struct tls_out
 * Promise:  the file is opened by the master. It is read where some destination has outbound-tls = verify,
 *           before the first connection, else with the first MTA-STS policy that is to be enforced; and again
 *           when it has changed. A bad file changes nothing
 * Fails by: an event; without CA certificates only the mail that needs them waits
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "deliver/outbound/outbound.h"

struct want {
	STAILQ_ENTRY(want) link;
	void (*done)(void *arg);
	void *arg;
};

struct trusted_ca {
	struct boot *boot;
	struct tls_out *tls;
	bool needed;
	bool good;			/* a file was taken */
	const char *path;
	bool began;
	void (*ready)(void *arg);
	void *arg;
	STAILQ_HEAD(, want) wants;
};

struct trusted_ca *
trusted_ca_new(struct boot *b, void (*ready)(void *arg), void *arg)
{
	struct trusted_ca *a;

	if (!config_server_has_outbound_tls(b->server))
		return NULL;
	a = mem_new(struct trusted_ca);
	STAILQ_INIT(&a->wants);
	a->boot = b;
	a->path = b->server->authorities;
	a->ready = ready;
	a->arg = arg;
	a->tls = tls_out_new();
	a->needed = config_server_verifies(b->server);
	return a;
}

bool
trusted_ca_begin(struct trusted_ca *a)
{
	if (a == NULL || !a->needed)
		return true;
	boot_open(a->boot, 0, CTL_FILE_AUTHORITIES, 0, "");
	return false;
}

bool
trusted_ca_are_there(const struct trusted_ca *a)
{
	return a == NULL || a->good;
}

void
trusted_ca_want(struct trusted_ca *a, void (*done)(void *arg), void *arg)
{
	struct want *w;

	if (!a->needed)
		a->began = a->needed = true;	/* nothing else has waited for it */
	if (STAILQ_EMPTY(&a->wants))
		boot_open(a->boot, 0, CTL_FILE_AUTHORITIES, 0, "");
	w = mem_new(struct want);
	w->done = done;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&a->wants, w, link);
}

static void
drop_wants(struct trusted_ca *a, bool tell)
{
	STAILQ_HEAD(, want) wants = STAILQ_HEAD_INITIALIZER(wants);
	struct want *w;

	STAILQ_CONCAT(&wants, &a->wants);
	while ((w = STAILQ_FIRST(&wants)) != NULL) {
		STAILQ_REMOVE_HEAD(&wants, link);
		if (tell)
			w->done(w->arg);
		free(w);
	}
}

void
trusted_ca_renew(struct trusted_ca *a)
{
	if (a != NULL && a->needed)
		boot_open(a->boot, 0, CTL_FILE_AUTHORITIES, 0, "");
}

void
trusted_ca_free(struct trusted_ca *a)
{
	if (a == NULL)
		return;
	drop_wants(a, false);
	tls_out_free(a->tls);
	free(a);
}

struct tls_out *
trusted_ca_tls(const struct trusted_ca *a)
{
	return a != NULL ? a->tls : NULL;
}

/* `why` stays empty when the file is good. */
static void
read_file(struct trusted_ca *a, int fd, struct buf *why)
{
	size_t len = 0;
	char *data = disk_read_whole(fd, TLS_FILE_MAX, &len);

	if (data == NULL && errno == EFBIG)
		buf_printf(why, "%s: too large, or not readable", a->path);
	else if (data == NULL)
		buf_printf(why, "%s: %s", a->path, strerror(errno));
	else if (tls_out_trust(a->tls, &(struct tls_text){ a->path, data, len }, why) == -1 &&
	    why->len == 0)
		buf_printf(why, "%s: no certificate in it can be used", a->path);
	free(data);
}

/* `why` "": the file is good. */
static void
tell_file(struct trusted_ca *a, const char *why)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	if (why[0] == '\0')
		a->good = true;
	else
		log_event(LOG_FAULT, NULL, "trouble", "what=authorities reason=%s%s", log_safe(why),
		    a->good ? " used=old" : "");
	if (why[0] != '\0')
		buf_printf(&text, "authorities on disk cannot be used: %s; %s", why, a->good ?
		    "the old ones are in use" : "mail that needs them waits");
	boot_trouble(a->boot, "authorities", buf_text(&text));
	buf_done(&text);
}

void
trusted_ca_take_file(struct trusted_ca *a, const struct ctl_message *m)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	struct ctl_opened opened;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (m->fd == -1)
		buf_puts(&why, opened.why);
	if (a != NULL && a->needed) {
		if (m->fd != -1)
			read_file(a, m->fd, &why);
		tell_file(a, buf_text(&why));
		if (!a->began)
			a->ready(a->arg);
		a->began = true;
		drop_wants(a, true);
	}
	buf_done(&why);
}
