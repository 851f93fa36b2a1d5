/*
 * first_hint - a few lines for a new user, printed when the service is up (postern -g)
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the command in the hint is installed on this host
 * Fails by: leaving out what is not known
 */
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/master.h"

static bool
program_is_installed(const char *program)
{
	static const char *const folders[] = { "/usr/bin", "/usr/local/bin", "/bin" };
	char path[PATH_MAX];
	for (size_t i = 0; i < nitems_of(folders); i++)
		if (snprintf(path, sizeof(path), "%s/%s", folders[i], program) < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return true;
	return false;
}

static void
put_send_line(const struct config_server *s)
{
	const struct sockaddr *sa = (const struct sockaddr *)&s->listen[0].address.sa;
	const char *domain = s->default_domain->name;
	char ip[NET_TEXT_SIZE];
	bool six;

	net_format_ip(ip, sa);
	if (strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0)
		snprintf(ip, sizeof(ip), "%s", sa->sa_family == AF_INET6 ? "::1" : "127.0.0.1");
	six = strchr(ip, ':') != NULL;
	if (program_is_installed("curl"))
		printf("Send a message:    printf 'Subject: hello\\r\\n\\r\\nIt works.\\r\\n' | curl -sS "
		    "smtp://%s%s%s:%u "
		    "--mail-from you@%s --mail-rcpt me@%s -T -\n", six ? "[" : "", ip, six ? "]" : "",
		    net_port(sa), domain, domain);
	else if (program_is_installed("python3"))
		printf("Send a message:    python3 -c \"import smtplib; smtplib.SMTP('%s', "
		    "%u).sendmail('you@%s', 'me@%s', "
		    "'Subject: hello\\n\\nIt works.\\n')\"\n", ip, net_port(sa), domain, domain);
	else
		printf("Send a message:    printf 'From: you@%s\\nTo: me@%s\\nSubject: hello\\n\\nIt "
		    "works.\\n' > %s/hello\n", domain, domain, s->pickup);
}

/* The link logs in whoever started the service. */
static void
put_manager_line(struct master *m)
{
	const struct passwd *me = getpwuid(geteuid());
	struct control_peer peer;
	struct buf link = BUF_INIT(1024);

	control_rights_peer_user(&peer, geteuid());
	if (web_link_make(m, &peer, me != NULL ? me->pw_name : "", &link))
		printf("Manage it:         %s", buf_text(&link));
	buf_wipe(&link);
}

void
first_hint_newcomer(struct master *m)
{
	const struct server *s = TAILQ_FIRST(&m->servers);
	char *control = mem_printf("%s/posternctl", m->program_folder);
	bool beside = access(control, X_OK) == 0;

	if (s != NULL && s->conf != NULL && s->conf->nlisten > 0) {
		put_send_line(s->conf);
		printf("It will lie in:    %s\n", s->conf->drop);
	}
	printf("See the status:    %s -c %s status\n", beside ? control : "posternctl",
	    m->options.config_path);
	put_manager_line(m);
	fflush(stdout);
	free(control);
}
