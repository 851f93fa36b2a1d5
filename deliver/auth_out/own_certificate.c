/*
 * own_certificate - the client certificates that we show to hosts which ask for one, and their keys
 *
 * Runs in:  deliver
 * Owns:     one struct tls for each place of the configuration (config_certificate_place); the texts of the
 *           files until both of a pair are here, key texts are wiped
 * Promise:  the master opens the files. No connection is made before each pair was judged once. A pair that
 *           is not good changes nothing, and one event says why: the old one stays in use
 * Fails by: mail for the hosts of that place waits; a trouble for operators
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/config/config_certificate.h"
#include "common/ipc/ctl.h"
#include "common/tls/tls.h"
#include "deliver/auth_out/auth_out.h"

enum { DAYS_AGAIN_MS = 3600000 };

struct pair {
	struct config_certificate files;
	struct tls *tls;
	bool good;			/* a pair is in use */
	struct tls_source source;	/* what has come of this round */
	unsigned missing;		/* files that have not come */
	char why[CTL_REASON_MAX];	/* the latest fault; "" none */
};

struct own_certificate {
	struct boot *boot;
	struct pair *pair;
	size_t count;
	uint32_t round;			/* of asking: answers to an earlier round are ignored */
	bool began;
	struct loop_timer *days_again;	/* a certificate may have come close to its end */
	void (*ready)(void *arg);
	void *arg;
};

static void
add_place(struct own_certificate *o, const char *place)
{
	const struct config_server *s = o->boot->server;
	struct config_certificate files;
	struct pair *p;

	if (!config_certificate_at(&files, s, place))
		return;
	o->pair = mem_grow(o->pair, o->count, sizeof(*o->pair));
	p = &o->pair[o->count++];
	*p = (struct pair){ .files = files, .tls = tls_new(CONFIG_TLS_1_2, s->name, false) };
	p->source.certificate.path = files.certificate;
	p->source.key.path = files.key;
}

static struct pair *
find_pair(const struct own_certificate *o, const char *place)
{
	for (size_t i = 0; o != NULL && i < o->count; i++)
		if (strcmp(o->pair[i].files.domain, place) == 0)
			return &o->pair[i];
	return NULL;
}

/* --- what is told --- */

/* In use, and no earlier place has the same file: each file is told once. */
static bool
is_told(const struct own_certificate *o, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (o->pair[k].good &&
		    strcmp(o->pair[k].files.certificate, o->pair[i].files.certificate) == 0)
			return false;
	return o->pair[i].good;
}

static void
measure_ends(const struct own_certificate *o)
{
	struct measures *m = counters_measures(o->boot->counters);
	size_t row = 0;

	for (size_t i = 0; i < o->count; i++)
		if (is_told(o, i))
			measures_set_row(m, MEASURES_CLIENT_CERTIFICATES, row++, o->pair[i].files.certificate,
			    tls_ends(o->pair[i].tls, 0));
	measures_clear_rows(m, MEASURES_CLIENT_CERTIFICATES, row);
}

/* Which of those in use end soon, for operators. */
static void
tell_days(void *arg)
{
	struct own_certificate *o = arg;
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	for (size_t i = 0; i < o->count; i++) {
		const struct pair *p = &o->pair[i];
		int days;

		if (!is_told(o, i) || !tls_ends_soon(p->tls, 0, o->boot->server->certificate_alarm))
			continue;
		days = tls_days(p->tls, 0);
		buf_printf(&text, "%sthe client certificate in %s ", text.len > 0 ? "; " : "",
		    p->files.certificate);
		if (days < 0)
			buf_puts(&text, "has expired");
		else
			buf_printf(&text, "expires in %d day%s", days, days == 1 ? "" : "s");
	}
	boot_trouble(o->boot, "client-certificate-days", buf_text(&text));
	buf_done(&text);
	loop_timer_set(o->days_again, DAYS_AGAIN_MS);
}

static void
tell_faults(const struct own_certificate *o)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	for (size_t i = 0; i < o->count; i++) {
		const struct pair *p = &o->pair[i];

		if (p->why[0] != '\0')
			buf_printf(&text, "%sa client certificate on disk cannot be used: %s; %s",
			    text.len > 0 ? "; " : "", p->why, p->good ? "the old one is in use" :
			    strcmp(p->files.domain, CONFIG_CERTIFICATE_EVACUATE) == 0 ?
			    "queue evacuate needs it" : "mail that needs it waits");
	}
	boot_trouble(o->boot, "client-certificate", buf_text(&text));
	buf_done(&text);
}

static void
tell_loaded(const struct own_certificate *o, const struct pair *p)
{
	int days = tls_days(p->tls, 0);

	log_event(tls_ends_soon(p->tls, 0, o->boot->server->certificate_alarm) ? LOG_WARN : LOG_FACT, NULL,
	    "certificate", "result=%s what=client days=%d names=%s file=%s", days < 0 ? "expired" : "loaded",
	    days, log_safe(tls_names(p->tls, 0)), log_safe(p->files.certificate));
}

/* --- files --- */

static void
forget_files(struct pair *p)
{
	tls_text_forget(&p->source.certificate);
	tls_text_forget(&p->source.key);
}

static void
ask_files(struct own_certificate *o)
{
	o->round++;
	for (size_t i = 0; i < o->count; i++) {
		struct pair *p = &o->pair[i];

		forget_files(p);
		p->why[0] = '\0';
		p->missing = 2;
		boot_open_domain(o->boot, o->round, CTL_FILE_CLIENT_CERTIFICATE, "", p->files.domain);
		boot_open_domain(o->boot, o->round, CTL_FILE_CLIENT_KEY, "", p->files.domain);
	}
}

/* An expired certificate is better than none at the start; later the one in use is better. */
static void
use_files(struct own_certificate *o, struct pair *p)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);

	if (p->why[0] == '\0' && tls_load(p->tls, &p->source, 1, p->good, &why) == -1)
		snprintf(p->why, sizeof(p->why), "%s", buf_text(&why));
	forget_files(p);
	if (p->why[0] == '\0') {
		p->good = true;
		tell_loaded(o, p);
	} else
		log_event(LOG_FAULT, NULL, "certificate", "result=refused what=client%s reason=%s",
		    p->good ? " kept=old" : "", log_safe(p->why));
	buf_done(&why);
}

static void
read_file(struct pair *p, const struct ctl_opened *opened, int fd)
{
	struct tls_text *t = opened->file.kind == CTL_FILE_CLIENT_KEY ? &p->source.key :
	    &p->source.certificate;

	tls_text_forget(t);
	if (fd == -1)
		snprintf(p->why, sizeof(p->why), "%s", opened->why);
	else if ((t->data = disk_read_whole(fd, TLS_FILE_MAX, &t->len)) == NULL)
		snprintf(p->why, sizeof(p->why), "%s: %s", t->path, strerror(errno));
}

static bool
is_complete(const struct own_certificate *o)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->pair[i].missing > 0)
			return false;
	return true;
}

void
own_certificate_take_file(struct own_certificate *o, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct pair *p;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	opened.file.domain[sizeof(opened.file.domain) - 1] = '\0';
	p = find_pair(o, opened.file.domain);
	if (p == NULL || m->request != o->round || p->missing == 0)
		return;
	read_file(p, &opened, m->fd);
	if (--p->missing > 0)
		return;
	use_files(o, p);
	if (!is_complete(o))
		return;
	measure_ends(o);
	tell_faults(o);
	tell_days(o);
	if (!o->began)
		o->ready(o->arg);
	o->began = true;
}

/* --- what others call --- */

struct own_certificate *
own_certificate_new(struct boot *b, void (*ready)(void *arg), void *arg)
{
	struct own_certificate *o = mem_new(struct own_certificate);
	const char *place;

	o->boot = b;
	o->ready = ready;
	o->arg = arg;
	for (size_t i = 0; (place = config_certificate_place(b->server, i)) != NULL; i++)
		add_place(o, place);
	if (o->count == 0) {
		free(o);
		return NULL;
	}
	o->days_again = loop_timer_new(b->loop, tell_days, o);
	return o;
}

bool
own_certificate_begin(struct own_certificate *o)
{
	if (o == NULL)
		return true;
	ask_files(o);
	return false;
}

void
own_certificate_renew(struct own_certificate *o)
{
	if (o != NULL)
		ask_files(o);
}

void
own_certificate_free(struct own_certificate *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->count; i++) {
		forget_files(&o->pair[i]);
		tls_free(o->pair[i].tls);
	}
	loop_timer_free(o->days_again);
	free(o->pair);
	free(o);
}

const struct tls *
own_certificate_tls(const struct own_certificate *o, const char *place)
{
	const struct pair *p = find_pair(o, place);

	return p != NULL && p->good ? p->tls : NULL;
}

const char *
own_certificate_fault(const struct own_certificate *o, const char *place)
{
	const struct pair *p = find_pair(o, place);

	if (p != NULL && p->good)
		return NULL;
	return p != NULL ? p->why : "the client certificate is not there";
}
