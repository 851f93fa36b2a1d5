/*
 * web_link - posternctl web login: the address of a one-time link to the manager
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the link is for the user that the kernel named. Its secret is in the fragment, which no browser
 *           sends and no log has
 * Fails by: an answer that says so
 */
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/net.h"
#include "master/control/control.h"
#include "master/control/control_private.h"

/* The address by which a browser of that user most likely gets there. */
static void
put_place(struct buf *out, const struct config_service *s)
{
	const struct config_manager *m = &s->manager;
	const char *host = m->hosts.count > 0 ? m->hosts.text[0] : NULL, *why;
	char ip[NET_TEXT_SIZE];
	struct net_address a;
	const struct sockaddr *sa = (const struct sockaddr *)&a.sa;
	size_t i = 0;

	while (i < m->listen.count && m->listen.text[i][0] == '/')
		i++;
	if (i == m->listen.count || net_address_parse(&a, m->listen.text[i], 0, &why) == -1) {
		buf_printf(out, "https://%s", host != NULL ? host : "localhost");
		return;
	}
	net_format_ip(ip, sa);
	buf_printf(out, "%s://", m->certificate != NULL ? "https" : "http");
	if (host != NULL && !net_is_loopback(sa))
		buf_puts(out, host);
	else if (net_is_any(sa))
		buf_puts(out, s->hostname);
	else
		buf_printf(out, sa->sa_family == AF_INET6 ? "[%s]" : "%s", ip);
	buf_printf(out, ":%u", net_port(sa));
}

bool
web_link_make(struct master *m, const struct control_peer *peer, const char *name, struct buf *out)
{
	unsigned char token[WEB_SECRET_SIZE];
	char text[WEB_SECRET_TEXT];

	if (m->web.sockets.count == 0)
		return false;
	web_sessions_link(m->web_sessions, peer, name, clock_mono_ms(), token);
	msg_web_secret_format(text, token);
	put_place(out, &m->snapshot->config->service);
	buf_printf(out, "/#login=%s\n", text);
	explicit_bzero(token, sizeof(token));
	explicit_bzero(text, sizeof(text));
	return true;
}

void
web_link_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	if (!web_link_make(m, cmd->peer, w->count > 2 ? w->word[2] : "", &cmd->text))
		control_answer_say(cmd, CONTROL_REFUSED,
		    "there is no manager: [manager] of postern.ini has no listen, or it could not be opened");
	else if (m->web.post.child == NULL)
		control_answer_say(cmd, EX_TEMPFAIL,
		    "the manager does not run at present; see the events");
}
