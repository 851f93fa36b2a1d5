/*
 * ldap_deadline - an end to TLS handshakes of libldap, which asks the socket again and again for what does
 * not come
 *
 * Runs in:  directory, a pool thread
 * Owns:     a layer of the connection, between the socket and TLS
 * Promise:  while a deadline is set, a read waits for bytes until then, and fails after it; else nothing
 *           changes
 * Fails by: NULL; ETIMEDOUT in the read, which TLS takes for a broken connection
 */
#define LDAP_DEPRECATED 0
#include <errno.h>
#include <ldap.h>
#include <poll.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define LEVEL (LBER_SBIOD_LEVEL_PROVIDER + 5)	/* TLS is at LBER_SBIOD_LEVEL_TRANSPORT */

struct ldap_deadline {
	struct ldap_conncb made;	/* libldap tells of each connection */
	uint64_t until;			/* monotonic ms; 0: none */
};

static int
set_up(Sockbuf_IO_Desc *io, void *arg)
{
	io->sbiod_pvt = arg;
	return 0;
}

static int
do_nothing(Sockbuf_IO_Desc *io)
{
	return 0;
}

static int
pass_control(Sockbuf_IO_Desc *io, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(io, option, arg);
}

static ber_slen_t
pass_write(Sockbuf_IO_Desc *io, void *data, ber_len_t len)
{
	return LBER_SBIOD_WRITE_NEXT(io, data, len);
}

/* False and errno: nothing has come until then. */
static bool
wait_for_bytes(Sockbuf_IO_Desc *io, uint64_t until)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	uint64_t now = clock_mono_ms();

	if (ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &p.fd) == 1 && now < until &&
	    poll(&p, 1, (int)(until - now)) != 0)
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ber_slen_t
read_in_time(Sockbuf_IO_Desc *io, void *data, ber_len_t len)
{
	const struct ldap_deadline *d = io->sbiod_pvt;
	ber_slen_t n;

	do
		n = LBER_SBIOD_READ_NEXT(io, data, len);
	while (n == -1 && (errno == EAGAIN || errno == EINTR) && d->until != 0 &&
	    wait_for_bytes(io, d->until));
	return n;
}

static int
on_connection(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address, struct ldap_conncb *made)
{
	static Sockbuf_IO layer = { set_up, do_nothing, pass_control, read_in_time, pass_write, do_nothing };

	return ber_sockbuf_add_io(sb, &layer, LEVEL, made->lc_arg);
}

static void
on_connection_over(LDAP *ld, Sockbuf *sb, struct ldap_conncb *made)
{
}

struct ldap_deadline *
ldap_deadline_new(struct ldap *ld)
{
	struct ldap_deadline *d = mem_new(struct ldap_deadline);

	d->made = (struct ldap_conncb){ on_connection, on_connection_over, d };
	if (ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &d->made) == LDAP_OPT_SUCCESS)
		return d;
	free(d);
	return NULL;
}

void
ldap_deadline_set(struct ldap_deadline *d, uint64_t until_ms)
{
	d->until = until_ms;
}

void
ldap_deadline_free(struct ldap_deadline *d)
{
	free(d);
}
