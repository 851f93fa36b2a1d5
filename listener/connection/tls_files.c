/*
 * tls_files - the certificate and key files of this process: the master opens them, here they are checked and
 * used
 *
 * Runs in:  listener
 * Owns:     struct tls; the texts of the files until the last one of a set is here
 * Promise:  no client is accepted before there are certificates; a set that is not good as a whole changes
 *           nothing, and one event says why; sessions go on with the set they began with; key texts are wiped
 * Fails by: ending the process with a reason when its first set is bad
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

enum { FAILURES_A_SECOND = 10, DAYS_AGAIN_MS = 3600000 };

static_assert(TLS_TICKET_SIZE == CTL_TICKET_SIZE, "one size of ticket keys");

struct tls_files {
	struct listener *listener;
	void (*ready)(void *arg);	/* after the first good set */
	void *arg;
	struct tls *tls;
	bool serving;
	struct tls_source *source;	/* one for each pair of files */
	char **text;			/* of the files of `source`, in the order of `index`; owned */
	size_t pairs, missing;		/* missing: files that were asked for and have not come */
	uint32_t round;			/* of asking: answers to an earlier round are ignored */
	char refused[CTL_REASON_MAX];	/* why the files on disk are not in use; "": they are */
	struct loop_timer *days_again;	/* a certificate may have come close to its end */
	uint64_t second;		/* the one in which `events` failed handshakes were logged */
	unsigned events, silent;	/* silent: failures without an event since the last event */
};

static struct tls_text *
text_at(struct tls_files *s, size_t index)
{
	struct tls_source *pair = &s->source[index / 2];

	return index % 2 == 0 ? &pair->certificate : &pair->key;
}

static const char *
path_at(const struct tls_files *s, size_t index)
{
	const struct config_server *server = s->listener->server;

	return (index % 2 == 0 ? &server->certificate : &server->key)->text[index / 2];
}

static void
forget_files(struct tls_files *s)
{
	for (size_t i = 0; i < s->pairs * 2; i++) {
		struct tls_text *t = text_at(s, i);

		if (s->text[i] != NULL)
			explicit_bzero(s->text[i], t->len);
		free(s->text[i]);
		s->text[i] = NULL;
		*t = (struct tls_text){ 0 };
	}
}

/* Asks for all files: CTL_FILE follows for each. */
static void
ask_files(struct tls_files *s)
{
	forget_files(s);
	s->round++;
	s->missing = s->pairs * 2;
	for (size_t i = 0; i < s->pairs * 2; i++)
		boot_open(s->listener->boot, s->round, i % 2 == 0 ? CTL_FILE_CERTIFICATE : CTL_FILE_KEY,
		    (unsigned)(i / 2), "");
}

/* Every listener of the virtual server writes the same. */
static void
measure_ends(const struct tls_files *s)
{
	struct measures *m = counters_measures(s->listener->boot->counters);

	for (size_t i = 0; i < tls_count(s->tls); i++)
		measures_set_row(m, MEASURES_CERTIFICATES, i, path_at(s, i * 2), tls_ends(s->tls, i));
	measures_clear_rows(m, MEASURES_CERTIFICATES, tls_count(s->tls));
}

/* Which certificates in use end soon, for operators. */
static void
tell_days(void *arg)
{
	struct tls_files *s = arg;
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	for (size_t i = 0; s->serving && i < tls_count(s->tls); i++) {
		int days = tls_days(s->tls, i);

		if (!tls_ends_soon(s->tls, i, s->listener->server->certificate_alarm))
			continue;
		buf_printf(&text, "%sthe certificate in %s ", text.len > 0 ? "; " : "", path_at(s, i * 2));
		if (days < 0)
			buf_puts(&text, "has expired");
		else
			buf_printf(&text, "expires in %d day%s", days, days == 1 ? "" : "s");
	}
	boot_trouble(s->listener->boot, "days", buf_text(&text));
	buf_done(&text);
	loop_timer_set(s->days_again, DAYS_AGAIN_MS);
}

struct tls_files *
tls_files_new(struct listener *l, void (*ready)(void *arg), void *arg)
{
	const struct config_server *server = l->server;
	struct tls_files *s;

	if (!config_server_has_tls(server))
		return NULL;
	s = mem_new(struct tls_files);
	s->listener = l;
	s->ready = ready;
	s->arg = arg;
	s->tls = tls_new(server->tls_minimum, server->name,
	    server->ask_certificate || server->evacuate_from.count > 0);
	if (server->tls_for_old_devices)
		tls_allow_old(s->tls);
	s->pairs = server->certificate.count;
	s->source = mem_zalloc(s->pairs * sizeof(*s->source));
	s->text = mem_zalloc(s->pairs * 2 * sizeof(*s->text));
	s->days_again = loop_timer_new(l->boot->loop, tell_days, s);
	ask_files(s);
	return s;
}

void
tls_files_free(struct tls_files *s)
{
	if (s == NULL)
		return;
	forget_files(s);
	loop_timer_free(s->days_again);
	tls_free(s->tls);
	free(s->source);
	free(s->text);
	free(s);
}

static void
refuse_files(struct tls_files *s, const char *reason)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	if (!s->serving)
		boot_refuse(s->listener->boot, EX_CONFIG, reason);
	snprintf(s->refused, sizeof(s->refused), "%s", reason);
	log_event(LOG_FAULT, NULL, "certificate", "result=refused kept=old reason=%s", log_safe(reason));
	buf_printf(&text, "certificate or key on disk cannot be used: %s; the old ones are in use, and it "
	    "would not start again", reason);
	boot_trouble(s->listener->boot, "certificate", buf_text(&text));
	buf_done(&text);
}

static void
tell_loaded(const struct tls_files *s)
{
	for (size_t i = 0; i < tls_count(s->tls); i++) {
		int days = tls_days(s->tls, i);

		log_event(tls_ends_soon(s->tls, i, s->listener->server->certificate_alarm) ?
		    LOG_WARN : LOG_FACT, NULL, "certificate", "result=%s days=%d names=%s file=%s",
		    days < 0 ? "expired" : "loaded", days, log_safe(tls_names(s->tls, i)),
		    log_safe(path_at(s, i * 2)));
	}
}

/*
 * All files are here. An expired certificate is better than none at the start, but later the one in use is
 * better.
 */
static void
use_files(struct tls_files *s)
{
	struct buf why = BUF_INIT(CTL_REASON_MAX);
	int result = tls_load(s->tls, s->source, s->pairs, s->serving, &why);

	forget_files(s);
	if (result == -1) {
		refuse_files(s, buf_text(&why));
	} else {
		tell_loaded(s);
		measure_ends(s);
		boot_trouble(s->listener->boot, "certificate", "");
		s->refused[0] = '\0';
		if (!s->serving) {
			s->serving = true;
			s->ready(s->arg);
		}
		tell_days(s);
	}
	buf_done(&why);
}

/* 0, or -1 and errno. */
static int
read_file(struct tls_files *s, size_t index, int fd)
{
	struct tls_text *t = text_at(s, index);

	t->data = s->text[index] = disk_read_whole(fd, TLS_FILE_MAX, &t->len);
	return t->data != NULL ? 0 : -1;
}

static void
take_file(struct tls_files *s, const struct ctl_opened *opened, int fd)
{
	size_t index = (size_t)opened->file.index * 2 + (opened->file.kind == CTL_FILE_KEY);
	struct tls_text *t;

	if (s->missing == 0 || index >= s->pairs * 2)
		return;
	t = text_at(s, index);
	t->path = path_at(s, index);
	if (fd == -1 || read_file(s, index, fd) == -1) {
		char reason[CTL_REASON_MAX];

		if (fd == -1)
			snprintf(reason, sizeof(reason), "%s", opened->why);
		else
			snprintf(reason, sizeof(reason), "%s: %s", t->path, strerror(errno));
		forget_files(s);
		s->missing = 0; /* the rest of this round is ignored */
		refuse_files(s, reason);
	} else if (--s->missing == 0) {
		use_files(s);
	}
}

void
tls_files_take_file(struct tls_files *s, const struct ctl_message *m)
{
	struct ctl_opened opened;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (s != NULL && m->request == s->round)
		take_file(s, &opened, m->fd);
}

void
tls_files_renew(struct tls_files *s)
{
	if (s != NULL)
		ask_files(s);
}

void
tls_files_take_tickets(struct tls_files *s, const struct ctl_message *m)
{
	struct ctl_tickets tickets;

	memcpy(&tickets, m->data, sizeof(tickets));
	if (s != NULL)
		tls_tickets(s->tls, tickets.key[0], tickets.key[1]);
	explicit_bzero(&tickets, sizeof(tickets));
}

struct tls *
tls_files_tls(const struct tls_files *s)
{
	return s->tls;
}

const char *
tls_files_path(const struct tls_files *s, size_t i)
{
	return path_at(s, i * 2);
}

const char *
tls_files_refused(const struct tls_files *s)
{
	return s->refused;
}

void
tls_files_tell(struct tls_files *s, const char *result, const char *ip, const char *why)
{
	uint64_t second = clock_mono_ms() / 1000;

	if (second != s->second) {
		s->second = second;
		s->events = 0;
	}
	if (++s->events > FAILURES_A_SECOND) {
		s->silent++;
		return;
	}
	log_event(LOG_FACT, NULL, "handshake", "result=%s client=%s reason=%s unreported=%u", result, ip,
	    log_safe(why), s->silent);
	s->silent = 0;
}

void
tls_files_format_event(char *dst, const struct ssl_st *link)
{
	if (link == NULL)
		snprintf(dst, TLS_FACTS_SIZE, "-");
	else
		snprintf(dst, TLS_FACTS_SIZE, "%s/%s", tls_link_version(link), tls_link_cipher(link));
}

void
tls_files_format_received(char *dst, const struct ssl_st *link)
{
	dst[0] = '\0';
	if (link != NULL)
		snprintf(dst, TLS_FACTS_SIZE, "%s, %s, %d bits", tls_link_version(link),
		    tls_link_cipher(link), tls_link_bits(link));
}

/* Both in hexadecimal, the first perhaps with colons. */
static bool
is_same_fingerprint(const char *written, const char *shown)
{
	for (; *written != '\0'; written++)
		if (*written != ':' && tolower((unsigned char)*written) != *shown++)
			return false;
	return *shown == '\0';
}

bool
tls_files_is_shown(const struct config_strings *fingerprints, const struct ssl_st *link)
{
	char shown[TLS_FILES_FINGERPRINT_SIZE];
	bool found = false;

	tls_files_format_fingerprint(shown, link);
	for (size_t i = 0; i < fingerprints->count && shown[0] != '\0' && !found; i++)
		found = is_same_fingerprint(fingerprints->text[i], shown);
	return found;
}

void
tls_files_format_fingerprint(char *dst, const struct ssl_st *link)
{
	unsigned char bytes[TLS_FINGERPRINT_SIZE];

	dst[0] = '\0';
	if (link == NULL || !tls_link_fingerprint(link, bytes))
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
}
