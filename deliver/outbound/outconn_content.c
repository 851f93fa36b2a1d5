/*
 * outconn_content - reads the queue file for a connection: what the content is, and its pieces
 *
 * Runs in:  deliver
 * Owns:     nothing: a piece is read into the scratch of struct outbound, and the client copies it
 * Promise:  at most CLIENT_PIECE bytes at a time; of a large content that goes as it is, in clear,
 *           DIRECT_PIECE, from the file to the socket. Its bytes in the queue file do not change. Who lost
 *           the home sends no message to its end
 * Fails by: the transaction ends with the verdict of the read error, and the connection with it
 */
#include <errno.h>
#include <string.h>

#include "common/mail/header.h"
#include "common/mail/message.h"
#include "common/mail/report_form.h"
#include "common/process/counters.h"
#include "common/spool/spool.h"
#include "deliver/outbound/outbound.h"

#define DIRECT_PIECE (256U << 10)
#define FORM_MAX (4U << 20)	/* bytes of a report that is looked into; larger ones go as they are or not */

/* Bytes of the signatures before the content. */
static off_t
fields_size(const struct outbound_job *job)
{
	return job->fields != NULL ? (off_t)job->fields->len : 0;
}

/* Bytes of what is sent in place of the content, or of the content with what goes before it. */
static off_t
sent_size(const struct outconn *p)
{
	return p->form.len > 0 ? (off_t)p->form.len : fields_size(p->job) + p->job->e->content_size;
}

static ssize_t
read_content(const struct outbound_job *job, char *piece, size_t want, off_t at)
{
	return spool_read_content(job->e, job->fd, job->content, piece, want, at);
}

/* The signatures, and what is left of the piece for the content behind them. */
static ssize_t
read_signed(const struct outconn *p, char *piece, size_t want)
{
	off_t size = fields_size(p->job);
	size_t n = p->content_at < size ? (size_t)(size - p->content_at) : 0;
	ssize_t rest = 0;

	if (n > want)
		n = want;
	if (n > 0)
		memcpy(piece, p->job->fields->data + p->content_at, n);
	if (want > n)
		rest = read_content(p->job, piece + n, want - n, p->content_at + (off_t)n - size);
	return rest == -1 ? -1 : (ssize_t)n + rest;
}

static ssize_t
read_piece(const struct outconn *p, char *piece, size_t want)
{
	if (p->form.len == 0)
		return read_signed(p, piece, want);
	memcpy(piece, p->form.data + p->content_at, want);
	return (ssize_t)want;
}

static void
give_up_reading(struct outconn *p, int error)
{
	struct verdict v;

	verdict_from_errno(&v, error, "reading the queue file");
	client_abandon(&p->client, &v);
}

/* So many bytes of the content are on their way. */
static void
go_on(struct outconn *p, off_t n)
{
	p->content_at += n;
	if (p->content_at == sent_size(p))
		client_content_end(&p->client);
	p->logged = p->client.out.len;
}

static void
send_read(struct outconn *p)
{
	char *piece = p->site->o->piece;
	off_t left = sent_size(p) - p->content_at;
	size_t want = left > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)left;
	ssize_t n = want > 0 ? read_piece(p, piece, want) : 0;

	if (n != (ssize_t)want) {
		give_up_reading(p, n == -1 ? errno : EIO);
		return;
	}
	client_content(&p->client, piece, want);
	go_on(p, n);
}

/* The rest of it can go from the file to the socket: no byte is changed on the way, or looked at. */
static bool
is_direct(const struct outconn *p)
{
	const struct outbound_job *job = p->job;

	return p->tls == NULL && !p->reads && job->content == NULL && p->form.len == 0 &&
	    p->content_at >= fields_size(job) && p->content_at < sent_size(p) && !p->client.mail.fold &&
	    (job->plain || p->client.body == CLIENT_BY_BDAT);
}

static int
send_direct(struct outconn *p)
{
	const struct outbound_job *job = p->job;
	off_t at = p->content_at - fields_size(job), left = job->e->content_size - at;
	ssize_t n = outconn_io_send_file(p, job->fd, job->e->content_at + at,
	    left > (off_t)DIRECT_PIECE ? DIRECT_PIECE : (size_t)left);

	if (n > 0) {
		counters_add(p->site->o->counters, COUNTER_BYTES_SENT, n);
		client_content_passed(&p->client, (size_t)n);
		p->timed = CLIENT_PHASE_COUNT;	/* progress: the limit starts anew */
		go_on(p, n);
	} else if (n == 0 || errno == EIO)
		give_up_reading(p, EIO);
	else if ((errno == EINVAL || errno == ENOSYS) && p->content_at == fields_size(job))
		p->reads = true;
	else if (errno != EINTR)
		return -1;
	return 0;
}

/* Asked before each piece that is read, and before the last one that goes from the file to the socket. */
static bool
is_lost(const struct outconn *p)
{
	struct spool *spool = p->site->o->spool;

	return spool != NULL && (!is_direct(p) || sent_size(p) - p->content_at <= (off_t)DIRECT_PIECE) &&
	    !spool_folder_is_ours(spool);
}

int
outconn_content_send(struct outconn *p)
{
	if (is_lost(p))
		give_up_reading(p, errno);
	else if (is_direct(p))
		return send_direct(p);
	else
		send_read(p);
	return 0;
}

/*
 * Some clients declare SMTPUTF8 for all mail, and our reports have it when their parts contain UTF-8, where
 * 8-bit MIME would do (RFC 6532 3.7). What counts is the header. One that is larger than a piece is taken to
 * need it.
 */
static bool
has_ascii_header(const struct outconn *p, const struct outbound_job *job)
{
	off_t size = job->e->content_size;
	size_t want = size > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)size;
	char *piece = p->site->o->piece;
	ssize_t n = read_content(job, piece, want, 0);
	size_t end;

	if (n < 0)
		return false;
	end = header_size(piece, (size_t)n);
	for (size_t i = 0; i < end; i++)
		if ((piece[i] & 0x80) != 0)
			return false;
	return end < (size_t)n || n == size;
}

/* How many bytes it adds to break the lines that are too long. The content is read once more for that. */
static int64_t
measure_fold(const struct outconn *p, const struct outbound_job *job)
{
	struct client_fold f = { .emit = NULL };
	char *piece = p->site->o->piece;
	off_t at = 0;

	while (at < job->e->content_size) {
		off_t left = job->e->content_size - at;
		size_t want = left > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)left;
		ssize_t n = read_content(job, piece, want, at);

		if (n <= 0)
			return 0;	/* it is met again when the content is sent */
		client_fold_add(&f, piece, (size_t)n);
		at += n;
	}
	return f.added;
}

/*
 * What is to be known before it is sent, from one look at the bytes. A line that seems to be too long is
 * measured, which costs more and is rare.
 */
static void
survey_content(const struct outconn *p, struct outbound_job *job)
{
	struct client_survey found = { 0 };
	char *piece = p->site->o->piece;
	off_t at = 0;

	while (at < job->e->content_size && !found.may_be_long) {
		off_t left = job->e->content_size - at;
		size_t want = left > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)left;
		ssize_t n = read_content(job, piece, want, at);

		if (n <= 0)
			return;		/* it is met again when the content is sent */
		client_survey_add(&found, piece, (size_t)n);
		at += n;
	}
	job->plain = !found.dots && !found.may_be_long && found.last == '\n';
	job->added = found.may_be_long ? measure_fold(p, job) : 0;
}

/* The host can take the message as it is, as far as it has said what it takes. */
static bool
is_taken_whole(const struct outconn *p, const struct outbound_job *job, const struct client_mail *mail)
{
	const struct client *c = &p->client;
	unsigned flags = job->e->flags, offered = c->offered & ~c->without;

	return job->form == REPORT_WHOLE && ((flags & MESSAGE_8BIT) == 0 || (offered & CLIENT_8BITMIME)) &&
	    ((flags & MESSAGE_UTF8) == 0 || mail->ascii_header || (offered & CLIENT_SMTPUTF8)) &&
	    (c->size_limit == 0 || (uint64_t)(job->e->content_size + mail->added) <= c->size_limit);
}

/*
 * One of our own reports that this host cannot take as it is goes in the largest form that it can take. A
 * report that is lost is a sender who believes that all is well.
 */
static void
choose_form(struct outconn *p, struct outbound_job *job, struct client_mail *mail)
{
	struct client_fold f = { .emit = NULL };
	struct buf whole = BUF_INIT(FORM_MAX);
	size_t size = (size_t)job->e->content_size;
	char *to = job->e->content_size > (off_t)FORM_MAX ? NULL : buf_room(&whole, size);
	unsigned form = job->form > REPORT_HEADER ? job->form : REPORT_HEADER;

	if (to != NULL && read_content(job, to, size, 0) == (ssize_t)size) {
		buf_init(&p->form, FORM_MAX);
		for (; form < REPORT_FORMS; form++) {
			if (report_form_make(form, to, size, p->client.size_limit, &p->form))
				break;
			buf_clear(&p->form);
		}
	}
	buf_done(&whole);
	if (p->form.len == 0)
		return;		/* the client says what the host cannot take */
	job->form = (uint8_t)form;
	client_fold_add(&f, p->form.data, p->form.len);
	mail->seven_bit = mail->ascii_header = true;
	mail->fold = f.added > 0;
	mail->added = (int64_t)p->form.len - (int64_t)size + f.added;
}

/* Lines that the host need not take are folded; those of a signed message as they were signed. */
static void
fold_lines(struct outconn *p, struct outbound_job *job, struct client_mail *mail)
{
	mail->added = fields_size(job);
	if ((job->e->flags & MESSAGE_BINARY) != 0 ||
	    (job->fields == NULL && client_content_may_be_long(&p->client)))
		return;
	if (!job->measured)
		survey_content(p, job);
	job->measured = true;
	mail->added += job->added;
	mail->fold = job->added > 0;
}

void
outconn_content_prepare(struct outconn *p, struct outbound_job *job, struct client_mail *mail)
{
	unsigned flags = job->e->flags;

	if ((flags & MESSAGE_UTF8) != 0)
		mail->ascii_header = has_ascii_header(p, job);
	fold_lines(p, job, mail);
	if ((flags & MESSAGE_REPORT) != 0 && !is_taken_whole(p, job, mail))
		choose_form(p, job, mail);
}
