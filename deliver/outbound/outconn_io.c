/*
 * outconn_io - the bytes of an outbound connection, in clear or under TLS, and the TLS handshake
 *
 * Runs in:  deliver
 * Owns:     the connection's TLS
 * Promise:  never blocks. Reads and writes a TLS record at a time: no byte that was read stays unseen inside
 *           OpenSSL. After the handshake it is known what the host has proved
 * Fails by: -1 and errno, EPROTO when TLS is broken; client_insecure after a failed handshake
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "deliver/outbound/outbound.h"

/* The result as recv(2) and send(2) give it; a connection that fails under TLS fails as one in clear. */
static ssize_t
as_socket_result(size_t n, enum tls_want want)
{
	if (n > 0)
		return (ssize_t)n;
	if (want == TLS_ENDED)
		return 0;
	errno = want != TLS_BROKEN ? EAGAIN : tls_link_is_cut() ? ECONNRESET : EPROTO;
	return -1;
}

ssize_t
outconn_io_recv(struct outconn *p, char *data, size_t size)
{
	enum tls_want want;
	size_t n;

	if (p->tls == NULL)
		return recv(p->fd, data, size, 0);
	n = tls_link_read(p->tls, data, size, &want);
	return as_socket_result(n, want);
}

ssize_t
outconn_io_send(struct outconn *p, const char *data, size_t len)
{
	enum tls_want want;
	size_t n;
	ssize_t result;

	if (p->tls == NULL)
		return send(p->fd, data, len, MSG_NOSIGNAL);
	n = tls_link_write(p->tls, data, len, &want);
	result = as_socket_result(n, want);
	if (result != 0)
		return result;
	errno = ECONNRESET;
	return -1;
}

/* SIGPIPE is ignored: boot. */
ssize_t
outconn_io_send_file(const struct outconn *p, int fd, off_t at, size_t len)
{
	return sendfile(p->fd, fd, &at, len);
}

static void
begin_handshake(struct outconn *p)
{
	struct tls_record record[TLSA_RECORDS_MAX];
	struct tls_wish wish;

	tls_policy_wish(&p->site->d, &p->policy, &wish, record);
	if (p->site->d.security.certificate != NULL)
		wish.own = own_certificate_tls(p->site->o->own, p->site->d.security.certificate);
	wish.peer = p->where;
	p->tls = tls_out_link(p->site->o->tls, p->fd, &wish);
}

/* Without the certificate that is to be shown nothing begins. NULL: it is there, or none is to be. */
static const char *
lacks_certificate(const struct outconn *p)
{
	const char *place = p->site->d.security.certificate;

	return place == NULL ? NULL : own_certificate_fault(p->site->o->own, place);
}

static void
tell_secured(const struct outconn *p)
{
	char text[TLS_FACTS_SIZE + 128];
	bool has = p->site->d.security.certificate != NULL;

	snprintf(text, sizeof(text), "%s, %s%s", p->facts, strcmp(p->verified, "dane") == 0 ?
	    "verified by its TLSA records" : strcmp(p->verified, "name") == 0 ?
	    "name and issuer verified" : "not verified", !has ? "" : tls_out_is_shown(p->tls) ?
	    ", client certificate shown" : ", client certificate not asked for");
	if (tls_out_is_resumed(p->tls))
		log_detail(NULL, "resumed", "host=%s tls=%s", log_safe(p->where), p->facts);
	site_queue_step(p->site, OUTBOUND_SECURED, text);
}

static void
end_handshake(struct outconn *p)
{
	static const char *const proofs[] = { [TLS_PROOF_NONE] = "none", [TLS_PROOF_NAME] = "name",
	    [TLS_PROOF_DANE] = "dane" };
	static const char *const shown[] = { [TLS_PROOF_NONE] = "none client-cert=yes",
	    [TLS_PROOF_NAME] = "name client-cert=yes", [TLS_PROOF_DANE] = "dane client-cert=yes" };
	enum tls_proof proof = tls_out_proof(p->tls);

	snprintf(p->facts, sizeof(p->facts), "%s/%s", tls_link_version(p->tls), tls_link_cipher(p->tls));
	p->verified = proofs[proof];
	p->proofs = (tls_out_is_shown(p->tls) ? shown : proofs)[proof];
	tell_secured(p);
	outconn_report_secured(p, proof);
	outconn_auth_secured(p);
	client_secured(&p->client);
}

void
outconn_io_fail(struct outconn *p, int error)
{
	const char *reason = error == EPROTO ? tls_link_reason() : strerror(error);

	if (error == EPROTO && tls_link_is_refused()) {
		client_insecure(&p->client, CLIENT_TLS_UNPROVEN, reason);
		return;
	}
	if (error == EPROTO && client_phase_is_securing(&p->client))
		client_insecure(&p->client, CLIENT_TLS_BROKEN, reason);
	else
		client_lost(&p->client, reason);
}

/* TLS at once: a failure before the first byte came means that there is no connection. */
static void
fail_handshake(struct outconn *p, int error)
{
	enum client_security how = tls_out_is_unproven(p->tls) || tls_link_is_refused() ?
	    CLIENT_TLS_UNPROVEN : CLIENT_TLS_BROKEN;
	char reason[256], names[160];
	struct tls_record record[TLSA_RECORDS_MAX];
	struct tls_wish wish;

	if (p->state == OUTCONN_CONNECTING && error != 0) {
		client_unreached(&p->client, p->where, strerror(error));
		return;
	}
	outconn_report_broken(p);
	if (tls_link_is_cut()) {
		client_lost(&p->client, tls_link_reason());
		return;
	}
	if (!tls_out_is_misnamed(p->tls)) {
		client_insecure(&p->client, how, tls_link_reason());
		return;
	}
	tls_policy_wish(&p->site->d, &p->policy, &wish, record);
	tls_policy_names(&wish, names, sizeof(names));
	snprintf(reason, sizeof(reason), "%s (wanted: %s)", tls_link_reason(), names);
	client_insecure(&p->client, how, reason);
}

bool
outconn_io_shake(struct outconn *p, bool *blocked)
{
	const char *lack = lacks_certificate(p);

	*blocked = false;
	if (p->tls == NULL && lack != NULL) {
		client_insecure(&p->client, CLIENT_TLS_UNPROVEN, lack);
		return true;
	}
	if (p->tls == NULL)
		begin_handshake(p);
	if (p->tls == NULL) {
		client_insecure(&p->client, CLIENT_TLS_UNPROVEN, "OpenSSL cannot begin the handshake");
		return true;
	}
	switch (tls_link_shake(p->tls)) {
	case TLS_DONE:
		end_handshake(p);
		return true;
	case TLS_WANT_READ:
		if (p->state == OUTCONN_CONNECTING) {
			p->state = OUTCONN_OPENING;
			site_queue_step(p->site, OUTBOUND_CONNECTED, p->where);
		}
		return false;
	case TLS_WANT_WRITE:
		*blocked = true;
		return false;
	default:
		fail_handshake(p, errno);
		return true;
	}
}

void
outconn_io_close(struct outconn *p)
{
	if (p->tls == NULL)
		return;
	tls_link_close(p->tls);
	tls_link_free(p->tls);
	p->tls = NULL;
}
