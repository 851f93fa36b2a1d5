/*
 * outconn_content - reads the queue file for a connection: the content in pieces, the header for a judgement
 *
 * Runs in:  deliver
 * Owns:     nothing: a piece is read into the scratch of struct outbound, and the client copies it
 * Promise:  at most CLIENT_PIECE bytes at a time
 * Fails by: the transaction ends with the verdict of the read error, and the connection with it
 */
#include <errno.h>

#include "common/base/disk.h"
#include "common/mail/header.h"
#include "common/mail/message.h"
#include "deliver/outbound/outbound.h"

void
outconn_content_send(struct outconn *p)
{
	const struct message_envelope *e = p->job->e;
	char *piece = p->site->o->piece;
	off_t left = e->content_size - p->content_at;
	size_t want = left > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)left;
	ssize_t n = want > 0 ? disk_pread(p->job->fd, piece, want, e->content_at + p->content_at) : 0;

	if (n != (ssize_t)want) {
		struct verdict v;

		verdict_from_errno(&v, n == -1 ? errno : EIO, "reading the queue file");
		client_abandon(&p->client, &v);
		return;
	}
	client_content(&p->client, piece, want);
	p->content_at += n;
	if (p->content_at == e->content_size)
		client_content_end(&p->client);
	p->logged = p->client.out.len;
}

/*
 * Some clients declare SMTPUTF8 for all mail, and our reports have it when their parts contain UTF-8, where
 * 8-bit MIME would do (RFC 6532 3.7). What counts is the header. One that is larger than a piece is taken to
 * need it.
 */
bool
outconn_content_ascii_header(const struct outconn *p, const struct outbound_job *job)
{
	off_t size = job->e->content_size;
	size_t want = size > (off_t)CLIENT_PIECE ? CLIENT_PIECE : (size_t)size;
	char *piece = p->site->o->piece;
	ssize_t n = disk_pread(job->fd, piece, want, job->e->content_at);
	size_t end;

	if (n < 0)
		return false;
	end = header_size(piece, (size_t)n);
	for (size_t i = 0; i < end; i++)
		if ((piece[i] & 0x80) != 0)
			return false;
	return end < (size_t)n || n == size;
}
