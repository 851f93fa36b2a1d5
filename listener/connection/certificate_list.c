/*
 * certificate_list - the certificates that clients are shown, for operators
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  what is told is what this process shows now, also when the files on disk are others. Of keys
 *           nothing is told. A line a certificate, with tabs: number of the pair, place in its chain (0: that
 *           of this host), subject, names with commas, issuer, valid from and until (Unix time), days left,
 *           kind of key, SHA-256, file. A line without a tab: what is wrong
 * Fails by: the exit status 1: something is wrong
 */
#include <string.h>

#include "listener/connection/connection.h"
#include "listener/listener.h"

#define LINE_MAX_BYTES 4000
#define NAMES_MAX 1000		/* bytes of a list of names; a certificate may have thousands */
#define CELL_MAX 600		/* bytes of another text, as it is escaped */

struct certificate_list {
	const struct listener *listener;
	uint32_t request;
	int32_t status;
};

static void
send_line(const struct certificate_list *l, const struct buf *line)
{
	(void)!ctl_send(l->listener->boot->master, CTL_TEST_TEXT, l->request, buf_text(line), line->len, -1);
}

static void
blame(struct certificate_list *l, const char *before, const char *what, const char *after)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);

	buf_printf(&line, "%s%.*s%s\n", before, CELL_MAX, what, after);
	send_line(l, &line);
	l->status = 1;
	buf_done(&line);
}

/* As much of it as there is room for, without the characters of `without`. */
static void
put_cell(struct buf *line, const char *text, size_t most, const char *without, const char *end)
{
	size_t from = line->len;

	for (; *text != '\0' && line->len - from < most; text++)
		if ((unsigned char)*text < ' ' || *text == '\\' || *text == 0x7f)
			buf_printf(line, "\\x%02x", (unsigned char)*text);
		else if (strchr(without, *text) == NULL)
			buf_add(line, text, 1);
	buf_printf(line, "%s%s", *text != '\0' ? "..." : "", end);
}

static void
tell_certificate(const struct certificate_list *l, size_t i, size_t place, const struct tls_details *d)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);

	buf_printf(&line, "%zu\t%zu\t", i + 1, place);
	put_cell(&line, d->subject, CELL_MAX, "", "\t");
	put_cell(&line, d->names, NAMES_MAX, " ", "\t");
	put_cell(&line, d->issuer, CELL_MAX, "", "\t");
	buf_printf(&line, "%lld\t%lld\t%d\t%s\t%s\t", (long long)d->from, (long long)d->until, d->days,
	    d->key, d->fingerprint);
	put_cell(&line, tls_files_path(l->listener->tls_files, i), CELL_MAX, "", "\n");
	send_line(l, &line);
	buf_done(&line);
}

static void
tell_pair(struct certificate_list *l, const struct tls *t, size_t i)
{
	const char *path = tls_files_path(l->listener->tls_files, i);
	struct tls_details d;

	for (size_t place = 0; tls_details_get(&d, t, i, place); place++) {
		tell_certificate(l, i, place, &d);
		tls_details_done(&d);
	}
	if (tls_days(t, i) < 0)
		blame(l, "the certificate in ", path, " has expired");
	if (!tls_is_in_order(t, i))
		blame(l, "the certificates in ", path, " are not in their order: each is followed by the one "
		    "that signed it");
}

static void
tell_all(struct certificate_list *l)
{
	const struct tls_files *files = l->listener->tls_files;
	const char *fqdn = l->listener->server->fqdn;
	const struct tls *t = tls_files_tls(files);
	bool fits = false;

	for (size_t i = 0; i < tls_count(t); i++) {
		tell_pair(l, t, i);
		fits |= tls_is_for(t, i, fqdn);
	}
	if (!fits)
		blame(l, "no certificate is for ", fqdn, ", which is fqdn in [delivery]");
	if (*tls_files_refused(files) != '\0')
		blame(l, "the files on disk are others, and cannot be used: ", tls_files_refused(files), "");
}

void
certificate_list_answer(struct listener *listener, const struct ctl_message *m)
{
	struct certificate_list l = { .listener = listener, .request = m->request };

	if (listener->tls_files != NULL)
		tell_all(&l);
	(void)!ctl_send(listener->boot->master, CTL_TEST_END, m->request, &l.status, sizeof(l.status), -1);
}
